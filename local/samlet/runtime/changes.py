"""What the runtime asks before each event: whether somebody has just saved what it would run."""

from collections.abc import Awaitable
from typing import Protocol


class Changes(Protocol):
    """Knows of changed files; whoever implements it makes the sandboxes of changed functions stale."""

    def look(self, function: str | None = None) -> Awaitable[None] | None:
        """Take note of every save that is over; returns what to wait for, if an event has to wait.

        `function` is a logical id; without one only changes of the project itself are worth waiting for.
        """
        ...

    def recent(self, function: str) -> bool:
        """Whether its code was saved so shortly ago that times of whole seconds don't tell versions apart."""
        ...


class NoChanges:
    """For code that does not change: an image's."""

    def look(self, function: str | None = None) -> Awaitable[None] | None:  # noqa: ARG002 - as `Changes` has it
        """Nothing happens."""
        return None

    def recent(self, function: str) -> bool:  # noqa: ARG002 - as `Changes` has it
        """Never."""
        return False
