"""What goes between a runtime and the Runtime API, however it is written on the way."""

from dataclasses import dataclass
from typing import Protocol

LARGEST_HEAD = 2 * 1024 * 1024
"""Bytes of what stands before a body: clients send up to 1 MB of a failure's trace there, for X-Ray."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event on its way into a sandbox; `nonce` changes with every attempt, `request_id` does not."""

    request_id: str
    payload: bytes
    arn: str
    deadline_ms: int
    nonce: str
    trace_id: str | None = None
    client_context: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the runtime posted for an event."""

    payload: bytes
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not taken, in the Runtime API's words."""

    status: int
    error_type: str
    message: str


class Poll(Protocol):
    """A runtime's call for its next event, which has one end: an event or a refusal."""

    @property
    def given(self) -> bool:
        """Whether it has come to its end."""
        ...

    def give(self, event: Event) -> None:
        """Give it an event, which is on its way when this returns."""
        ...

    def refuse(self, refusal: Refusal) -> None:
        """Give it none."""
        ...
