"""The engine, the transaction, and the one place that tells "the database is away" from every other error.

The SQL driver is named here alone.
"""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from pg8000.exceptions import InterfaceError as DriverInterfaceError
from sqlalchemy import URL, Engine, create_engine, func, make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from taskflow.outage import DatabaseUnavailable
from taskflow.settings import DatabaseSettings, SettingError

# A dead pooled connection is found and replaced by the pre-ping; its stack trace would only alarm.
logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)

_AWAY = ("08", "53", "57P0")  # connection trouble, no resources, shut down or ended by an operator
_TOO_SLOW = ("57014", "55P03", "25P03", "40001", "40P01")  # statement or lock time-outs, lost races: try again


def engine_for(settings: DatabaseSettings) -> Engine:
    """An engine with one connection, because a sandbox handles one event at a time."""
    return create_engine(
        url_with_password(settings.url, settings.password),
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=settings.timeout,
        hide_parameters=True,  # an error that is logged must not show what people wrote
        connect_args={"timeout": settings.timeout, "ssl_context": _verification(settings)},
    )


def _verification(settings: DatabaseSettings) -> ssl.SSLContext | bool:
    """Who may vouch for the server: the system's authorities, and those of a file on top; False is a plain connection.

    On top, because behind a proxy the certificate is a public one and without it the database's own.
    """
    if not settings.tls:
        return False
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(settings.ca_file)
        except OSError:
            raise SettingError("DATABASE_CA_FILE", "names no file of certificates that can be read") from None
    return context


def url_with_password(url: str, password: str | None) -> URL:
    """A `postgresql://` address as SQLAlchemy wants it, for the driver of our choice."""
    address = make_url(url).set(drivername="postgresql+pg8000")
    return address if password is None else address.set(password=password)


@contextmanager
def transaction(engine: Engine, user_id: UUID | None = None) -> Iterator[Session]:
    """One transaction, committed at the end; with a user, row level security shows that user's tasks.

    Raises DatabaseUnavailable where PostgreSQL is away or too slow; the pool starts afresh then.
    """
    with availability(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        if user_id is not None:
            session.execute(select(func.set_config("app.user_id", str(user_id), True)))  # noqa: FBT003 - SQL's argument
        yield session


@contextmanager
def availability(engine: Engine) -> Iterator[None]:
    """Turns whatever says that PostgreSQL can't answer into DatabaseUnavailable."""
    try:
        yield
    except (DBAPIError, DriverInterfaceError, PoolTimeout, OSError) as error:
        if not _is_unavailability(error):
            raise
        engine.dispose()
        raise DatabaseUnavailable(sqlstate(error) or type(error).__name__) from error


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-letter code of an error, if it has one."""
    fields = _fields(error)
    return fields.get("C")


def violates(error: BaseException, constraint: str) -> bool:
    """Whether an error is the violation of this very constraint."""
    return _fields(error).get("n") == constraint


def _fields(error: BaseException) -> dict[str, str]:
    original = error.orig if isinstance(error, DBAPIError) else error
    first = original.args[0] if original is not None and original.args else None
    return first if isinstance(first, dict) else {}


def _is_unavailability(error: BaseException) -> bool:
    state = sqlstate(error)
    if state is not None:
        return state.startswith(_AWAY) or state in _TOO_SLOW
    # Without a code it did not come from the server: a socket that timed out, broke or was refused.
    original = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(original, DriverInterfaceError | PoolTimeout | OSError)
