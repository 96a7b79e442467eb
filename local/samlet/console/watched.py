"""What the console shows and drives: the seam between it and the emulator."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from samlet.runtime import Outcome
from samlet.sources.schedules import ScheduleState


class Mails(Protocol):
    """The mail sink."""

    def list(self) -> Sequence[Mapping[str, Any]]:
        """Return the mails, newest first, as JSON objects."""

    def clear(self) -> int:
        """Forget them all and return how many there were."""


class Timetable(Protocol):
    """The schedules."""

    def list(self) -> Sequence[ScheduleState]:
        """Return every schedule."""

    def upcoming(self, name: str, count: int = 10, after: datetime | None = None) -> Sequence[datetime]:
        """Return the next slots of a schedule, in UTC."""

    def pause(self, name: str) -> None:
        """Let a schedule's slots pass."""

    def resume(self, name: str) -> None:
        """Let a schedule fire again."""

    async def run(self, name: str, at: datetime | None = None) -> Outcome:
        """Invoke a schedule's function for the slot `at` and return how it ended."""


class Watched(Protocol):
    """One emulator; a part that is not there (yet) is None."""

    @property
    def ready(self) -> bool:
        """Whether everything is up."""

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where the parts listen."""

    @property
    def mails(self) -> Mails | None:
        """The mail sink, if it is ours."""

    @property
    def schedules(self) -> Timetable | None:
        """The schedules."""

    @property
    def kafka_servers(self) -> str | None:
        """The Kafka whose events can be read, as host:port."""

    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the state of each part; `state` is `ready` when it is."""

    def functions(self) -> Mapping[str, Any]:
        """Return each function with its sandboxes."""

    def metrics(self) -> bytes:
        """Return what was counted, in Prometheus's text format."""
