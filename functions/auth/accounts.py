"""Accounts: made, read, changed, deleted."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auth.schemas import ProfileChange, Registration
from taskflow import outbox
from taskflow.database import violates
from taskflow.digest_time import next_digest_at
from taskflow.events import UserDeleted, UserRegistered
from taskflow.problems import EmailTaken, Unauthenticated
from taskflow.tables import DigestSchedule, User


def register(session: Session, registration: Registration, password_hash: str, now: datetime, traceparent: str) -> User:
    """Make an account, its first digest due at the next local midnight; EmailTaken if the address is."""
    user = User(
        id=uuid4(),
        email=registration.email,
        password_hash=password_hash,
        created_at=now,
        timezone=registration.timezone,
        locale=registration.locale,
    )
    session.add(user)
    try:
        session.flush()
    except DBAPIError as error:
        if violates(error, "users_email_key"):
            raise EmailTaken from None
        raise
    session.refresh(user)
    _plan_digest(session, user, now)
    event = UserRegistered(event_id=uuid4(), occurred_at=now, user_id=user.id)
    outbox.add(session, event, traceparent=traceparent)
    return user


def find(session: Session, email: str) -> User | None:
    """The account of an address, whatever the case of its letters."""
    return session.scalar(select(User).where(func.lower(User.email) == email.lower()))


def profile(session: Session, user_id: UUID, *, lock: bool = False) -> User:
    """The account behind a token; it may have been deleted since, then the token is worth nothing."""
    user = session.get(User, user_id, with_for_update=lock)
    if user is None:
        raise Unauthenticated("The account is gone.")
    return user


def change_profile(session: Session, user_id: UUID, change: ProfileChange, now: datetime) -> User:
    """Change what was given and plan the next digest anew."""
    user = profile(session, user_id, lock=True)
    digest = change.digest
    before = (user.timezone, user.digest_time, user.digest_enabled)
    user.timezone = change.timezone or user.timezone
    user.locale = change.locale or user.locale
    if digest is not None:
        user.digest_time = user.digest_time if digest.time is None else digest.time
        user.digest_enabled = user.digest_enabled if digest.enabled is None else digest.enabled
        user.digest_skip_empty = user.digest_skip_empty if digest.skip_empty is None else digest.skip_empty
    if before != (user.timezone, user.digest_time, user.digest_enabled):
        _plan_digest(session, user, now)
    session.flush()
    return user


def delete(session: Session, user_id: UUID, now: datetime, traceparent: str) -> None:
    """Delete an account with all its rows (the foreign keys cascade), and say so."""
    session.delete(profile(session, user_id, lock=True))
    event = UserDeleted(event_id=uuid4(), occurred_at=now, user_id=user_id)
    outbox.add(session, event, traceparent=traceparent)


def _plan_digest(session: Session, user: User, now: datetime) -> None:
    plan = session.get(DigestSchedule, user.id, with_for_update=True)
    due = next_digest_at(user.timezone, user.digest_time, now)
    if not user.digest_enabled:
        if plan is not None:
            session.delete(plan)
    elif plan is None:
        session.add(DigestSchedule(user_id=user.id, next_digest_at=due))
    elif plan.next_digest_at > now:  # one that is overdue must not be lost by moving it on
        plan.next_digest_at = due
