"""What became of one invocation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one invocation; `function_error` is `Unhandled` when the function failed in any way.

    `log_tail` holds the last 4 KB of its log.
    """

    request_id: str
    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""
    duration_ms: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the function answered."""
        return self.function_error is None
