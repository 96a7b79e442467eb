"""G2: every committed event reaches Kafka at least once, whatever dies, and the first copies in commit order."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from integration.databases import Database
from integration.event_log import EventLog, first_copies
from integration.relay_process import Context
from integration.relaying import published_ids, rows, start_relay, task_created, unpublished, write_events
from outbox_relay import handler as door
from outbox_relay.relay import Pace, run
from outbox_relay.report import Report
from outbox_relay.turn import Turn, take_one
from outbox_relay.verdicts import MAX_ATTEMPTS
from taskflow.clock import utc_now
from taskflow.kafka import KafkaPublisher
from taskflow.logs import logger_for
from taskflow.memory_kafka import MAX_VALUE_BYTES, MemoryPublisher
from taskflow.records import Record
from taskflow.settings import KafkaSettings
from waiting import eventually


@pytest.fixture
def writer(database: Database) -> Iterator[Engine]:
    engine = database.admin_engine()
    yield engine
    engine.dispose()


@pytest.fixture
def relay_role(database: Database) -> Iterator[Engine]:
    engine = database.engine("outbox_relay", timeout=8)
    yield engine
    engine.dispose()


@pytest.fixture
def publisher() -> MemoryPublisher:
    publisher = MemoryPublisher()
    publisher.connect()
    return publisher


def turn_of(engine: Engine, publisher: MemoryPublisher, *, now: datetime | None = None, batch: int = 100) -> Turn:
    publisher.connect()
    clock = utc_now if now is None else lambda: now
    return take_one(engine, publisher, clock, batch=batch, kafka_timeout=5)


def sent(publisher: MemoryPublisher) -> list[str]:
    return [record.headers["ce_id"] for record in publisher.log]


def test_what_arrives_is_the_payload_with_its_key_and_headers(
    database: Database, broker: str, arrived: EventLog, writer: Engine
) -> None:
    user = uuid4()
    event = task_created(user, "Ж \u2028 “x”")
    write_events(writer, [event])
    relay = start_relay(database, broker)
    try:
        eventually(lambda: unpublished(writer) == 0, timeout=20)
    finally:
        relay.kill()
        relay.wait()
    (record,) = arrived.read({str(user)})
    assert record.value.decode() == event.model_dump_json()
    assert record.key == str(user)
    assert record.headers["ce_type"] == b"task.created"
    assert record.headers["ce_specversion"] == b"1.0"


# Where the process dies, and what must be true then: is the event on Kafka, is its row marked?
FAIL_POINTS = [
    ("relay.before_lock", False, False),
    ("relay.after_lock", False, False),
    ("relay.after_select", False, False),
    ("relay.after_send", True, False),
    ("relay.after_mark", True, False),
    ("relay.after_commit", True, True),
]


@pytest.mark.parametrize(("point", "on_kafka", "marked"), FAIL_POINTS)
def test_g2_death_between_two_steps_loses_nothing_and_keeps_the_order(
    point: str,
    on_kafka: bool,
    marked: bool,
    database: Database,
    broker: str,
    arrived: EventLog,
    writer: Engine,
    relay_role: Engine,
) -> None:
    user = uuid4()
    ids = write_events(writer, [task_created(user, f"{n}") for n in range(5)])

    dying = start_relay(database, broker, fail_point=point)
    assert dying.wait(timeout=30) == -signal.SIGKILL
    assert first_copies(arrived.ids(str(user))) == (ids if on_kafka else [])
    assert published_ids(writer) == (ids if marked else [])

    ids += write_events(writer, [task_created(user, "after the crash")])
    publisher = KafkaPublisher(KafkaSettings((broker,)))
    publisher.connect()
    assert take_one(relay_role, publisher, utc_now, batch=100, kafka_timeout=5).published == len(ids) - 5 * marked
    publisher.close()
    assert first_copies(arrived.ids(str(user))) == ids


def test_g2_a_failed_first_send_holds_back_the_rest_of_its_key_and_nothing_else(
    writer: Engine, relay_role: Engine, publisher: MemoryPublisher
) -> None:
    unlucky, other = uuid4(), uuid4()
    mine = write_events(writer, [task_created(unlucky), task_created(unlucky)])
    theirs = write_events(writer, [task_created(other)])

    publisher.failing_keys = {str(unlucky)}
    turn = turn_of(relay_role, publisher)
    assert turn.published == 1
    assert turn.outage
    assert sent(publisher) == [str(theirs[0])]

    publisher.failing_keys = set()
    turn_of(relay_role, publisher)
    assert sent(publisher) == [str(id_) for id_ in theirs + mine]


def test_g2_an_outage_of_the_broker_uses_up_no_attempts(
    writer: Engine, relay_role: Engine, publisher: MemoryPublisher
) -> None:
    write_events(writer, [task_created(uuid4())])
    for _ in range(MAX_ATTEMPTS + 1):
        publisher.failing_keys = {rows(writer)[0].key}
        turn_of(relay_role, publisher)
    (row,) = rows(writer)
    assert (row.attempts, row.dead_at, row.published_at) == (0, None, None)


def test_g8_a_refused_event_backs_off_with_its_key_then_dies_and_leaves_a_gap(
    writer: Engine, relay_role: Engine, publisher: MemoryPublisher
) -> None:
    user = uuid4()
    poison, follower = write_events(writer, [task_created(user), task_created(user)])
    _make_too_large(writer, poison)
    now = datetime(2026, 11, 20, tzinfo=UTC)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert turn_of(relay_role, publisher, now=now).refused == (str(poison),)
        assert rows(writer)[0].attempts == attempt
        assert publisher.log == []
        if attempt < MAX_ATTEMPTS:
            assert turn_of(relay_role, publisher, now=now) == Turn()  # the key backs off
        now += timedelta(minutes=1)
    assert rows(writer)[0].dead_at is not None
    assert "too large" in str(rows(writer)[0].last_error)
    assert turn_of(relay_role, publisher, now=now).published == 1
    assert sent(publisher) == [str(follower)]


def _make_too_large(writer: Engine, event_id: UUID) -> None:
    with writer.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE outbox SET payload = repeat('x', {MAX_VALUE_BYTES + 1}) WHERE event_id = '{event_id}'"
        )


def test_g2_two_relays_under_writers_lose_nothing_and_invert_nothing(
    database: Database, broker: str, arrived: EventLog, writer: Engine
) -> None:
    from integration.rig import Rig

    rig = Rig(database, tasks=12)
    relays = [start_relay(database, broker) for _ in range(2)]
    try:
        rig.write(transactions=600, writers=6)
        eventually(lambda: unpublished(writer) == 0, timeout=60)
    finally:
        for relay in relays:
            relay.kill()
            relay.wait()
    verdict = rig.judge([record.value for record in arrived.read(rig.keys)])
    assert (verdict.lost, verdict.inversions) == (0, 0)


def test_g2_killing_a_relay_again_and_again_loses_nothing(
    database: Database, broker: str, arrived: EventLog, writer: Engine
) -> None:
    user = uuid4()
    ids: list[UUID] = []
    for round_ in range(4):
        ids += write_events(writer, [task_created(user, f"{round_}.{n}") for n in range(20)])
        relay = start_relay(database, broker)
        eventually(partial(_marked, writer, 20 * round_ + 1), timeout=20, every=0.001)
        relay.send_signal(signal.SIGKILL)
        relay.wait()
    relay = start_relay(database, broker)
    try:
        eventually(lambda: unpublished(writer) == 0, timeout=20)
    finally:
        relay.kill()
        relay.wait()
    assert first_copies(arrived.ids(str(user))) == ids


def _marked(writer: Engine, at_least: int) -> bool:
    return len(published_ids(writer)) >= at_least


class Stopwatch:
    """Ends a relay after a number of looks at the time, and counts the pauses."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.pauses: list[float] = []
        self.before_turn: Callable[[int], None] = lambda _: None

    def time_is_up(self) -> bool:
        self.turns -= 1
        self.before_turn(self.turns)
        return self.turns < 0


