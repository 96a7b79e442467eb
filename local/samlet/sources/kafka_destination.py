"""Where a mapping's records go that are given up, for as long as it takes until they are taken.

One for all batches of a mapping: a destination that is down is complained of once, and again at intervals, not for each
batch that waits for it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from samlet.errors import DeliveryFailed
from samlet.log import Level, say
from samlet.sources.kafka_event import Entry
from samlet.sources.kafka_invocation_records import Failure, tell
from samlet.sources.kafka_reader import in_thread
from samlet.sources.kafka_route import Route

_REMIND_EVERY = 60.0  # seconds
_ENDS_WITHIN = 0.5  # seconds; what is on its way when the mapping stops


class Destination:
    """Takes what is given up; sends again until that is taken, or nobody wants it any more."""

    def __init__(self, route: Route, stopping: asyncio.Event) -> None:
        self._route, self._stopping = route, stopping
        self._waiting = 0  # records
        self._down_since: float | None = None
        self._complained_at = 0.0

    @property
    def name(self) -> str | None:
        """The topic or ARN; None where there is nothing that takes records here."""
        return self._route.dead_topic or self._route.destination

    async def take(self, entries: Sequence[Entry], failure: Failure, wanted: Callable[[], bool]) -> bool:
        """Send records; False if they were not taken before the mapping stops, or before `wanted` says no."""
        self._waiting += len(entries)
        failures = 0
        try:
            while wanted() and not self._stopping.is_set():
                try:
                    await self._send_unless_stopped(entries, failure)
                except Exception as error:  # noqa: BLE001  # whatever it was, the records are not taken
                    failures += 1
                    self._complain(str(error) or type(error).__name__)
                    await pause(self._stopping, self._route.backoff.after(failures))
                else:
                    self._down_since = None
                    return True
        finally:
            self._waiting -= len(entries)
        return False

    async def _send_unless_stopped(self, entries: Sequence[Entry], failure: Failure) -> None:
        """Send once; a client that hangs holds up no stop."""
        sending = asyncio.ensure_future(self._send(entries, failure))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({sending, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                await asyncio.wait({sending}, timeout=_ENDS_WITHIN)
            if not sending.done():
                raise DeliveryFailed("the mapping has stopped meanwhile")
            sending.result()
        finally:
            sending.cancel()
            stop.cancel()

    async def _send(self, entries: Sequence[Entry], failure: Failure) -> None:
        if topic := self._route.dead_topic:
            records = [entry.record for entry in entries]
            await in_thread(lambda: self._route.cluster.send(topic, records))
        elif arn := self._route.destination:
            await tell(self._route, arn, entries, failure)

    def _complain(self, error: str) -> None:
        if self._stopping.is_set():
            return
        now = self._route.clock()
        if self._down_since is None:
            self._down_since = self._complained_at = now
            self._say(f"{self.name} takes no records, trying on: {error}")
        elif now - self._complained_at >= _REMIND_EVERY:
            self._complained_at = now
            since = f"for {now - self._down_since:.0f} s"
            self._say(f"{self.name} takes no records {since}, {self._waiting} wait, trying on: {error}")

    def _say(self, text: str, level: Level = "error") -> None:
        say(self._route.mapping.logical_id, f"{self._route.mapping.function}: {text}", level=level)


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until stopping."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)
