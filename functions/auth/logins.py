"""Logging in, staying logged in, logging out."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from auth import accounts
from auth.throttle import Throttle
from taskflow.database import transaction
from taskflow.passwords import Passwords
from taskflow.problems import InvalidCredentials
from taskflow.tables import RefreshToken, User
from taskflow.tokens import NewRefreshToken, hash_of


@dataclass(frozen=True)
class Login:
    """A user who is logged in, with the refresh token to stay so."""

    user_id: UUID
    refresh_token: str = field(repr=False)


def log_in(
    engine: Engine, throttle: Throttle, passwords: Passwords, email: str, password: str, address: str, now: datetime
) -> Login:
    """A login, or InvalidCredentials, at the same cost whether the account exists or not."""
    with transaction(engine) as session:
        attempt = throttle.admit(session, email, address, now)
        user = accounts.find(session, email)
    # No transaction is open while the hash is made: it takes most of the time.
    _verify(passwords, password, user)
    assert user is not None
    again = passwords.hash(password) if passwords.outdated(user.password_hash) else None
    with transaction(engine) as session:
        throttle.take_back(session, attempt)
        if again is not None:
            session.execute(update(User).where(User.id == user.id).values(password_hash=again))
        if not session.scalar(select(User.id).where(User.id == user.id).with_for_update(key_share=True)):
            raise InvalidCredentials  # deleted in the meantime
        return Login(user.id, _new_token(session, user.id, uuid4(), now))


def confirm_password(
    engine: Engine, throttle: Throttle, passwords: Passwords, user_id: UUID, password: str, address: str, now: datetime
) -> None:
    """Nothing if it is the user's password, else InvalidCredentials; it counts as a login."""
    with transaction(engine) as session:
        user = accounts.profile(session, user_id)
        attempt = throttle.admit(session, user.email, address, now)
    _verify(passwords, password, user)
    with transaction(engine) as session:
        throttle.take_back(session, attempt)


def refresh(session: Session, refresh_token: str, now: datetime) -> Login | None:
    """The next token of the family; None, and the end of the family, for one that was used before."""
    token = _locked(session, refresh_token)
    if token is None:
        return None
    if token.used_at is not None or token.revoked_at is not None:
        _revoke_family(session, token.family_id, now)
        return None
    if token.expires_at <= now:
        return None
    token.used_at = now
    return Login(token.user_id, _new_token(session, token.user_id, token.family_id, now))


def log_out(session: Session, refresh_token: str, now: datetime) -> None:
    """End the token's family; an unknown token is nobody's and that is fine."""
    token = _locked(session, refresh_token)
    if token is not None:
        _revoke_family(session, token.family_id, now)


def _verify(passwords: Passwords, password: str, user: User | None) -> None:
    if not passwords.matches(password, user.password_hash if user else None):
        raise InvalidCredentials


def _locked(session: Session, refresh_token: str) -> RefreshToken | None:
    """The stored token, with its family locked, so that none of it can be renewed while it is revoked."""
    token = session.get(RefreshToken, hash_of(refresh_token))
    if token is not None:
        lock = int.from_bytes(token.family_id.bytes[:8], signed=True)
        session.execute(select(func.pg_advisory_xact_lock(lock)))
        session.expire(token)
        token = session.get(RefreshToken, token.token_hash)
    return token


def _revoke_family(session: Session, family_id: UUID, now: datetime) -> None:
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.family_id == family_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _new_token(session: Session, user_id: UUID, family_id: UUID, now: datetime) -> str:
    fresh = NewRefreshToken.make(now)
    session.add(
        RefreshToken(
            token_hash=fresh.hash, family_id=family_id, user_id=user_id, issued_at=now, expires_at=fresh.expires_at
        )
    )
    return fresh.text
