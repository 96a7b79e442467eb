"""G4: at most one digest per user and local date, exactly one for each date on which the system ran."""

import json
import threading
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from integration.children import answer_of, start
from integration.databases import Database
from integration.mail_child import Context
from integration.people import add_tasks, due_at, ledger, move, payloads, register
from nightly_digest import handler as door
from nightly_digest import run as run_module
from nightly_digest.run import Progress, run
from nightly_digest.slot import InvalidSlot
from taskflow.database import transaction

NIGHT = datetime(2026, 6, 2, tzinfo=UTC)
BEFORE = NIGHT - timedelta(hours=5)


@pytest.fixture
def engine(database: Database) -> Any:
    engine = database.engine("nightly_digest")
    yield engine
    engine.dispose()


def fire(engine: Engine, slot: datetime) -> Progress:
    return run(engine, slot, remaining=lambda: 300.0, clock=lambda: slot)


def digests(database: Database) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in payloads(database)]


def test_a_digest_counts_all_tasks_and_names_the_newest_hundred_undone(database: Database, engine: Engine) -> None:
    person = register(database, BEFORE, email="anna@example.com")
    add_tasks(database, person, [f"task {number}" for number in range(120)], BEFORE)
    add_tasks(database, person, ["was done"], BEFORE, done=True, done_at=BEFORE)
    add_tasks(database, person, ["in the trash"], BEFORE, deleted_at=BEFORE)
    assert fire(engine, NIGHT) == Progress(pages=1, users=1, digests=1, finished=True)
    (digest,) = digests(database)
    assert digest["type"] == "email.daily_digest.requested"
    assert digest["email"] == "anna@example.com"
    assert digest["stats"] == {"total": 121, "done": 1, "undone": 120}
    assert digest["undone_titles"] == [f"task {number}" for number in range(119, 19, -1)]
    assert ledger(database) == [(person.id, "2026-06-02")]
    assert due_at(database, person) == NIGHT + timedelta(days=1)


def test_nobody_gets_another_users_titles(database: Database, engine: Engine) -> None:
    people = [register(database, BEFORE) for _ in range(3)]
    for person in people[:2]:
        add_tasks(database, person, [f"of {person.id}"], BEFORE)
    fire(engine, NIGHT)
    titles = {digest["user_id"]: digest["undone_titles"] for digest in digests(database)}
    assert titles == {str(p.id): [f"of {p.id}"] for p in people[:2]} | {str(people[2].id): []}


def test_g4_the_same_slot_fired_again_requests_nothing(database: Database, engine: Engine) -> None:
    register(database, BEFORE)
    fire(engine, NIGHT)
    assert fire(engine, NIGHT).digests == 0
    assert len(digests(database)) == 1


