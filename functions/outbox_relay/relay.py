"""The relay's loop: a turn every tenth of a second until the time is nearly up.

Two relays are nearly always alive; they alternate, because each turn waits for the lock. The producer is built between
the turns and kept warm. While Kafka or PostgreSQL is away the relay keeps trying, ever more slowly, and says so once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from outbox_relay.report import Report
from outbox_relay.turn import Turn, take_one
from taskflow.clock import Clock
from taskflow.outage import DatabaseUnavailable
from taskflow.records import BrokerUnavailable, Publisher

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 3.0


@dataclass(frozen=True)
class Pace:
    """How the relay works; times in seconds. `kafka_timeout` lies below the role's idle_in_transaction time-out."""

    poll: float = 0.1
    batch: int = 200
    kafka_timeout: float = 5.0


def run(
    engine: Engine,
    publisher: Publisher,
    report: Report,
    *,
    pace: Pace,
    clock: Clock,
    time_is_up: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Publish until `time_is_up`; neither an absent broker nor an absent database ends it."""
    troubles = 0
    while not time_is_up():
        trouble, turn = _try_turn(engine, publisher, clock, pace)
        report.turn(turn, trouble)
        troubles = troubles + 1 if trouble else 0
        if trouble:
            sleep(min(_FIRST_PAUSE * 2 ** (troubles - 1), _LONGEST_PAUSE))
        elif turn.published < pace.batch:  # with a full batch there is probably more
            sleep(pace.poll)
        if trouble is None or not trouble.startswith("database"):
            report.measure_if_due(engine)


def _try_turn(engine: Engine, publisher: Publisher, clock: Clock, pace: Pace) -> tuple[str | None, Turn]:
    try:
        publisher.connect()
        turn = take_one(engine, publisher, clock, batch=pace.batch, kafka_timeout=pace.kafka_timeout)
    except BrokerUnavailable as error:
        return f"kafka: {error}", Turn()
    except DatabaseUnavailable as error:
        return f"database: {error}", Turn()
    return (f"kafka: {turn.outage}" if turn.outage else None), turn
