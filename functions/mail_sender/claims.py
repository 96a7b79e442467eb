"""The claim: who may send an event's mail, and what became of it.

    (none) ──> claimed ──> dispatching ──> sent · failed · suppressed · unknown      (final: processed_at is set)
                 │  ^           │
                 v  │           v
                retry <─────────┘

A claim carries a random fence, and a lease that outlives the function's time. Every later write names the fence, so a
sender that was frozen beyond its lease changes nothing any more. A lease that runs out in `claimed` is taken over; in
`dispatching` nobody can know whether the mail is out, so it becomes `unknown`, and is shown instead of sent again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from taskflow.tables import ProcessedEvent

MAX_ATTEMPTS = 16  # about a day and a half with the back-off below
SUPPRESSED_FOR = timedelta(days=30)
_FIRST_BACK_OFF = timedelta(minutes=1)
_LONGEST_BACK_OFF = timedelta(hours=4)


class State(StrEnum):
    CLAIMED = "claimed"
    DISPATCHING = "dispatching"
    RETRY = "retry"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


class Turn(StrEnum):
    """What a row means for somebody who would like to send its mail."""

    TAKE = "take"
    LEAVE = "leave"
    LOST = "lost"  # its sender is gone, between dispatching and the answer
    EXHAUSTED = "exhausted"


@dataclass(frozen=True)
class Mail:
    """An event's mail as the claim sees it: the event's bytes, and a hash that stands for the address."""

    event_id: UUID
    payload: str
    recipient: bytes


@dataclass(frozen=True)
class Claim:
    """The right to send one mail, until the lease ends."""

    event_id: UUID
    fence: UUID
    payload: str
    attempts: int


@dataclass(frozen=True)
class Lease:
    """The present moment, and until when a claim made now is respected."""

    now: datetime
    until: datetime


@dataclass(frozen=True)
class Seen:
    """What a row says of its mail, in the order of `_SEEN`."""

    processed_at: datetime | None
    state: str | None
    lease_until: datetime | None
    next_attempt_at: datetime | None
    attempts: int


def turn(row: Seen, now: datetime) -> Turn:
    """Whose turn it is."""
    waits_until = row.next_attempt_at if row.state == State.RETRY else row.lease_until
    if row.processed_at is not None or (waits_until is not None and waits_until > now):
        return Turn.LEAVE
    if row.state == State.DISPATCHING:
        return Turn.LOST
    return Turn.TAKE if row.attempts < MAX_ATTEMPTS else Turn.EXHAUSTED


_SEEN = (
    ProcessedEvent.processed_at,
    ProcessedEvent.state,
    ProcessedEvent.lease_until,
    ProcessedEvent.next_attempt_at,
    ProcessedEvent.attempts,
)


def keep(session: Session, mail: Mail, due_at: datetime) -> None:
    """Stores a mail for the sweep, without an attempt; what is known of it already stays."""
    session.execute(
        insert(ProcessedEvent)
        .values(
            event_id=mail.event_id,
            state=State.RETRY,
            payload=mail.payload,
            recipient=mail.recipient,
            next_attempt_at=due_at,
        )
        .on_conflict_do_nothing()
    )


def claim(session: Session, mail: Mail, lease: Lease) -> Claim | State | None:
    """The claim; or the final state that the mail has just got; or None where it is not this sender's turn."""
    keep(session, mail, lease.now)
    row = session.execute(select(*_SEEN).where(ProcessedEvent.event_id == mail.event_id).with_for_update()).one()
    return _take(session, mail, Seen(*row), lease)


