"""One turn of the relay: take the lock, read what is due, send it, mark it, commit.

Whatever dies between two steps, nothing is lost: an event is marked only after Kafka has acknowledged it, and what was
sent but not marked is sent again, before any later event of its key.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from outbox_relay.queue import Waiting, due, mark_published, mark_refused, take_turn
from outbox_relay.verdicts import after_refusal
from taskflow import traces
from taskflow.clock import Clock
from taskflow.database import transaction
from taskflow.failpoints import reach
from taskflow.records import BrokerUnavailable, HeldBack, Outcome, Publisher, RecordRefused


@dataclass(frozen=True)
class Turn:
    """What a turn achieved; `outage` says why the broker did not take everything."""

    seen: int = 0
    events: Mapping[str, str | None] = field(default_factory=dict)  # ids of those published, and of their traces
    refused: tuple[str, ...] = ()  # ids of events
    dead: int = 0
    outage: str | None = None

    @property
    def published(self) -> int:
        """How many Kafka has acknowledged."""
        return len(self.events)


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
        began = time.time_ns()
        outcomes = publisher.send([event.record for event in events], timeout=kafka_timeout)
        ended = time.time_ns()
        reach("relay.after_send")
        turn = _write_down(session, events, outcomes, clock)
        reach("relay.after_mark")
    reach("relay.after_commit")
    _trace(events, outcomes, began, ended)  # after the turn, so that nobody waits for it
    return turn


def _write_down(session: Session, events: Sequence[Waiting], outcomes: Sequence[Outcome], clock: Clock) -> Turn:
    published = [event for event, outcome in zip(events, outcomes, strict=True) if outcome is None]
    mark_published(session, [event.id for event in published], clock())
    refused: list[str] = []
    dead = 0
    for event, outcome in zip(events, outcomes, strict=True):
        if isinstance(outcome, RecordRefused):
            verdict = after_refusal(outcome, event.attempts, clock())
            mark_refused(session, event.id, verdict)
            refused.append(event.record.headers.get("ce_id", ""))
            dead += verdict.dead_at is not None
    outage = next((str(outcome) for outcome in outcomes if isinstance(outcome, BrokerUnavailable)), None)
    return Turn(len(events), dict(map(_ids, published)), tuple(refused), dead, outage)


def _ids(event: Waiting) -> tuple[str, str | None]:
    headers = event.record.headers
    traceparent = traces.valid(headers.get("traceparent"))
    return headers.get("ce_id", str(event.id)), traceparent and traces.trace_id(traceparent)


def _trace(events: Sequence[Waiting], outcomes: Sequence[Outcome], began: int, ended: int) -> None:
    """A span for each event and not one for the batch: each belongs to another trace, in which its wait is seen."""
    for event, outcome in zip(events, outcomes, strict=True):
        if isinstance(outcome, HeldBack):
            continue  # it was not sent
        record = event.record
        traces.record(
            f"send {record.topic}",
            "client",
            parent=record.headers.get("traceparent"),
            since=began,
            until=ended,
            attributes=traces.message_attributes("send", record.topic, record.headers.get("ce_id", "")),
            error_type=None if outcome is None else type(outcome).__name__,
        )
