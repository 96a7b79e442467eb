"""A logical backup: every table as of one moment, by COPY over the driver, with the functions at work.

No client program is needed, so it is the same against the laptop's PostgreSQL, a container's and RDS.
"""
# ruff: noqa: S608 - what is put into statements are names from the catalogue, never values

from typing import IO

from sqlalchemy import Connection, Engine, MetaData, text

from migrate.archive import BackupError, Manifest, Sink, TableEntry, Writer, writing
from migrate.roles import BACKUP_POLICY
from migrate.schema import LOCK
from taskflow.clock import rfc3339, utc_now

_VERSION = "alembic_version"
# The owner is bound by row level security; the backup's role sees every row and may only read.
_ROLE = text("SELECT roles[1] FROM pg_policies WHERE policyname = :policy")
_SEQUENCES = text("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1")


def save(engine: Engine, file: IO[bytes]) -> Manifest:
    """Write a backup to `file`; nobody waits for it but a migration."""
    with engine.connect() as connection:
        # For the session and in a transaction of its own: the snapshot must be younger than the lock.
        connection.execute(text("SELECT pg_advisory_lock_shared(:lock)"), {"lock": LOCK})
        connection.commit()
        try:
            with connection.begin(), writing(file) as archive:
                return _save(connection, archive)
        finally:
            connection.execute(text("SELECT pg_advisory_unlock_shared(:lock)"), {"lock": LOCK})
            connection.commit()


def _save(connection: Connection, archive: Writer) -> Manifest:
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    made_at = rfc3339(utc_now())
    role = connection.scalar(_ROLE, {"policy": BACKUP_POLICY})
    if role is None:
        raise BackupError("the database has no role for backups: invoke migrate first")
    revision = str(connection.scalar(text(f"SELECT version_num FROM {_VERSION}")))
    connection.execute(text(f"SET LOCAL ROLE {role}"))
    # The snapshot is the first thing that this role reads, and all tables are read in it.
    schema = MetaData()
    schema.reflect(connection, schema="public")
    tables = tuple(
        _save_table(connection, archive, table.name, tuple(column.name for column in table.columns))
        for table in schema.sorted_tables
        if table.name != _VERSION
    )
    sequences = {
        name: int(connection.scalar(text(f"SELECT last_value FROM {name}")) or 1)
        for name in connection.scalars(_SEQUENCES).all()
    }
    manifest = Manifest(made_at, revision, tables, sequences)
    archive.finish(manifest)
    return manifest


def _save_table(connection: Connection, archive: Writer, name: str, columns: tuple[str, ...]) -> TableEntry:
    quoted = ", ".join(f'"{column}"' for column in columns)

    def copy(sink: Sink) -> int:
        cursor = connection.connection.cursor()
        # pg8000's own parameter; the annotations are those of any DB-API cursor.
        cursor.execute(f'COPY (SELECT {quoted} FROM "{name}") TO STDOUT', stream=sink)  # type: ignore[call-arg]
        return int(cursor.rowcount)

    return archive.add(name, columns, copy)
