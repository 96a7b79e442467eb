"""What happens to an event that Kafka refuses.

Only a refusal of the event itself uses up one of its attempts; a broker that is away never does, however long. When the
attempts are used up the event is dead: it stays in the table with its error, is counted, and leaves a *gap*, because
the alternative, to block its key, would stop a user's digest for ever over one event. An operator can make it live
again (docs/runbooks); until then, what follows in its key goes on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from taskflow.records import RecordRefused

MAX_ATTEMPTS = 6
_FIRST_WAIT = timedelta(seconds=1)


@dataclass(frozen=True)
class Verdict:
    """The columns of a refused event: either it is tried again at `next_attempt_at`, or it is dead."""

    attempts: int
    error: str
    next_attempt_at: datetime | None
    dead_at: datetime | None


def after_refusal(refusal: RecordRefused, attempts_before: int, now: datetime) -> Verdict:
    """Wait 1, 2, 4, 8, 16 s between the attempts, then give up."""
    attempts = attempts_before + 1
    if attempts >= MAX_ATTEMPTS:
        return Verdict(attempts, str(refusal), next_attempt_at=None, dead_at=now)
    return Verdict(attempts, str(refusal), next_attempt_at=now + _FIRST_WAIT * 2**attempts_before, dead_at=None)
