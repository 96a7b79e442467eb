"""`python -m migrate backup FILE`, `restore FILE` and `sql STATEMENT`, with DATABASE_ADMIN_URL; `-` is a pipe.

What a runbook needs, where no client program of PostgreSQL is at hand.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from migrate.archive import BackupError, Manifest
from migrate.backup import save
from migrate.restore import Wishes, load
from taskflow.database import availability, engine_for
from taskflow.outage import DatabaseUnavailable
from taskflow.settings import DatabaseSettings, Environment, SettingError

_PATIENCE = 600.0  # seconds that one statement may take
_PIPE = Path("-")


def main(argv: Sequence[str] | None = None) -> int:
    """0 when it was done, 1 with one line that says why not."""
    arguments = _parser().parse_args(argv)
    try:
        engine = _engine()
        try:
            with availability(engine):
                arguments.run(engine, arguments)
        finally:
            engine.dispose()
    except DatabaseUnavailable as error:
        print(f"migrate: the database does not answer, or something holds its tables ({error})", file=sys.stderr)
        return 1
    except (BackupError, SettingError, DBAPIError, OSError) as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m migrate", description="The administrator's tools.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    saving = commands.add_parser("backup", help="write a backup to FILE")
    saving.set_defaults(run=_save)
    loading = commands.add_parser("restore", help="put the backup in FILE into the database")
    loading.add_argument("--replace", action="store_true", help="replace what is in the database")
    loading.add_argument("--hold-mails", action="store_true", help="send no mail that may be out already")
    loading.set_defaults(run=_load)
    for command in (saving, loading):
        command.add_argument("file", type=Path, metavar="FILE")
    asking = commands.add_parser("sql", help="run one statement and print its rows")
    asking.add_argument("statement", metavar="STATEMENT")
    asking.set_defaults(run=_ask)
    return parser


def _engine() -> Engine:
    values = dict(os.environ)
    if file := values.get("DATABASE_ADMIN_PASSWORD_FILE"):
        values["DATABASE_ADMIN_PASSWORD"] = Path(file).read_text().strip()
    return engine_for(DatabaseSettings.read_admin(Environment(values), timeout=_PATIENCE))


def _save(engine: Engine, arguments: argparse.Namespace) -> None:
    if arguments.file == _PIPE:
        _tell(save(engine, sys.stdout.buffer))
        return
    with _private(arguments.file) as file:
        manifest = save(engine, file)
    _tell(manifest)


def _load(engine: Engine, arguments: argparse.Namespace) -> None:
    # Roles are named after the database, as migrate names them.
    database = Environment().text("DATABASE_NAME", str(engine.url.database))
    wishes = Wishes(replace=arguments.replace, hold_mails=arguments.hold_mails)
    if arguments.file != _PIPE:
        with arguments.file.open("rb") as file:
            _tell(load(engine, file, database, wishes))
        return
    with tempfile.TemporaryFile() as copy:  # a zip is read from its end
        shutil.copyfileobj(sys.stdin.buffer, copy)
        _tell(load(engine, copy, database, wishes))


def _ask(engine: Engine, arguments: argparse.Namespace) -> None:
    # By itself, because some statements (CREATE INDEX CONCURRENTLY) refuse a transaction around them.
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        result = connection.exec_driver_sql(arguments.statement.replace("%", "%%"))
        if not result.returns_rows:
            print(f"{result.rowcount} rows" if result.rowcount >= 0 else "done")
            return
        print("\t".join(result.keys()))
        for row in result:
            print("\t".join("" if value is None else str(value) for value in row))


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner's eyes that gets its name when it is whole."""
    draft = path.with_name(f"{path.name}.part")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _tell(manifest: Manifest) -> None:
    rows = sum(entry.rows for entry in manifest.tables)
    print(
        f"{rows} rows in {len(manifest.tables)} tables, schema {manifest.revision}, as of {manifest.made_at}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
