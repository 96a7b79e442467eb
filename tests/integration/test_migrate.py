"""`migrate` makes a database ready, as often as it is asked, with an administrator who is no superuser."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from integration.api import Api
from integration.databases import Database
from lambda_context import LambdaContext
from migrate import handler as door
from migrate.roles import ROLES
from migrate.schema import prepare
from taskflow import kafka
from taskflow.database import transaction
from taskflow.settings import Environment, SettingError
from taskflow.tables import Table


def environment(database: Database, **changed: str) -> dict[str, str]:
    return {
        "DATABASE_ADMIN_URL": database.admin_url.set(drivername="postgresql").render_as_string(hide_password=False),
        "DATABASE_NAME": database.role_prefix,
        "DATABASE_TLS": "off",
        **{f"DATABASE_PASSWORD_{name.upper()}": database.passwords[name] for name in ROLES},
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KAFKA_SECURITY": "none",
        "KAFKA_REPLICATION": "1",
        **changed,
    }


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.admin_engine().connect() as connection:
        yield connection


def test_the_handler_prepares_database_and_topics(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(database).items():
        monkeypatch.setenv(name, value)
    asked: list[Any] = []

    def ensure_topics(settings: Any, *, replication: int) -> list[str]:
        asked.append((settings, replication))
        return ["events"]

    monkeypatch.setattr(kafka, "ensure_topics", ensure_topics)
    assert door.handler({}, LambdaContext()) == {"revision": "0001", "topics": ["events"]}
    assert [(settings.bootstrap_servers, replication) for settings, replication in asked] == [(("127.0.0.1:1",), 1)]


def test_the_migrations_build_what_the_tables_say(connection: Connection) -> None:
    assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_migrating_again_changes_nothing_that_is_there(api: Api) -> None:
    api.task(api.account())
    grants = "SELECT relname, relacl::text FROM pg_class WHERE relkind IN ('r', 'S') ORDER BY 1"
    policies = "SELECT policyname, roles::text, cmd, qual, with_check FROM pg_policies ORDER BY 1"
    before = api.rows(grants), api.rows(policies)
    for _ in range(2):
        assert door.prepare_database(Environment(environment(api.database))) == "0001"
    assert (api.rows(grants), api.rows(policies)) == before
    assert len(api.rows("SELECT * FROM tasks")) == 1


def test_two_at_once_do_no_harm(database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(door.prepare_database, Environment(environment(database))) for _ in range(2)]
        assert [run.result() for run in runs] == ["0001", "0001"]


def test_a_new_password_takes_the_place_of_the_old_one(database: Database) -> None:
    changed = secrets.token_hex(8)
    door.prepare_database(Environment(environment(database, DATABASE_PASSWORD_MAIL_SENDER=changed)))
    engine = database.engine("mail_sender")
    with pytest.raises(DBAPIError, match="password authentication failed"), transaction(engine) as session:
        session.execute(text("SELECT 1"))
    door.prepare_database(Environment(environment(database)))
    with transaction(engine) as session:
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_half_a_migration_never_stays(database: Database) -> None:
    with database.admin_engine().begin() as connection:
        connection.execute(text("REVOKE ALL ON tasks FROM PUBLIC"))
        connection.execute(text("ALTER TABLE login_failures RENAME TO somewhere"))  # the grants will fail
    with pytest.raises(DBAPIError):
        prepare(database.admin_engine(), database.role_prefix, dict.fromkeys(ROLES, "changed"))
    engine = database.engine("tasks")
    with transaction(engine) as session:  # still the old password
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_every_role_is_bounded_in_time(connection: Connection) -> None:
    for function in ROLES:
        settings = connection.scalar(
            text("SELECT setconfig FROM pg_db_role_setting JOIN pg_roles ON setrole = oid WHERE rolname LIKE :r"),
            {"r": f"test\\_%\\_{function}"},
        )
        assert {entry.split("=")[0] for entry in settings} == {
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "idle_session_timeout",
        }
    assert ROLES["outbox_relay"].settings["lock_timeout"] == 5_000
    assert ROLES["outbox_relay"].settings["idle_in_transaction_session_timeout"] == 10_000


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("DATABASE_NAME", "Robert'); DROP TABLE", "DATABASE_NAME must be a plain name"),
        ("DATABASE_PASSWORD_TASKS", "", "DATABASE_PASSWORD_TASKS is missing"),
        ("DATABASE_ADMIN_URL", "", "DATABASE_ADMIN_URL is missing"),
    ],
)
def test_a_setting_that_is_wrong_is_named(database: Database, name: str, value: str, fault: str) -> None:
    with pytest.raises(SettingError, match=fault):
        door.prepare_database(Environment(environment(database, **{name: value})))