OUTAGE = ["can't publish, will keep trying", "publishing again", "events published"]


def run_relay(engine: Engine, publisher: MemoryPublisher, watch: Stopwatch, *, batch: int = 100) -> Report:
    report = Report(logger_for("relay-test"), every=0.0)
    run(
        engine,
        publisher,
        report,
        pace=Pace(batch=batch),
        clock=utc_now,
        time_is_up=watch.time_is_up,
        sleep=watch.pauses.append,
    )
    return report


def test_the_relay_polls_fast_and_goes_on_at_once_after_a_full_batch(writer: Engine, relay_role: Engine) -> None:
    write_events(writer, [task_created(uuid4()) for _ in range(5)])
    publisher, watch = MemoryPublisher(), Stopwatch(turns=4)
    report = run_relay(relay_role, publisher, watch, batch=2)
    assert report.published == 5
    assert watch.pauses == [0.1, 0.1]  # two full batches, then a half one, then nothing


def test_an_outage_of_kafka_slows_the_relay_down_and_is_said_once(
    writer: Engine, relay_role: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    write_events(writer, [task_created(uuid4())])
    publisher, watch = MemoryPublisher(), Stopwatch(turns=7)
    publisher.down = True
    watch.before_turn = lambda left: setattr(publisher, "down", left > 0)
    report = run_relay(relay_role, publisher, watch)
    assert report.published == 1
    assert watch.pauses == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 0.1]
    assert [record.message for record in caplog.records] == OUTAGE


