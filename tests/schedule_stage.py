"""A clock that tests wind, and schedules whose events are written down instead of delivered."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from samlet.errors import Throttled
from samlet.model import Schedule
from samlet.runtime import Outcome
from samlet.sources.schedules import Schedules

START = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
RATE = Schedule("each-minute", "rule", "rate(1 minute)", "Relay")
HOURLY = Schedule("hourly", "scheduler", "cron(0 * * * ? *)", "F")
CRON = Schedule("quarterly", "scheduler", "cron(0/15 * * * ? *)", "Digest")


class Clock:
    """A clock that moves only when told to, and wakes whoever sleeps on it."""

    def __init__(self) -> None:
        self.now = START
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + timedelta(seconds=seconds), woken))
        await woken

    async def advance(self, **duration: float) -> None:
        """Lets time pass, waking each sleeper at its moment."""
        goal = self.now + timedelta(**duration)
        await _settled()
        while due := sorted((item for item in self._sleepers if item[0] <= goal), key=lambda item: item[0]):
            self.now = max(self.now, due[0][0])
            self._sleepers.remove(due[0])
            if not due[0][1].done():
                due[0][1].set_result(None)
            await _settled()
        self.now = goal

    async def jump(self, **duration: float) -> None:
        """Lets time pass as a machine that slept sees it: at once."""
        self.now += timedelta(**duration)
        await self.advance(seconds=0)


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Recorder:
    """An invoker that notes what it is given, and refuses as often as `refusals` says."""

    def __init__(self, refusals: int = 0) -> None:
        self.queued: list[tuple[str, bytes]] = []
        self.invoked: list[tuple[str, bytes]] = []
        self.refusals = refusals

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        self.invoked.append((name, payload))
        return Outcome(request_id="1", payload=b"null")

    async def invoke_event(self, name: str, payload: bytes) -> str:
        if self.refusals:
            self.refusals -= 1
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        self.queued.append((name, payload))
        return "1"

    def slots(self) -> list[str]:
        return [json.loads(payload)["time"] for _, payload in self.queued]


type Start = Callable[..., contextlib.AbstractAsyncContextManager[Schedules]]
