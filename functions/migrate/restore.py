"""Puts a backup into a database, in one transaction: it is there whole, or nothing has changed.

The schema is made anew at the backup's revision, loaded, and brought up to date. What the mail sender knows of the
world outside (mails that are out, records that were buried) is younger than the backup and true all the same, so those
rows of the database that is replaced are kept.
"""
# ruff: noqa: S608 - what is put into statements are names from the catalogue, never values

from dataclasses import dataclass
from typing import IO

from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from migrate.archive import BackupError, Manifest, Reader, TableEntry, reading
from migrate.schema import LOCK, grant, upgrade

_VERSION = "alembic_version"
_KEPT = {"processed_events": ("event_id",), "dead_letters": ("topic", "partition", "offset")}
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
_COLUMNS = text(
    "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attnum > 0 AND NOT attisdropped"
)

HELD = "held back by a restore"
_HOLD_MAILS = (
    f"UPDATE outbox SET dead_at = now(), last_error = '{HELD}'"
    " WHERE type LIKE 'email.%' AND published_at IS NULL AND dead_at IS NULL",
    f"UPDATE processed_events SET state = 'unknown', processed_at = now(), payload = NULL, fence = NULL,"
    f" last_error = '{HELD}' WHERE processed_at IS NULL",
)
# By the user's own clock, so that a change to summer time moves nobody to the date before.
_NEXT_DAY = text(
    "UPDATE digest_schedule s SET next_digest_at ="
    " (s.next_digest_at AT TIME ZONE u.timezone + interval '1 day') AT TIME ZONE u.timezone"
    " FROM users u WHERE u.id = s.user_id AND s.next_digest_at <= now()"
)


@dataclass(frozen=True)
class Wishes:
    """How a backup is put back."""

    replace: bool = False  # a database that has rows is emptied first
    hold_mails: bool = False  # send nothing of which nobody can know whether it went out after the backup


def load(engine: Engine, file: IO[bytes], database: str, wishes: Wishes = Wishes()) -> Manifest:
    """Restore; raises BackupError, with the database as it was, where that can't or mustn't be done."""
    with reading(file) as archive, engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '15s'"))
        _check(connection, wishes)
        kept = _put_aside(connection)
        _drop_all(connection)
        _upgrade(connection, archive.manifest.revision)
        _load(connection, archive)
        upgrade(connection)
        for table in kept:
            _bring_back(connection, table)
        if wishes.hold_mails:
            _hold_mails(connection)
        if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": f"{database}_auth"}):
            grant(connection, database)  # otherwise migrate makes the roles, and grants
        return archive.manifest


def _check(connection: Connection, wishes: Wishes) -> None:
    tables = list(connection.scalars(_TABLES))
    if tables and _VERSION not in tables:
        raise BackupError("the database holds tables that are not ours; nothing was changed")
    if wishes.replace:
        return
    for table in tables:
        if table != _VERSION and connection.scalar(text(f'SELECT 1 FROM "{table}" LIMIT 1')):
            raise BackupError(f"the database is not empty ({table} has rows): REPLACE=1 replaces what is in it")


def _put_aside(connection: Connection) -> list[str]:
    kept = [table for table in _KEPT if _columns(connection, table)]
    for table in kept:
        connection.execute(text(f"CREATE TEMPORARY TABLE kept_{table} ON COMMIT DROP AS SELECT * FROM public.{table}"))
    return kept


def _bring_back(connection: Connection, table: str) -> None:
    """The rows of before, in place of older ones with the same key."""
    both = _columns(connection, f"kept_{table}") & _columns(connection, f"public.{table}")
    columns = ", ".join(f'"{column}"' for column in sorted(both))
    key = ", ".join(f'"{column}"' for column in _KEPT[table])
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in sorted(both - set(_KEPT[table])))
    statement = f"INSERT INTO public.{table} ({columns}) SELECT {columns} FROM kept_{table}"
    connection.execute(text(f"{statement} ON CONFLICT ({key}) DO UPDATE SET {changes}"))


def _columns(connection: Connection, table: str) -> set[str]:
    return set(connection.scalars(_COLUMNS, {"table": table}))


def _drop_all(connection: Connection) -> None:
    tables = ", ".join(f'public."{table}"' for table in connection.scalars(_TABLES))
    if tables:
        connection.execute(text(f"DROP TABLE {tables} CASCADE"))


def _upgrade(connection: Connection, revision: str) -> None:
    try:
        upgrade(connection, revision)
    except CommandError as error:
        raise BackupError(f"the backup is of schema {revision}, which this code does not know") from error


def _load(connection: Connection, archive: Reader) -> None:
    # COPY into a table whose owner is bound by row level security is refused; nobody sees it in between.
    connection.execute(text("ALTER TABLE tasks NO FORCE ROW LEVEL SECURITY"))
    for entry in archive.manifest.tables:
        _load_table(connection, archive, entry)
    connection.execute(text("ALTER TABLE tasks FORCE ROW LEVEL SECURITY"))
    for name, value in archive.manifest.sequences.items():
        connection.execute(text("SELECT setval(to_regclass(:name), :value)"), {"name": name, "value": value})


def _load_table(connection: Connection, archive: Reader, entry: TableEntry) -> None:
    columns = ", ".join(f'"{column}"' for column in entry.columns)
    cursor = connection.connection.cursor()
    with archive.rows(entry) as rows:
        # pg8000's own parameter; the annotations are those of any DB-API cursor.
        cursor.execute(f'COPY public."{entry.name}" ({columns}) FROM STDIN', stream=rows)  # type: ignore[call-arg]
    if cursor.rowcount != entry.rows:
        raise BackupError(f"{entry.name} took {cursor.rowcount} of {entry.rows} rows")


def _hold_mails(connection: Connection) -> None:
    for statement in _HOLD_MAILS:
        connection.execute(text(statement))
    while connection.execute(_NEXT_DAY).rowcount:
        pass
