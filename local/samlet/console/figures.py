"""What one function has done since the start, added up as it happens."""

from collections import deque
from typing import Any

from samlet.runtime import Outcome

_DURATIONS = 1_000  # newest ones that the percentiles are of
_MINUTE = 60


class Figures:
    """Counts and the newest durations of one function; each change takes about a microsecond."""

    def __init__(self) -> None:
        self.invocations = 0
        self.errors = 0
        self.throttles = 0
        self.cold_starts = 0
        self.memory_used = 0
        self.last_error: dict[str, Any] | None = None
        self._durations: deque[float] = deque(maxlen=_DURATIONS)
        self._seconds = [0] * _MINUTE
        self._second = 0

    def began(self, now: float) -> None:
        """An event got a sandbox."""
        self.invocations += 1
        self._turn(int(now))
        self._seconds[self._second % _MINUTE] += 1

    def ended(self, now: float, outcome: Outcome, error: str) -> None:
        """An invocation is over."""
        self._durations.append(outcome.duration_ms)
        if outcome.init_ms is not None:
            self.cold_starts += 1
        self.memory_used = max(self.memory_used, outcome.memory_used)
        if not outcome.ok:
            self.errors += 1
            self.last_error = {"at": now, "request_id": outcome.request_id, "error": error}

    def broke(self) -> None:
        """Samlet itself could not go through with an event."""
        self.errors += 1

    def told(self, now: float) -> dict[str, Any]:
        """As JSON; durations in ms, memory in MB, the rate in events of the last minute."""
        self._turn(int(now))
        durations = sorted(self._durations)
        return {
            "invocations": self.invocations,
            "errors": self.errors,
            "throttles": self.throttles,
            "cold_starts": self.cold_starts,
            "memory_used": self.memory_used,
            "last_minute": sum(self._seconds),
            "p50": percentile(durations, 0.5),
            "p99": percentile(durations, 0.99),
            "last_error": self.last_error,
        }

    def _turn(self, second: int) -> None:
        """Empty the seconds that have passed since the last look."""
        if second <= self._second:
            return
        for passed in range(max(self._second + 1, second - _MINUTE + 1), second + 1):
            self._seconds[passed % _MINUTE] = 0
        self._second = second


def percentile(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None of none."""
    if not ordered:
        return None
    return round(ordered[max(0, -int(-share * len(ordered) // 1) - 1)], 2)
