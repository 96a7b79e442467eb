"""A backup is one moment's state, is restored whole or not at all, and brings no second mail."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from integration.api import Api
from integration.databases import Database
from integration.mailing import batch, postman_for
from integration.people import add_tasks, payloads, register
from integration.scripted_smtp import ScriptedSmtp
from mail_sender.kafka_event import handle_batch
from migrate import backup as backup_module
from migrate import restore as restore_module
from migrate.__main__ import main
from migrate.archive import BackupError
from migrate.backup import save
from migrate.restore import Wishes, load
from nightly_digest.run import run

NIGHT = datetime(2026, 6, 2, tzinfo=UTC)
BEFORE = NIGHT - timedelta(hours=5)
REPLACE = Wishes(replace=True)


def saved(database: Database) -> bytes:
    file = io.BytesIO()
    save(database.admin_engine(), file)
    return file.getvalue()


def restored(database: Database, backup: bytes, wishes: Wishes = REPLACE) -> None:
    load(database.admin_engine(), io.BytesIO(backup), database.role_prefix, wishes)


def content(database: Database) -> dict[str, list[Any]]:
    """Every row of every table, seen by the role for backups."""
    with database.admin_engine().begin() as connection:
        names = list(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")))
        connection.execute(text(f"SET LOCAL ROLE {database.role_prefix}_backup"))
        return {name: sorted(str(row) for row in connection.execute(text(f'SELECT * FROM "{name}"'))) for name in names}


def execute(database: Database, *statements: str) -> None:
    with database.admin_engine().begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def lived_in(api: Api) -> Api:
    """Two accounts, tasks with characters that COPY has to escape, and bytes."""
    ann, bob = api.account(), api.account("bob@example.com")
    api.task(ann, title="tab\\t, back\\slash, \\N, 日本 🎉", notes="two\nlines\tand a tab")
    api.task(bob, title="Bob's")
    values = r"('events', 0, 1, NULL, '\x00ff0a5c'::bytea, 'broken'), ('events', 0, 2, '\x5c4e'::bytea, NULL, 'x')"
    execute(api.database, f'INSERT INTO dead_letters (topic, partition, "offset", key, value, reason) VALUES {values}')
    return api


def test_what_is_restored_is_what_was_saved(lived_in: Api) -> None:
    before, backup = content(lived_in.database), saved(lived_in.database)
    assert len(before["tasks"]) == 2
    execute(lived_in.database, "DELETE FROM users", "DELETE FROM outbox", "DELETE FROM dead_letters")
    restored(lived_in.database, backup)
    assert content(lived_in.database) == before


def test_it_is_restored_into_an_empty_database_too_and_the_functions_work_there(lived_in: Api) -> None:
    before, backup = content(lived_in.database), saved(lived_in.database)
    execute(lived_in.database, *(f"DROP TABLE {name} CASCADE" for name in before))
    restored(lived_in.database, backup, Wishes())
    assert content(lived_in.database) == before
    lived_in.task(lived_in.account("carl@example.com"), title="after")  # ids go on where they were
    ids = lived_in.rows("SELECT id FROM outbox")
    assert len(set(ids)) == len(ids) == len(before["outbox"]) + 2
    forced = lived_in.rows("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'tasks'")
    assert forced == [(True,)]


def test_a_database_with_rows_is_replaced_only_when_that_is_wished(lived_in: Api) -> None:
    backup, before = saved(lived_in.database), content(lived_in.database)
    with pytest.raises(BackupError, match="REPLACE=1"):
        restored(lived_in.database, backup, Wishes())
    execute(lived_in.database, "ALTER TABLE alembic_version RENAME TO somebody_elses")
    with pytest.raises(BackupError, match="not ours"):
        restored(lived_in.database, backup)
    execute(lived_in.database, "ALTER TABLE somebody_elses RENAME TO alembic_version")
    assert content(lived_in.database) == before


def test_a_backup_is_one_moment_while_the_functions_write(lived_in: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    before, save_table = content(lived_in.database), backup_module._save_table

    def save_table_and_write(*arguments: Any) -> Any:
        saved = save_table(*arguments)
        for table in ("dead_letters", "login_failures", "outbox", "users"):  # whatever comes first, others come later
            execute(lived_in.database, f"DELETE FROM {table}")
        return saved

    monkeypatch.setattr(backup_module, "_save_table", save_table_and_write)
    backup = saved(lived_in.database)
    assert content(lived_in.database)["users"] == []
    restored(lived_in.database, backup)
    assert content(lived_in.database) == before


def damaged(backup: bytes) -> Iterator[tuple[bytes, str]]:
    yield backup[: len(backup) // 2], "no whole backup"
    yield b"", "no whole backup"
    for name, content, fault in (
        ("tables/users.copy", b"", "not those that were saved"),
        ("manifest.json", b"{}", "no whole backup"),
    ):
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(backup)) as old, zipfile.ZipFile(out, "w") as new:
            for member in old.namelist():
                new.writestr(member, content if member == name else old.read(member))
        yield out.getvalue(), fault


def test_a_damaged_file_changes_nothing(lived_in: Api) -> None:
    before = content(lived_in.database)
    for file, fault in damaged(saved(lived_in.database)):
        with pytest.raises(BackupError, match=fault):
            restored(lived_in.database, file)
    assert content(lived_in.database) == before


def test_a_restore_that_dies_half_way_changes_nothing(lived_in: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, before = saved(lived_in.database), content(lived_in.database)

    def die(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(restore_module, "_bring_back", die)
    with pytest.raises(ConnectionError):
        restored(lived_in.database, backup)
    assert content(lived_in.database) == before


def test_a_backup_of_a_newer_schema_is_refused(lived_in: Api) -> None:
    execute(lived_in.database, "UPDATE alembic_version SET version_num = '9999'")
    backup = saved(lived_in.database)
    execute(lived_in.database, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(BackupError, match="9999"):
        restored(lived_in.database, backup)


def test_the_role_for_backups_may_write_nothing_and_the_owner_stays_bound(lived_in: Api) -> None:
    database = lived_in.database
    with pytest.raises(DBAPIError, match="permission denied"):
        execute(database, f"SET LOCAL ROLE {database.role_prefix}_backup", "UPDATE tasks SET title = 'x'")
    inherits = "SELECT inherit_option FROM pg_auth_members WHERE roleid = to_regrole(:role)"
    assert not any(
        yes for (yes,) in lived_in.rows(inherits + " AND NOT admin_option", role=f"{database.role_prefix}_backup")
    )


def fire(database: Database, slot: datetime) -> None:
    engine = database.engine("nightly_digest")
    run(engine, slot, remaining=lambda: 300.0, clock=lambda: slot)
    engine.dispose()


def deliver(database: Database, server: ScriptedSmtp) -> None:
    """What Kafka would hand over: every digest event in the outbox."""
    with postman_for(database, server) as postman:
        handle_batch(batch(*(payload.encode() for payload in payloads(database))), postman.take_record)


def test_g3_the_digest_of_a_date_is_not_mailed_again_after_a_restore(database: Database) -> None:
    person = register(database, BEFORE)
    add_tasks(database, person, ["milk"], BEFORE)
    backup = saved(database)
    with ScriptedSmtp() as server:
        for _ in range(2):
            fire(database, NIGHT)
            deliver(database, server)
            assert len(server.taken) == 1
            restored(database, backup)
            assert payloads(database) == []  # the restored database knows nothing of the digest, and makes it again


def test_with_a_lost_database_mails_are_held_back_on_request(database: Database) -> None:
    register(database, BEFORE)
    fire(database, NIGHT)  # requested, and not yet published as far as the backup knows
    backup = saved(database)
    execute(database, "DROP TABLE processed_events")
    restored(database, backup, Wishes(replace=True, hold_mails=True))
    with database.admin_engine().begin() as connection:
        assert list(connection.scalars(text("SELECT last_error FROM outbox WHERE dead_at IS NOT NULL"))) == [
            "held back by a restore"
        ]
        assert connection.scalar(text("SELECT bool_and(next_digest_at > now()) FROM digest_schedule")) is True


def test_the_command_writes_a_private_file_and_reads_it_back(
    lived_in: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = lived_in.database.admin_url.set(drivername="postgresql")
    monkeypatch.setenv("DATABASE_ADMIN_URL", url.set(password=None).render_as_string(hide_password=False))
    (tmp_path / "password").write_text(f"{url.password}\n")
    monkeypatch.setenv("DATABASE_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("DATABASE_TLS", "off")
    monkeypatch.setenv("DATABASE_NAME", lived_in.database.role_prefix)
    file, before = tmp_path / "taskflow.zip", content(lived_in.database)
    assert main(["backup", str(file)]) == 0
    assert "schema 0001" in capsys.readouterr().err
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(["restore", str(file)]) == 1
    assert "REPLACE=1" in capsys.readouterr().err
    execute(lived_in.database, "DELETE FROM users")
    assert main(["restore", "--replace", str(file)]) == 0
    assert content(lived_in.database) == before
