"""A stand-in for the emulator that the console watches: everything is in memory and can be set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from samlet.console import Names, Record
from samlet.errors import FunctionNotFound, ScheduleDisabled, ScheduleNotFound, ServiceFailed
from samlet.model import Function, HttpApi, KafkaMapping, Route, Template, Unsupported
from samlet.runtime import Outcome
from samlet.sources.schedules import ScheduleState

type Client = TestClient[web.Request, web.Application]


class Inbox:
    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = [{"id": "1", "subject": "Hé"}]
        self.sources: dict[str, bytes] = {}

    def list(self, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        return self.kept[:limit]

    def source(self, mail: str) -> bytes | None:
        return self.sources.get(mail)

    def mark(self) -> str:
        return str(len(self.kept))

    def clear(self) -> int:
        self.kept = []
        return 1


class Silent(Inbox):
    def list(self, limit: int | None = None) -> Sequence[Mapping[str, Any]]:
        raise ServiceFailed("it does not answer")

    def clear(self) -> int:
        raise ServiceFailed("it does not answer")


@dataclass
class Timetable:
    outcome: Outcome | Exception = field(default_factory=lambda: Outcome("r", b'{"a": 1}'))
    runs: list[tuple[str, datetime | None]] = field(default_factory=list)
    paused: bool = False

    def list(self) -> Sequence[ScheduleState]:
        return [self._state]

    @property
    def _state(self) -> ScheduleState:
        slot = None if self.paused else datetime(2026, 1, 2, tzinfo=UTC)
        return ScheduleState("nightly", "rate(1 day)", "UTC", "Tick", enabled=True, next=slot, paused=self.paused)

    def upcoming(self, name: str, count: int = 10, after: datetime | None = None) -> Sequence[datetime]:
        self._find(name)
        return [(after or datetime(2026, 1, 1, tzinfo=UTC)) + timedelta(days=day) for day in range(1, count + 1)]

    def pause(self, name: str) -> None:
        self._find(name)
        self.paused = True

    def resume(self, name: str) -> None:
        self._find(name)
        self.paused = False

    def _find(self, name: str) -> None:
        if name == "off":
            raise ScheduleDisabled(name)
        if name not in ("group/nightly", "nightly"):
            raise ScheduleNotFound(name, ["group/nightly"])

    async def run(self, name: str, at: datetime | None = None) -> Outcome:
        self._find(name)
        self.runs.append((name, at))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


MACHINE = "AWS::StepFunctions::StateMachine"
TEMPLATE = Template(
    path=Path(__file__),
    region="eu-central-1",
    account="000000000000",
    functions={
        "Tick": Function("Tick", "app-tick", "python3.13", "app.tick", Path("/code"), environment={"KEY": "s3cr3t"})
    },
    apis=(HttpApi("Api", (Route("GET", "/tick", "Tick"),)),),
    kafka_mappings=(KafkaMapping("Source", "Tick", "orders", "readers", on_failure="kafka://orders.dead"),),
    unsupported=(Unsupported("Machine", MACHINE, "state machines are not run"),),
    resources=(
        ("Tick", "AWS::Lambda::Function", "run"),
        ("Role", "AWS::IAM::Role", "no effect"),
        ("Machine", MACHINE, "run"),
    ),
)


@dataclass
class Stand:
    ready: bool = True
    state_folder: Path = Path("/shop/.samlet")
    addresses: dict[str, str] = field(default_factory=lambda: {"api": "http://127.0.0.1:1", "kafka": "127.0.0.1:2"})
    mails: Inbox | None = field(default_factory=Inbox)
    schedules: Timetable | None = field(default_factory=Timetable)
    kafka_servers: str | None = None
    record: Record = field(default_factory=Record)
    names: Names = field(default_factory=Names)
    template: Template | None = field(default_factory=lambda: TEMPLATE)
    invoked: list[tuple[str, bytes]] = field(default_factory=list)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)

    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        return {"<b>": {"state": "ready", "pid": 7}, **self.sources}

    def functions(self) -> Mapping[str, Any]:
        return {"Tick": {"sandboxes": [{"pid": 8}]}}

    def metrics(self) -> bytes:
        return b"samlet_sandboxes 1.0\n"

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        if function.partition(":")[0] not in (self.template or TEMPLATE).functions:
            raise FunctionNotFound(function)
        self.invoked.append((function, payload))
        return handled(self.record, event=payload, request_id=f"again-{len(self.invoked)}")


def handled(
    record: Record,
    function: str = "Tick",
    request_id: str = "r1",
    event: bytes = b"{}",
    answer: bytes = b"null",
    *,
    error: str | None = None,
    lines: Sequence[str] = (),
    **figures: Any,
) -> Outcome:
    """One invocation, from begin to end."""
    record.began(function, request_id, event, None)
    for line in lines:
        record.printed(function, request_id, line)
    outcome = Outcome(request_id, answer, error, b"", **figures)
    record.ended(function, outcome)
    return outcome
