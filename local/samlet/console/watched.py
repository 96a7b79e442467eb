"""What the console shows and drives: the seam between it and the emulator."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from samlet.console.correlation import Names
from samlet.console.record import Record
from samlet.kafka_access import Bootstrap
from samlet.runtime import Outcome
from samlet.sources.schedules import ScheduleState
from samlet.template import Template


class Mails(Protocol):
    """The mail sink."""

    def list(self, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the mails, newest first, as JSON objects; `limit` is how many at most."""

    def source(self, mail: str) -> bytes | None:
        """Return one mail as it came, None where there is none."""

    def mark(self) -> str:
        """Return something short that is another one when a mail came or all were deleted."""

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
    def state_folder(self) -> Path:
        """The folder by which a command finds this Samlet."""

    @property
    def mails(self) -> Mails | None:
        """The mail sink, if it is ours."""

    @property
    def schedules(self) -> Timetable | None:
        """The schedules."""

    @property
    def kafka_servers(self) -> Bootstrap | None:
        """The Kafka whose events can be read."""

    @property
    def record(self) -> Record:
        """The newest invocations."""

    @property
    def names(self) -> Names:
        """The names under which correlation ids stand."""

    @property
    def template(self) -> Template | None:
        """The template, once it is read."""

    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the state of each part; `state` is `ready` when it is."""

    def functions(self) -> Mapping[str, Any]:
        """Return each function with its sandboxes."""

    def metrics(self) -> bytes:
        """Return what was counted, in Prometheus's text format."""

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """Run a function once and wait for it."""
