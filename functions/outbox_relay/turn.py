"""One turn of the relay: take the lock, read what is due, send it, mark it, commit.

Whatever dies between two steps, nothing is lost: an event is marked only after Kafka has acknowledged it, and what was
sent but not marked is sent again, before any later event of its key.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from outbox_relay.queue import Waiting, due, mark_published, mark_refused, take_turn
from outbox_relay.verdicts import after_refusal
from taskflow.clock import Clock
from taskflow.database import transaction
from taskflow.failpoints import reach
from taskflow.records import BrokerUnavailable, Outcome, Publisher, RecordRefused


@dataclass(frozen=True)
class Turn:
    """What a turn achieved; `outage` says why the broker did not take everything."""

    seen: int = 0
    published: int = 0
    refused: tuple[str, ...] = ()  # ids of events
    dead: int = 0
    outage: str | None = None


def take_one(engine: Engine, publisher: Publisher, clock: Clock, *, batch: int, kafka_timeout: float) -> Turn:
    """Publish what is due, `batch` events at most; waits for Kafka `kafka_timeout` seconds at most."""
    with transaction(engine) as session:
        reach("relay.before_lock")
        take_turn(session)
        reach("relay.after_lock")
        events = due(session, clock(), batch)
        if not events:
            return Turn()
        reach("relay.after_select")
        outcomes = publisher.send([event.record for event in events], timeout=kafka_timeout)
        reach("relay.after_send")
        turn = _write_down(session, events, outcomes, clock)
        reach("relay.after_mark")
    reach("relay.after_commit")
    return turn


def _write_down(session: Session, events: Sequence[Waiting], outcomes: Sequence[Outcome], clock: Clock) -> Turn:
    published = [event.id for event, outcome in zip(events, outcomes, strict=True) if outcome is None]
    mark_published(session, published, clock())
    refused: list[str] = []
    dead = 0
    for event, outcome in zip(events, outcomes, strict=True):
        if isinstance(outcome, RecordRefused):
            verdict = after_refusal(outcome, event.attempts, clock())
            mark_refused(session, event.id, verdict)
            refused.append(event.record.headers.get("ce_id", ""))
            dead += verdict.dead_at is not None
    outage = next((str(outcome) for outcome in outcomes if isinstance(outcome, BrokerUnavailable)), None)
    return Turn(len(events), len(published), tuple(refused), dead, outage)
