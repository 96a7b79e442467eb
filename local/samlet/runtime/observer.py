"""Who watches invocations as they go, and what woke them: the seam of the console's record and of the metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from samlet.runtime.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Woken:
    """What woke a function; `name` is a schedule's name, or the request id of the invocation that is replayed."""

    kind: Literal["schedule", "start", "replay"]
    name: str = ""


_WOKEN: ContextVar[Woken | None] = ContextVar("woken", default=None)


@contextmanager
def woken_by(kind: Literal["schedule", "start", "replay"], name: str = "") -> Iterator[None]:
    """Around an invocation, by a source whose events do not tell it themselves; later attempts inherit it."""
    token = _WOKEN.set(Woken(kind, name))
    try:
        yield
    finally:
        _WOKEN.reset(token)


def woken() -> Woken | None:
    """What is said to have woken the invocation that is beginning."""
    return _WOKEN.get()


class Observer:
    """Hears of every invocation; each call is on the way of an event, so it must take microseconds.

    `function` is a logical id. The attempts of one asynchronous event share their request id.
    """

    def began(self, function: str, request_id: str, payload: bytes, qualifier: str | None) -> None:
        """An event got a sandbox."""

    def printed(self, function: str, request_id: str, line: str) -> None:
        """The function printed a line; `request_id` is empty between events."""

    def ended(self, function: str, outcome: Outcome) -> None:
        """An invocation is over."""

    def broke(self, function: str, request_id: str, error: str) -> None:
        """Samlet itself could not go through with an event, or was stopped in the middle of it."""

    def refused(self, function: str, request_id: str, payload: bytes, reason: str) -> None:
        """An event got no sandbox."""


class Observers(Observer):
    """Several observers as one: each hears everything, in the order given."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def began(self, function: str, request_id: str, payload: bytes, qualifier: str | None) -> None:
        """See `Observer.began`."""
        for observer in self._observers:
            observer.began(function, request_id, payload, qualifier)

    def printed(self, function: str, request_id: str, line: str) -> None:
        """See `Observer.printed`."""
        for observer in self._observers:
            observer.printed(function, request_id, line)

    def ended(self, function: str, outcome: Outcome) -> None:
        """See `Observer.ended`."""
        for observer in self._observers:
            observer.ended(function, outcome)

    def broke(self, function: str, request_id: str, error: str) -> None:
        """See `Observer.broke`."""
        for observer in self._observers:
            observer.broke(function, request_id, error)

    def refused(self, function: str, request_id: str, payload: bytes, reason: str) -> None:
        """See `Observer.refused`."""
        for observer in self._observers:
            observer.refused(function, request_id, payload, reason)
