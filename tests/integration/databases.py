"""A fresh, migrated database for each test: cloned from a template that is migrated once per worker."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from migrate.roles import ROLES
from migrate.schema import prepare
from taskflow.database import engine_for, url_with_password
from taskflow.settings import DatabaseSettings

# The driver otherwise loads the machine's authorities for each connection, 30 ms of computing,
# only to be told that the tests' server speaks no TLS.
_PLAIN = {"ssl_context": False}


@dataclass(frozen=True)
class Database:
    """Where a test's database is, and how each function's role gets in."""

    admin_url: URL
    role_prefix: str
    passwords: dict[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.admin_url.database)

    def url(self, function: str) -> str:
        """As DATABASE_URL has it: without a password."""
        role = f"{self.role_prefix}_{function}"
        address = self.admin_url.set(drivername="postgresql", username=role, password=None)
        return address.render_as_string(hide_password=False)

    def settings(self, function: str, *, timeout: float = 5.0) -> DatabaseSettings:
        return DatabaseSettings(self.url(function), self.passwords[function], tls=False, timeout=timeout)

    def engine(self, function: str, *, timeout: float = 5.0) -> Engine:
        """The engine that this function would have; whoever asks for it disposes of it."""
        return engine_for(self.settings(function, timeout=timeout))

    def environment(self, function: str) -> dict[str, str]:
        """What the template gives this function, as far as the database goes."""
        return {
            "DATABASE_URL": self.url(function),
            "DATABASE_PASSWORD": self.passwords[function],
            "DATABASE_TLS": "off",
        }

    def admin_engine(self) -> Engine:
        """An engine that keeps nothing open, owns the tables and sees every row."""
        return create_engine(self.admin_url, poolclass=NullPool, connect_args=_PLAIN)


@contextmanager
def _maintenance(admin_url: str | URL) -> Iterator[Connection]:
    """A connection that may make and drop databases."""
    address = url_with_password(str(admin_url), None) if isinstance(admin_url, str) else admin_url
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=_PLAIN)
    with engine.connect() as connection:
        yield connection


def make_template(admin_url: str) -> tuple[Database, URL]:
    """A migrated database that nobody is connected to, and where it can be dropped from."""
    name = f"test_{secrets.token_hex(6)}"
    maintenance = url_with_password(admin_url, None)
    with _maintenance(maintenance) as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    passwords = {function: secrets.token_hex(16) for function in ROLES}
    template = Database(maintenance.set(database=name), name, passwords)
    prepare(template.admin_engine(), name, passwords)
    with template.admin_engine().begin() as connection:
        # The owner is bound by row level security; the tests' ledger has to see everything.
        connection.execute(text("CREATE POLICY tests_see_all ON tasks TO CURRENT_USER USING (true)"))
        for function in ROLES:  # who ends a role's connections has to be a member of it
            connection.execute(text(f"GRANT {name}_{function} TO CURRENT_USER WITH INHERIT TRUE"))
    return template, maintenance


@contextmanager
def clone_of(template: Database, maintenance: URL) -> Iterator[Database]:
    """A copy of the template, dropped at the end whoever is still connected."""
    name = f"{template.role_prefix}_{secrets.token_hex(4)}"
    with _maintenance(maintenance) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template.name} STRATEGY file_copy"))
    yield Database(template.admin_url.set(database=name), template.role_prefix, template.passwords)
    with _maintenance(maintenance) as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def drop_template(template: Database, maintenance: URL) -> None:
    with _maintenance(maintenance) as connection:
        connection.execute(text(f"DROP DATABASE {template.name} WITH (FORCE)"))
        for function in (*ROLES, "backup"):
            connection.execute(text(f"DROP ROLE {template.role_prefix}_{function}"))
