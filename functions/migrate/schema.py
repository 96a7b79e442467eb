"""Roles, schema and grants, in one transaction under an advisory lock: two at once do no harm, and half never stays."""

from collections.abc import Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from migrate.roles import BACKUP_POLICY, POLICIES, ROLES
from migrate.scram import verifier

LOCK = 0x7A5F_0001  # any number will do, as long as nobody else takes it
HERE = Path(__file__).parent


def prepare(engine: Engine, database: str, passwords: Mapping[str, str]) -> str:
    """Bring a database up to date for roles named `<database>_<function>`; gives the schema's revision."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '15s'"))  # rather fail than stand in everybody's way
        for function in ROLES:
            _make_role(connection, f"{database}_{function}", function, passwords[function])
        upgrade(connection)
        grant(connection, database)
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def upgrade(connection: Connection, revision: str = "head", versions: Path = HERE / "versions") -> None:
    """Alembic's upgrade to a revision, the newest by default, over this connection."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _make_role(connection: Connection, role: str, function: str, password: str) -> None:
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        connection.execute(text(f"CREATE ROLE {role}"))
    connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD '{verifier(password)}'")
    for name, value in ROLES[function].settings.items():
        connection.execute(text(f"ALTER ROLE {role} SET {name} = {value}"))


def grant(connection: Connection, database: str) -> None:
    """Exactly the privileges of the table, whatever was granted before."""
    here = connection.scalar(text("SELECT quote_ident(current_database())"))
    _run(connection, f"REVOKE ALL ON DATABASE {here} FROM PUBLIC", "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for function, role in ROLES.items():
        name = f"{database}_{function}"
        _run(
            connection,
            f"GRANT CONNECT ON DATABASE {here} TO {name}",
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}",
            f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {name}",
            *(f"GRANT {', '.join(verbs)} ON {table} TO {name}" for table, verbs in role.privileges.items()),
        )
        for policy, verb, condition in POLICIES.get(function, ()):
            _run(
                connection,
                f"DROP POLICY IF EXISTS {policy} ON tasks",
                f"CREATE POLICY {policy} ON tasks FOR {verb} TO {name} USING ({condition})",
            )
    _let_back_up(connection, f"{database}_backup")


def _let_back_up(connection: Connection, role: str) -> None:
    """A role without a login that reads every row and writes none; the administrator becomes it for a backup."""
    if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
    _run(
        connection,
        f"GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"DROP POLICY IF EXISTS {BACKUP_POLICY} ON tasks",
        f"CREATE POLICY {BACKUP_POLICY} ON tasks FOR SELECT TO {role} USING (true)",
    )


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))
