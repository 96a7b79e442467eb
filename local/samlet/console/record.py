"""The newest invocations, in memory: what the console shows of them, and what it adds up for each function.

Every call is on the way of an event. It keeps references and counts; whatever takes longer, such as reading the event
as JSON, waits until somebody looks. The bounds are a number of invocations and of bytes: the oldest go first.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from samlet.console.figures import Figures
from samlet.runtime import Observer, Outcome, Woken, woken

MOST_KEPT = 2_000
MOST_BYTES = 16 * 1024 * 1024
LARGEST_PAYLOAD = 64 * 1024
"""Of an event and of an answer, bytes each; what is longer is kept in part, and cannot be replayed."""
LARGEST_LOG = 32 * 1024
"""Of the lines of one invocation, bytes; the newest stay."""
_OVERHEAD = 1_500  # bytes that an entry takes besides its contents, roughly
_NEW: Callable[[], "list[Line]"] = list

State = Literal["running", "ok", "error", "throttled"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that a function printed; `at` is in epoch seconds."""

    at: float
    text: str


@dataclass(slots=True, eq=False)
class Invocation:
    """One attempt of an event; `key` tells it from others with its request id, times are epoch seconds."""

    key: str
    request_id: str
    function: str
    qualifier: str | None
    event: bytes
    event_size: int
    began: float
    woken: Woken | None
    state: State = "running"
    attempt: int = 1
    version: int = 0
    ended: float | None = None
    answer: bytes = b""
    answer_size: int = 0
    outcome: Outcome | None = None
    error: str = ""
    lines: list[Line] = field(default_factory=_NEW)
    lines_left_out: int = 0
    log_size: int = 0
    read: Any = None  # what `reading` made of it once somebody looked

    @property
    def whole(self) -> bool:
        """Whether the event is kept in full."""
        return len(self.event) == self.event_size

    @property
    def size(self) -> int:
        """Bytes that it takes, roughly."""
        return _OVERHEAD + len(self.event) + len(self.answer) + self.log_size


class Record(Observer):
    """Keeps the newest invocations; `version` grows with each change, so that a reader can ask for what is new."""

    def __init__(
        self, *, most: int = MOST_KEPT, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self.version = 0
        self.forgotten = 0
        self.figures: dict[str, Figures] = {}
        self._most, self._most_bytes, self._clock = most, most_bytes, clock
        self._bytes = 0
        self._kept: OrderedDict[str, Invocation] = OrderedDict()  # the one that changed last comes last
        self._running: dict[str, Invocation] = {}  # by request id

    def began(self, function: str, request_id: str, payload: bytes, qualifier: str | None) -> None:
        """See `Observer.began`."""
        invocation = self._begin(function, request_id, payload, qualifier)
        self._running[request_id] = invocation
        self._figures(function).began(invocation.began)

    def printed(self, function: str, request_id: str, line: str) -> None:  # noqa: ARG002 - the observer's signature
        """See `Observer.printed`."""
        invocation = self._running.get(request_id)
        if invocation is None:
            return
        text = line if len(line) <= LARGEST_LOG else line[:LARGEST_LOG] + "…"
        invocation.lines.append(Line(self._clock(), text))
        self._grow(invocation, len(text) + 100)
        while invocation.log_size > LARGEST_LOG and len(invocation.lines) > 1:
            self._grow(invocation, -len(invocation.lines.pop(0).text) - 100)
            invocation.lines_left_out += 1
        invocation.read = None
        self._changed(invocation)

    def ended(self, function: str, outcome: Outcome) -> None:
        """See `Observer.ended`."""
        now = self._clock()
        error = "" if outcome.ok else outcome.payload[:2_000].decode(errors="replace")
        self._figures(function).ended(now, outcome, error)
        invocation = self._running.pop(outcome.request_id, None)
        if invocation is None:
            return
        invocation.outcome = outcome
        invocation.answer, invocation.answer_size = outcome.payload[:LARGEST_PAYLOAD], outcome.size
        self._close(invocation, now, "ok" if outcome.ok else "error", error)

    def broke(self, function: str, request_id: str, error: str) -> None:
        """See `Observer.broke`."""
        self._figures(function).broke()
        if invocation := self._running.pop(request_id, None):
            self._close(invocation, self._clock(), "error", error)

    def refused(self, function: str, request_id: str, payload: bytes, reason: str) -> None:
        """See `Observer.refused`."""
        self._figures(function).throttles += 1
        invocation = self._begin(function, request_id, payload, None)
        self._close(invocation, invocation.began, "throttled", reason)

    def newest(self) -> Iterator[Invocation]:
        """Every invocation that is kept, the one that changed last first."""
        return reversed(self._kept.values())

    def running_since(self) -> dict[str, float]:
        """When the invocation began that has run longest, for each function that has one running."""
        found: dict[str, float] = {}
        for invocation in self._running.values():
            found[invocation.function] = min(invocation.began, found.get(invocation.function, invocation.began))
        return found

    def find(self, key: str) -> Invocation | None:
        """The invocation with a key, else the newest attempt with that request id."""
        found = self._kept.get(key)
        return found or next((one for one in self.newest() if one.request_id == key), None)

    def _begin(self, function: str, request_id: str, payload: bytes, qualifier: str | None) -> Invocation:
        event = payload if len(payload) <= LARGEST_PAYLOAD else payload[:LARGEST_PAYLOAD]
        attempt, key = 1, request_id
        while key in self._kept:
            attempt += 1
            key = f"{request_id}.{attempt}"
        invocation = Invocation(key, request_id, function, qualifier, event, len(payload), self._clock(), woken())
        invocation.attempt = attempt
        self._kept[key] = invocation
        self._bytes += invocation.size
        self._changed(invocation)
        self._forget()
        return invocation

    def _close(self, invocation: Invocation, at: float, state: State, error: str) -> None:
        invocation.ended, invocation.state, invocation.error = at, state, error
        self._bytes += len(invocation.answer)
        invocation.read = None
        self._changed(invocation)
        self._forget()

    def _grow(self, invocation: Invocation, size: int) -> None:
        invocation.log_size += size
        self._bytes += size

    def _changed(self, invocation: Invocation) -> None:
        self.version += 1
        invocation.version = self.version
        self._kept.move_to_end(invocation.key)

    def _forget(self) -> None:
        """Drop the oldest until all bounds are kept; what still runs goes to the end of the row, once round."""
        spared = len(self._running)
        while len(self._kept) > 1 and (len(self._kept) > self._most or self._bytes > self._most_bytes):
            key, oldest = next(iter(self._kept.items()))
            if oldest.state == "running" and spared > 0:
                spared -= 1
                self._changed(oldest)
                continue
            del self._kept[key]
            self._running.pop(oldest.request_id, None)
            self._bytes -= oldest.size
            self.forgotten += 1

    def _figures(self, function: str) -> Figures:
        found = self.figures.get(function)
        if found is None:
            found = self.figures[function] = Figures()
        return found
