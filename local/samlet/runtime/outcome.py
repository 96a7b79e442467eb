"""What became of one invocation."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one invocation; `function_error` is `Unhandled` when the function failed in any way.

    `tail` is that of its log, or who makes it; `init_ms` is there when this invocation was the first of its process;
    `memory_used` is in MB. An answer that was `streamed`, which is its size in bytes, is here with its first part only.
    """

    request_id: str
    payload: bytes
    function_error: str | None = None
    tail: bytes | Callable[[], bytes] = b""
    duration_ms: float = 0.0
    init_ms: float | None = None
    memory_used: int = 0
    streamed: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the function answered."""
        return self.function_error is None

    @property
    def size(self) -> int:
        """Bytes of the answer."""
        return self.streamed if self.streamed is not None and self.ok else len(self.payload)

    @property
    def log_tail(self) -> bytes:
        """The last 4 KB of its log, END and REPORT lines included, which are written by now."""
        return self.tail if isinstance(self.tail, bytes) else self.tail()