def test_g4_two_fires_at_once_make_one_digest_for_each_user(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "PAGE_SIZE", 7)
    people = [register(database, BEFORE) for _ in range(60)]
    engines = [database.engine("nightly_digest") for _ in range(3)]
    threads = [threading.Thread(target=fire, args=(each, NIGHT)) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in engines:
        each.dispose()
    assert sorted(digest["user_id"] for digest in digests(database)) == sorted(str(person.id) for person in people)


def test_g4_after_missed_days_only_the_newest_date_is_made_up(database: Database, engine: Engine) -> None:
    person = register(database, BEFORE, zone="Asia/Tokyo")
    slot = NIGHT + timedelta(days=3, hours=16)
    fire(engine, slot)
    assert ledger(database) == [(person.id, "2026-06-06")]
    assert len(digests(database)) == 1
    assert due_at(database, person) == datetime(2026, 6, 6, 15, tzinfo=UTC)


def test_g4_every_date_of_a_fortnight_with_a_dst_change_has_one_digest_in_every_kind_of_zone(
    database: Database, engine: Engine
) -> None:
    start_at = datetime(2026, 3, 22, tzinfo=UTC)
    zones = ["Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Honolulu", "America/Nuuk", "Asia/Beirut"]
    people = {register(database, start_at, zone=zone, at=time(0)).id: zone for zone in zones}
    for quarter in range(14 * 96):
        fire(engine, start_at + timedelta(minutes=15 * quarter))
    rows = ledger(database)
    assert len(set(rows)) == len(rows) == len(digests(database))
    for person in people:
        days = sorted(day for user, day in rows if user == person)
        first = datetime.fromisoformat(days[0])
        assert days == [(first + timedelta(days=n)).date().isoformat() for n in range(len(days))]
        assert len(days) in {13, 14}


def test_g4_a_change_of_zone_brings_no_second_digest_for_the_same_date(database: Database, engine: Engine) -> None:
    person = register(database, BEFORE - timedelta(days=1), zone="Asia/Tokyo")
    tokyo = datetime(2026, 6, 1, 15, tzinfo=UTC)
    fire(engine, tokyo)
    move(database, person, "Pacific/Honolulu", tokyo + timedelta(hours=1))
    fire(engine, datetime(2026, 6, 2, 10, tzinfo=UTC))  # midnight of 2 June once more, in Honolulu
    assert ledger(database) == [(person.id, "2026-06-02")]
    fire(engine, datetime(2026, 6, 3, 10, tzinfo=UTC))
    assert ledger(database) == [(person.id, "2026-06-02"), (person.id, "2026-06-03")]


@pytest.mark.parametrize("point", ["after_ledger", "after_outbox", "after_advance", "before_commit", "after_commit"])
def test_g4_a_death_at_any_step_leaves_one_digest_once_the_next_tick_ran(
    database: Database, engine: Engine, point: str
) -> None:
    person = register(database, BEFORE)
    slot = {"slot": NIGHT.isoformat()}
    assert answer_of(start(database, "nightly_digest", slot, seconds=300, FAIL_POINT=f"digest.{point}")) is None
    expected = 1 if point == "after_commit" else 0
    assert len(digests(database)) == len(ledger(database)) == expected
    fire(engine, NIGHT + timedelta(minutes=15))
    assert [digest["user_id"] for digest in digests(database)] == [str(person.id)]


def test_the_handler_takes_the_slot_from_the_event(database: Database) -> None:
    register(database, BEFORE)
    report = answer_of(start(database, "nightly_digest", {"time": "2026-06-02T00:00:00Z"}, seconds=300))
    assert report == {"slot": NIGHT.isoformat(), "pages": 1, "users": 1, "digests": 1, "finished": True}


def test_an_empty_digest_is_skipped_for_who_wants_that(database: Database, engine: Engine) -> None:
    skips = register(database, BEFORE, skip_empty=True)
    add_tasks(database, skips, ["done already"], BEFORE, done=True, done_at=BEFORE)
    wants = register(database, BEFORE)
    fire(engine, NIGHT)
    assert [digest["user_id"] for digest in digests(database)] == [str(wants.id)]
    assert due_at(database, skips) == NIGHT + timedelta(days=1)


def test_who_cannot_get_a_digest_holds_up_nobody(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "PAGE_SIZE", 2)
    for _ in range(5):
        register(database, BEFORE, enabled=False)
    register(database, BEFORE, email="no address at all")
    well = register(database, BEFORE)
    progress = fire(engine, NIGHT)
    assert progress.finished
    assert [digest["user_id"] for digest in digests(database)] == [str(well.id)]


def test_a_zone_that_is_gone_is_taken_as_utc(database: Database, engine: Engine) -> None:
    person = register(database, BEFORE, zone="Mars/Olympus")
    fire(engine, NIGHT)
    assert ledger(database) == [(person.id, "2026-06-02")]


def test_it_stops_when_half_a_minute_is_left_and_the_next_tick_goes_on(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "PAGE_SIZE", 2)
    for _ in range(5):
        register(database, BEFORE)
    left = iter([100.0, 29.9])
    first = run(engine, NIGHT, remaining=lambda: next(left), clock=lambda: NIGHT)
    assert first == Progress(pages=1, users=2, digests=2, finished=False)
    assert fire(engine, NIGHT + timedelta(minutes=15)).digests == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET email = 'x'",
        "SELECT password_hash FROM users",
        "DELETE FROM digest_schedule",
        "UPDATE digest_schedule SET user_id = user_id",
        "DELETE FROM tasks",
        "UPDATE tasks SET title = 'x'",
        "INSERT INTO processed_events (event_id) VALUES (gen_random_uuid())",
        "SELECT * FROM outbox",
    ],
)
def test_g5_the_digests_role_can_do_nothing_else(engine: Engine, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(engine) as session:
        session.execute(text(statement))


def test_the_door_runs_for_the_events_slot(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register(database, BEFORE)
    for name, value in database.environment("nightly_digest").items():
        monkeypatch.setenv(name, value)
    door._engine.cache_clear()
    assert door.handler({"slot": "2026-06-02T00:00:00Z"}, Context(300))["digests"] == 1  # type: ignore[arg-type]
    with pytest.raises(InvalidSlot):
        door.handler({}, Context(300))  # type: ignore[arg-type]
    door._engine().dispose()


def test_each_digests_line_names_the_trace_that_its_event_goes_on_with(
    database: Database, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2):
        add_tasks(database, register(database, BEFORE, email=f"user{number}@example.com"), ["task"], BEFORE)
    fire(engine, NIGHT)
    with database.admin_engine().connect() as connection:
        rows = connection.execute(text("SELECT event_id, headers->>'traceparent' FROM outbox")).all()
    lines: list[Any] = [line for line in caplog.records if line.message == "digest requested"]
    told = {(line.event_id, line.correlation_id) for line in lines}
    assert told == {(str(event_id), traceparent.split("-")[1]) for event_id, traceparent in rows}
    assert len(told) == 2
