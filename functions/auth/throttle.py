"""How many logins may fail: counted in the database, per account and per address, so that every sandbox sees it.

An attempt is written down as a failure *before* the password is verified, and taken back when it was right: many
attempts at once can't all slip through before the first one has failed.
"""

import hmac
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from taskflow.problems import TooManyAttempts
from taskflow.tables import LoginFailure


@dataclass(frozen=True)
class Throttle:
    """The limits; accounts and addresses are stored as hashes keyed with the pepper."""

    pepper: str = field(repr=False)
    per_account: int = 10
    per_address: int = 100
    window: timedelta = timedelta(minutes=15)

    def admit(self, session: Session, email: str, address: str, now: datetime) -> UUID:
        """Count an attempt and give its id, or raise TooManyAttempts with the time to wait."""
        account_key, address_key = self._key("account", email.lower()), self._key("address", address)
        for lock in sorted(int.from_bytes(key[:8], signed=True) for key in (account_key, address_key)):
            session.execute(select(func.pg_advisory_xact_lock(lock)))
        self._refuse_above(session, LoginFailure.account, account_key, self.per_account, now)
        self._refuse_above(session, LoginFailure.address, address_key, self.per_address, now)
        attempt = LoginFailure(id=uuid4(), account=account_key, address=address_key, failed_at=now)
        session.add(attempt)
        return attempt.id

    def take_back(self, session: Session, attempt: UUID) -> None:
        """The attempt has succeeded: it counts no more."""
        session.execute(delete(LoginFailure).where(LoginFailure.id == attempt))

    def _refuse_above(
        self, session: Session, column: InstrumentedAttribute[bytes], key: bytes, limit: int, now: datetime
    ) -> None:
        """With `limit` failures in the window, the newest of them to leave it opens the way again."""
        oldest_that_counts = session.scalar(
            select(LoginFailure.failed_at)
            .where(column == key, LoginFailure.failed_at > now - self.window)
            .order_by(LoginFailure.failed_at.desc())
            .offset(limit - 1)
            .limit(1)
        )
        if oldest_that_counts is not None:
            raise TooManyAttempts(max(1, math.ceil((oldest_that_counts + self.window - now).total_seconds())))

    def _key(self, kind: str, value: str) -> bytes:
        return hmac.digest(self.pepper.encode(), f"{kind}:{value}".encode(), "sha256")
