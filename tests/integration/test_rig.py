"""The rig against itself: what finds nothing wrong with the relay must find what is wrong with a broken one."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from integration.databases import Database
from integration.rig import Rig, Verdict
from outbox_relay.turn import take_one
from taskflow import events, outbox
from taskflow.clock import utc_now
from taskflow.memory_kafka import MemoryPublisher
from taskflow.records import Record
from taskflow.tables import Outbox

Step = Callable[[], int]


def faithful_turn(engine: Engine, publisher: MemoryPublisher) -> Step:
    def step() -> int:
        return take_one(engine, publisher, utc_now, batch=100, kafka_timeout=5).published

    return step


def cursor_turn(engine: Engine, publisher: MemoryPublisher) -> Step:
    """The classic mistake: ids are given out in another order than they become visible in."""
    position = 0

    def step() -> int:
        nonlocal position
        with Session(engine) as session:
            rows = session.scalars(select(Outbox).where(Outbox.id > position).order_by(Outbox.id)).all()
            publisher.send([_record(row) for row in rows], timeout=5)
            position = rows[-1].id if rows else position
        return len(rows)

    return step


def unlocked_turn(engine: Engine, publisher: MemoryPublisher) -> Step:
    """Another one: two that share the rows by SKIP LOCKED instead of taking turns."""

    def step() -> int:
        with Session(engine) as session, session.begin():
            due = select(Outbox).where(Outbox.published_at.is_(None)).order_by(Outbox.id).limit(3)
            rows = session.scalars(due.with_for_update(skip_locked=True)).all()
            for row in rows:
                publisher.send([_record(row)], timeout=5)
                time.sleep(0.001)  # the round trip to a broker
                row.published_at = utc_now()
        return len(rows)

    return step


def outbox_first(session: Session, event: events.Event) -> None:
    """`outbox.add` without its flush: the row gets its id before the aggregate is locked."""
    with session.no_autoflush:
        row = outbox._row(event, None)
        session.execute(insert(Outbox).inline().values([row]))


def _record(row: Outbox) -> Record:
    return Record(row.topic, row.key, row.payload.encode(), row.headers)


@contextmanager
def relaying(steps: list[Step]) -> Iterator[None]:
    stop = threading.Event()

    def work(step: Step) -> None:
        while not (stop.is_set() and step() == 0):
            step()

    threads = [threading.Thread(target=work, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def verdict_of(
    database: Database, rig: Rig, relays: list[Callable[[Engine, MemoryPublisher], Step]], *, backlog: bool = False
) -> Verdict:
    publisher = MemoryPublisher()
    publisher.connect()
    engines = [database.engine("outbox_relay", timeout=8) for _ in relays]
    steps = [relay(engine, publisher) for relay, engine in zip(relays, engines, strict=True)]
    if backlog:
        rig.write(transactions=120, writers=6)
    with relaying(steps):
        rig.write(transactions=300, writers=6)
    for engine in engines:
        engine.dispose()
    return rig.judge([record.value for record in publisher.log])


def test_two_relays_that_take_turns_pass(database: Database) -> None:
    verdict = verdict_of(database, Rig(database, tasks=4), [faithful_turn, faithful_turn])
    assert (verdict.lost, verdict.inversions, verdict.repeated) == (0, 0, 0), verdict


def test_an_outbox_row_written_first_fails(database: Database) -> None:
    verdict = verdict_of(database, Rig(database, tasks=4, add=outbox_first), [faithful_turn, faithful_turn])
    assert verdict.inversions > 0, verdict


def test_a_relay_that_follows_a_cursor_fails(database: Database) -> None:
    verdict = verdict_of(database, Rig(database, tasks=4), [cursor_turn])
    assert verdict.lost > 0, verdict


def test_relays_that_do_not_take_turns_fail(database: Database) -> None:
    verdict = verdict_of(database, Rig(database, tasks=4), [unlocked_turn] * 3, backlog=True)
    assert verdict.inversions > 0, verdict
