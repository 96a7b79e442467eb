"""Housekeeping deletes what has had its time, in the role it has on AWS, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, insert, text

from housekeeping import handler as door
from housekeeping.retention import rules
from housekeeping.sweep import sweep
from integration.databases import Database
from taskflow.settings import Environment
from taskflow.tables import DeadLetter, LoginFailure, Outbox, ProcessedEvent, RefreshToken, Task, User

NOW = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


@pytest.fixture
def role(database: Database) -> Iterator[Engine]:
    engine = database.engine("housekeeping")
    yield engine
    engine.dispose()


@pytest.fixture
def user(database: Database) -> UUID:
    user = uuid4()
    add(database, User, id=user, email="a@example.org", password_hash="x", created_at=NOW)
    return user


def add(database: Database, table: Any, *, as_user: UUID | None = None, **values: Any) -> None:
    with database.admin_engine().begin() as connection:
        if as_user:
            connection.execute(text("SELECT set_config('app.user_id', :user, true)"), {"user": str(as_user)})
        connection.execute(insert(table).values(**values))


def count(database: Database, table: Any, *, as_user: UUID | None = None) -> int:
    with database.admin_engine().begin() as connection:
        if as_user:
            connection.execute(text("SELECT set_config('app.user_id', :user, true)"), {"user": str(as_user)})
        return int(connection.scalar(text(f"SELECT count(*) FROM {table.__tablename__}")) or 0)


def run(role: Engine, settings: dict[str, str] | None = None, **options: Any) -> dict[str, int]:
    options.setdefault("time_is_up", lambda: False)
    return sweep(role, rules(Environment(settings or {}), NOW), **options)


def outbox_row(**values: Any) -> dict[str, Any]:
    return {"event_id": uuid4(), "topic": "events", "key": "k", "type": "t", "payload": "{}", **values}


def test_trash_goes_after_30_days_and_the_rest_stays(database: Database, role: Engine, user: UUID) -> None:
    for deleted_at in (None, ago(days=29.9), ago(days=30.1)):
        add(
            database, Task, as_user=user,
            id=uuid4(), user_id=user, title="x", created_at=NOW, updated_at=NOW, deleted_at=deleted_at,
        )  # fmt: skip
    assert run(role)["trash"] == 1
    assert count(database, Task, as_user=user) == 2


def test_published_rows_go_after_7_days_and_no_other_ever(database: Database, role: Engine) -> None:
    old = ago(days=400)
    add(database, Outbox, **outbox_row(created_at=old, published_at=ago(days=7.1)))
    add(database, Outbox, **outbox_row(created_at=old, published_at=ago(days=6.9)))
    add(database, Outbox, **outbox_row(created_at=old))
    add(database, Outbox, **outbox_row(created_at=old, dead_at=old))
    assert run(role)["outbox"] == 1
    assert count(database, Outbox) == 3


def test_tokens_go_7_days_after_they_ended(database: Database, role: Engine, user: UUID) -> None:
    ended, lasting, recent = ago(days=7.1), NOW + timedelta(days=9), ago(days=6.9)
    for expires_at, revoked_at in ((ended, None), (lasting, ended), (lasting, None), (recent, None), (lasting, recent)):
        add(
            database, RefreshToken,
            token_hash=uuid4().bytes, family_id=uuid4(), user_id=user,
            issued_at=ago(days=30), expires_at=expires_at, revoked_at=revoked_at, used_at=ago(days=20),
        )  # fmt: skip
    assert run(role)["sessions"] == 2
    assert count(database, RefreshToken) == 3


def test_only_final_processed_events_go_after_60_days(database: Database, role: Engine) -> None:
    old = ago(days=60.1)
    add(database, ProcessedEvent, event_id=uuid4(), created_at=old, processed_at=old, state="sent")
    add(database, ProcessedEvent, event_id=uuid4(), created_at=old, processed_at=ago(days=59.9), state="unknown")
    add(database, ProcessedEvent, event_id=uuid4(), created_at=old, processed_at=None, state="claimed")
    assert run(role)["processed_events"] == 1
    assert count(database, ProcessedEvent) == 2


def test_failed_logins_go_after_a_day_and_dead_letters_never(database: Database, role: Engine) -> None:
    for failed_at in (ago(hours=25), ago(hours=23)):
        add(database, LoginFailure, id=uuid4(), account=b"a", address=b"b", failed_at=failed_at)
    add(database, DeadLetter, topic="events", partition=0, offset=1, reason="x", at=ago(days=900))
    assert run(role)["login_failures"] == 1
    assert (count(database, LoginFailure), count(database, DeadLetter)) == (1, 1)


def test_times_are_settings(database: Database, role: Engine) -> None:
    add(database, Outbox, **outbox_row(published_at=ago(days=2)))
    assert run(role)["outbox"] == 0
    assert run(role, {"KEEP_OUTBOX_DAYS": "1"})["outbox"] == 1


def test_it_goes_in_batches_and_stops_when_the_time_is_up(database: Database, role: Engine) -> None:
    for _ in range(5):
        add(database, Outbox, **outbox_row(published_at=ago(days=9)))
    looks = iter([False, False, True, True, True, True])
    assert run(role, batch=2, time_is_up=lambda: next(looks))["outbox"] == 2
    assert run(role, batch=2)["outbox"] == 3
    assert count(database, Outbox) == 0


class Context:
    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def test_the_door_gives_the_numbers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in database.environment("housekeeping").items():
        monkeypatch.setenv(name, value)
    door._engine.cache_clear()
    add(database, Outbox, **outbox_row(published_at=datetime(2020, 1, 1, tzinfo=UTC)))
    try:
        assert door.handler({}, Context())["outbox"] == 1
    finally:
        door._engine().dispose()
        door._engine.cache_clear()
