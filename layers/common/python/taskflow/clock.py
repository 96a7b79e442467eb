"""The one place that reads the wall clock; everything else is given the time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware and in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """An instant as the wire shows it, in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