def claim_due(session: Session, lease: Lease) -> Claim | State | None:
    """The same for the mail that has been due for longest; None where none is."""
    row = session.execute(
        select(ProcessedEvent.event_id, ProcessedEvent.payload, ProcessedEvent.recipient, *_SEEN)
        .where(ProcessedEvent.processed_at.is_(None), ProcessedEvent.next_attempt_at <= lease.now)
        .where(ProcessedEvent.payload.is_not(None))
        .order_by(ProcessedEvent.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    mail = Mail(row.event_id, row.payload or "", row.recipient or b"")
    seen = Seen(row.processed_at, row.state, row.lease_until, row.next_attempt_at, row.attempts)
    return _take(session, mail, seen, lease)


def _take(session: Session, mail: Mail, row: Seen, lease: Lease) -> Claim | State | None:
    match turn(row, lease.now):
        case Turn.LEAVE:
            return None
        case Turn.LOST:
            return _close(session, mail, State.UNKNOWN, lease.now, "the sender was lost while dispatching")
        case Turn.EXHAUSTED:
            return _close(session, mail, State.FAILED, lease.now, "all attempts are used up")
    if _is_suppressed(session, mail.recipient, lease.now):
        return _close(session, mail, State.SUPPRESSED, lease.now, "the address was refused before")
    made = Claim(mail.event_id, uuid4(), mail.payload, row.attempts + 1)
    session.execute(
        update(ProcessedEvent)
        .where(ProcessedEvent.event_id == mail.event_id)
        .values(
            state=State.CLAIMED,
            fence=made.fence,
            attempts=made.attempts,
            lease_until=lease.until,
            next_attempt_at=lease.until,
            payload=mail.payload,
            recipient=mail.recipient,
        )
    )
    return made


def _is_suppressed(session: Session, recipient: bytes, now: datetime) -> bool:
    refused = select(ProcessedEvent.event_id).where(
        ProcessedEvent.recipient == recipient,
        ProcessedEvent.state == State.SUPPRESSED,
        ProcessedEvent.processed_at > now - SUPPRESSED_FOR,
        ProcessedEvent.last_error.startswith("RCPT"),
    )
    return session.execute(refused.limit(1)).first() is not None


def _close(session: Session, mail: Mail, state: State, now: datetime, reason: str) -> State:
    # Without a fence the sender of old, should it wake up, can write nothing.
    session.execute(
        update(ProcessedEvent)
        .where(ProcessedEvent.event_id == mail.event_id)
        .values(state=state, fence=None, processed_at=now, last_error=reason, payload=None)
    )
    return state


def begin_dispatch(session: Session, mine: Claim, now: datetime) -> bool:
    """Writes down that the message is about to go out; False where the claim is not ours any more."""
    changed = session.execute(
        update(ProcessedEvent)
        .where(ProcessedEvent.event_id == mine.event_id, ProcessedEvent.fence == mine.fence)
        .where(ProcessedEvent.state == State.CLAIMED, ProcessedEvent.lease_until > now)
        .values(state=State.DISPATCHING)
        .returning(ProcessedEvent.event_id)
    )
    return changed.first() is not None


def finish(session: Session, mine: Claim, state: State, now: datetime, error: str | None = None) -> bool:
    """Writes the final state; False where the claim is not ours any more. May be repeated."""
    changed = session.execute(
        update(ProcessedEvent)
        .where(ProcessedEvent.event_id == mine.event_id, ProcessedEvent.fence == mine.fence)
        .where(or_(ProcessedEvent.processed_at.is_(None), ProcessedEvent.state == state))
        .values(state=state, processed_at=now, last_error=error, payload=None)
        .returning(ProcessedEvent.event_id)
    )
    return changed.first() is not None


def postpone(session: Session, mine: Claim, until: datetime, error: str, *, attempts: int) -> bool:
    """Puts the mail off; False where the claim is not ours any more."""
    changed = session.execute(
        update(ProcessedEvent)
        .where(ProcessedEvent.event_id == mine.event_id, ProcessedEvent.fence == mine.fence)
        .where(ProcessedEvent.processed_at.is_(None))
        .values(state=State.RETRY, next_attempt_at=until, lease_until=None, last_error=error, attempts=attempts)
        .returning(ProcessedEvent.event_id)
    )
    return changed.first() is not None


def back_off(attempts: int) -> timedelta:
    """How long to wait after so many attempts: a minute, doubled each time, four hours at most."""
    doubled: timedelta = _FIRST_BACK_OFF * (1 << (attempts - 1))
    return min(doubled, _LONGEST_BACK_OFF)