def test_an_outage_of_postgresql_does_not_end_the_relay(
    writer: Engine, relay_role: Engine, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    write_events(writer, [task_created(uuid4())])
    publisher, watch = MemoryPublisher(), Stopwatch(turns=4)

    def lock_out_for_two_turns(left: int) -> None:
        relay_role.dispose()
        writer.dispose()
        _limit_connections(database, 0 if left >= 2 else -1)

    watch.before_turn = lock_out_for_two_turns
    assert run_relay(relay_role, publisher, watch).published == 1
    assert watch.pauses == [0.2, 0.4, 0.1, 0.1]
    assert [record.message for record in caplog.records] == OUTAGE


def _limit_connections(database: Database, limit: int) -> None:
    elsewhere = database.admin_url.set(database="postgres")
    admin = create_engine(elsewhere, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {database.name} CONNECTION LIMIT {limit}")


def test_a_new_event_is_on_kafka_within_300_ms(
    database: Database, broker: str, arrived: EventLog, writer: Engine
) -> None:
    relay = start_relay(database, broker)
    try:
        write_events(writer, [task_created(uuid4())])
        eventually(lambda: unpublished(writer) == 0, timeout=20)
        for _ in range(15):
            write_events(writer, [task_created(uuid4())])
            eventually(lambda: unpublished(writer) == 0, timeout=10)
    finally:
        relay.kill()
        relay.wait()
    delays = sorted((row.published_at - row.created_at).total_seconds() for row in rows(writer)[1:] if row.published_at)
    assert delays[len(delays) // 2] <= 0.3


def test_the_real_publisher_reports_what_the_turn_needs(broker: str) -> None:
    publisher = KafkaPublisher(KafkaSettings((broker,)))
    publisher.connect()
    assert publisher.send([Record("events", "k", b"{}", {"ce_id": str(uuid4())})], timeout=5) == [None]
    publisher.close()


def test_the_door_gives_the_number_of_events(
    database: Database, broker: str, writer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = database.environment("outbox_relay") | {"KAFKA_BOOTSTRAP_SERVERS": broker, "KAFKA_SECURITY": "none"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    door._engine.cache_clear()
    write_events(writer, [task_created(uuid4())])
    try:
        assert door.handler({}, Context(seconds=2)) == {"published": 1}
    finally:
        door._engine().dispose()
        door._engine.cache_clear()


def test_one_line_a_turn_joins_the_logs_before_and_after_kafka(
    writer: Engine, relay_role: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    write_events(writer, [task_created(uuid4()) for _ in range(3)])
    with writer.begin() as connection:  # an event need not have a trace, and what it has need not be one
        connection.execute(text("UPDATE outbox SET headers = headers - 'traceparent' WHERE id % 3 = 0"))
        connection.execute(text('UPDATE outbox SET headers = headers || \'{"traceparent": "x"}\' WHERE id % 3 = 1'))
    written = rows(writer)
    run_relay(relay_role, MemoryPublisher(), Stopwatch(turns=3))
    (line,) = [record for record in caplog.records if record.message == "events published"]
    assert line.__dict__["events"] == {
        str(row.event_id): row.headers["traceparent"].split("-")[1] if row.id % 3 == 2 else None for row in written
    }


def test_a_refusal_is_told_with_the_ids_of_its_events(caplog: pytest.LogCaptureFixture) -> None:
    Report(logger_for("relay-test")).turn(Turn(seen=1, refused=("7",)), None)
    (record,) = caplog.records
    assert record.message == "events refused by Kafka"
    assert record.__dict__["event_ids"] == ("7",)
