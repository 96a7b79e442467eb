"""The outbox as the relay sees it: take the turn, see what is due, write down what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, extract, func, select, update
from sqlalchemy.orm import Session, aliased

from outbox_relay.verdicts import Verdict
from taskflow.records import Record
from taskflow.tables import Outbox

TURN = 0x7A5F_0002  # any number will do, as long as nobody else takes it

_waiting = Outbox.published_at.is_(None) & Outbox.dead_at.is_(None)


@dataclass(frozen=True)
class Waiting:
    """An event that is due, with how often it was refused before."""

    id: int
    attempts: int
    record: Record


@dataclass(frozen=True)
class Backlog:
    """How far behind the relay is; the age, in seconds, of the oldest event that waits, or 0."""

    waiting: int
    oldest_seconds: float
    dead: int


def take_turn(session: Session) -> None:
    """Wait until no other relay publishes; the turn ends with the transaction.

    It is a statement of its own, so that under READ COMMITTED the next one sees what the relay before has marked.
    """
    session.execute(select(func.pg_advisory_xact_lock(TURN)))


def due(session: Session, now: datetime, limit: int) -> list[Waiting]:
    """The oldest events that wait, but none of a key of which one is backing off: the rest of it comes later."""
    columns = (Outbox.id, Outbox.attempts, Outbox.topic, Outbox.key, Outbox.payload, Outbox.headers)
    statement = (
        select(*columns).where(_waiting, ~_belongs_to_a_key_that_backs_off(now)).order_by(Outbox.id).limit(limit)
    )
    return [
        Waiting(row.id, row.attempts, Record(row.topic, row.key, row.payload.encode(), row.headers))
        for row in session.execute(statement)
    ]


def _belongs_to_a_key_that_backs_off(now: datetime) -> ColumnElement[bool]:
    other = aliased(Outbox)
    waiting = other.published_at.is_(None) & other.dead_at.is_(None)
    return Outbox.key.in_(select(other.key).where(waiting, other.next_attempt_at > now))


def mark_published(session: Session, ids: Sequence[int], now: datetime) -> None:
    """These are acknowledged by Kafka."""
    if ids:
        session.execute(update(Outbox).where(Outbox.id.in_(ids)).values(published_at=now, next_attempt_at=None))


def mark_refused(session: Session, event_id: int, verdict: Verdict) -> None:
    """Kafka won't take this one as it is; it is tried again later, or is dead."""
    values = {
        "attempts": verdict.attempts,
        "last_error": verdict.error,
        "next_attempt_at": verdict.next_attempt_at,
        "dead_at": verdict.dead_at,
    }
    session.execute(update(Outbox).where(Outbox.id == event_id).values(**values))


def measure(session: Session) -> Backlog:
    """The figures that an operator watches."""
    age = extract("epoch", func.clock_timestamp() - func.min(Outbox.created_at))
    waiting, oldest = session.execute(select(func.count(), age).where(_waiting)).one()
    dead = session.scalar(select(func.count()).where(Outbox.dead_at.is_not(None)))
    return Backlog(waiting, float(oldest or 0), dead or 0)
