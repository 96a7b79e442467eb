"""Who is due, what the ledger says, and when each user is due next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from taskflow.digest_time import is_timezone, newest_due, next_digest_at
from taskflow.logs import logger_for
from taskflow.tables import DigestLedger, DigestSchedule, User

logger = logger_for("nightly_digest")

# Fixed for ever: an event's id follows from user and date, so that no second run can make a second event.
EVENT_IDS = UUID("6f1f0c1e-5d0b-5d3c-9a53-7d1c8e0f3b62")
_FALLBACK_ZONE = "UTC"


@dataclass(frozen=True)
class DueUser:
    """A user whose digest time has come, or who turned the digest off and is still in the schedule."""

    id: UUID
    email: str
    timezone: str
    at: time
    enabled: bool
    skip_empty: bool


@dataclass(frozen=True)
class Entry:
    """A line of the ledger; without an event where that date's digest is empty and the user skips those."""

    user_id: UUID
    local_date: date
    event_id: UUID | None


def overdue(session: Session, now: datetime) -> timedelta:
    """For how long the user who is due the longest has waited; zero where nobody waits."""
    oldest = session.scalar(select(func.min(DigestSchedule.next_digest_at)))
    return max(timedelta(), now - oldest) if oldest else timedelta()


def lock_due(session: Session, slot: datetime, limit: int) -> list[DueUser]:
    """The next due users, locked; those that another run holds are left to it."""
    locked = (
        select(DigestSchedule.user_id)
        .where(DigestSchedule.next_digest_at <= slot)
        .order_by(DigestSchedule.next_digest_at, DigestSchedule.user_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(locked).all()
    # A statement of its own: it sees a zone that was changed while the lock was being taken.
    users = session.execute(
        select(User.id, User.email, User.timezone, User.digest_time, User.digest_enabled, User.digest_skip_empty)
        .where(User.id.in_(ids))
        .order_by(User.id)
    )
    return [DueUser(*row) for row in users] if ids else []


def entry(user: DueUser, slot: datetime, *, empty: bool) -> Entry:
    """The ledger's line for the newest date that is due: after an outage older dates are not made up."""
    local_date = newest_due(_zone(user), user.at, slot).local_date
    event_id = None if empty and user.skip_empty else uuid5(EVENT_IDS, f"digest:{user.id}:{local_date}")
    return Entry(user.id, local_date, event_id)


def enter(session: Session, entries: Sequence[Entry]) -> set[UUID]:
    """Writes the lines that the ledger doesn't have yet, and says whose they are."""
    if not entries:
        return set()
    rows = [{"user_id": line.user_id, "local_date": line.local_date, "event_id": line.event_id} for line in entries]
    statement = insert(DigestLedger).values(rows).on_conflict_do_nothing().returning(DigestLedger.user_id)
    return set(session.scalars(statement))


_ADVANCE = text(
    "UPDATE digest_schedule AS s SET next_digest_at = n.next_digest_at"
    " FROM jsonb_to_recordset(:users) AS n(user_id uuid, next_digest_at timestamptz) WHERE s.user_id = n.user_id"
).bindparams(bindparam("users", type_=JSONB))


def advance(session: Session, users: Sequence[DueUser], slot: datetime) -> None:
    """Moves every user of the page beyond the slot, whether there was a digest or not: nobody holds up the loop."""
    moments = [
        {"user_id": str(user.id), "next_digest_at": next_digest_at(_zone(user), user.at, slot).isoformat()}
        for user in users
    ]
    session.execute(_ADVANCE, {"users": moments})


def _zone(user: DueUser) -> str:
    if is_timezone(user.timezone):
        return user.timezone
    logger.error("unknown time zone, UTC is taken", extra={"user_id": str(user.id), "timezone": user.timezone})
    return _FALLBACK_ZONE
