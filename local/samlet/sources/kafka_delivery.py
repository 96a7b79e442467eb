"""Delivers the batches of one partition in order: retries, bisecting, partial failures, age, the on-failure topic."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from samlet.errors import FunctionNotFound, KafkaFailed, Throttled
from samlet.kafka_client import Cluster, Record
from samlet.log import say
from samlet.model import KafkaMapping
from samlet.runtime.outcome import Outcome
from samlet.sources.invoker import Invoker
from samlet.sources.kafka_event import build_event, first_failure
from samlet.sources.kafka_reader import in_thread

_TOPIC_SCHEME = "kafka://"
_MOST_RETRIES_WITH_DESTINATION = 10  # AWS's cap on "infinite" where there is an on-failure destination


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts: `first`, doubled each time, never more than `most`."""

    first: float = 0.2
    most: float = 5.0

    def after(self, failures: int) -> float:
        """Return the wait after so many failures."""
        return min(self.most, self.first * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True, slots=True)
class _Chunk:
    records: Sequence[Record]
    failures: int = 0


@dataclass(slots=True)
class Counts:
    """What became of one mapping's records."""

    delivered: int = 0
    filtered: int = 0
    unreadable: int = 0
    given_up: int = 0


@dataclass(frozen=True)
class Route:
    """Where one mapping's records go, and how patiently; `clock` gives epoch seconds."""

    mapping: KafkaMapping
    invoker: Invoker
    cluster: Cluster
    bootstrap: str
    backoff: Backoff = Backoff()
    clock: Callable[[], float] = time.time

    @property
    def retries(self) -> int | None:
        """How often a batch is tried again, None for ever."""
        if self.mapping.max_retries >= 0:
            return self.mapping.max_retries
        return _MOST_RETRIES_WITH_DESTINATION if self.mapping.on_failure else None

    @property
    def dead_topic(self) -> str | None:
        """The topic for records that are given up."""
        destination = self.mapping.on_failure or ""
        return destination.removeprefix(_TOPIC_SCHEME) if destination.startswith(_TOPIC_SCHEME) else None


class Delivery:
    """The deliveries of one partition; `resolved(offset)` is told how far all records are dealt with."""

    def __init__(self, route: Route, counts: Counts, resolved: Callable[[int], None], stopping: asyncio.Event) -> None:
        self._route, self._counts, self._resolved, self._stopping = route, counts, resolved, stopping
        self._running: set[asyncio.Future[Outcome]] = set()

    async def deliver(self, batch: Sequence[Record]) -> None:
        """Deal with a whole batch, however long that takes; returns early only when stopping."""
        chunks = deque([_Chunk(batch)])
        while chunks and not self._stopping.is_set():
            chunk = await self._without_expired(chunks.popleft())
            if self._stopping.is_set():
                return  # before an attempt could resolve what was not given up in time
            if not chunk.records:
                continue
            failed = await self._attempt(chunk.records)
            if failed is None:
                self._succeeded(chunk.records)
            elif not self._stopping.is_set():
                chunks.extendleft(reversed(await self._after_failure(chunk, failed)))

    async def _after_failure(self, chunk: _Chunk, failed: int) -> list[_Chunk]:
        """Return what is still to be tried, after the wait that it takes."""
        before = chunk.failures
        if failed:
            self._succeeded(chunk.records[:failed])
            before = 0
        records = chunk.records[failed:]
        if self._route.mapping.bisect and len(records) > 1:
            # Splitting a batch does not use up attempts.
            await self._pause(self._route.backoff.first)
            middle = len(records) // 2
            return [_Chunk(records[:middle], before), _Chunk(records[middle:], before)]
        failures = before + 1
        if self._route.retries is not None and failures > self._route.retries:
            await self._give_up(records, f"failed {failures} times")
            return []
        wait = self._route.backoff.after(failures)
        self._say(records, f"attempt {failures} failed; again in {wait:.1f} s")
        await self._pause(wait)
        return [_Chunk(records, failures)]

    async def _attempt(self, records: Sequence[Record]) -> int | None:
        """Return the index of the first record that failed, None when all succeeded; waits out throttles."""
        event = build_event(self._route.mapping, self._route.bootstrap, records)
        refusals = 0
        while True:
            try:
                outcome = await self._invoke(event)
                break
            except (Throttled, FunctionNotFound) as error:
                refusals += 1
                if refusals == 1 or isinstance(error, FunctionNotFound):
                    self._say(records, f"{error}; waiting")
                await self._pause(self._route.backoff.after(refusals))
                if self._stopping.is_set():
                    return 0
            except Exception as error:  # noqa: BLE001  # whatever it was, the records are not handled
                self._say(records, f"{type(error).__name__}: {error}")
                return 0
        if outcome.function_error:
            return 0
        return first_failure(outcome.payload, records) if self._route.mapping.partial_failures else None

    async def _invoke(self, event: bytes) -> Outcome:
        invocation = asyncio.ensure_future(self._route.invoker.invoke(self._route.mapping.function, event))
        # Shielded: a partition that is taken away must not tear a function out of its work.
        self._running.add(invocation)
        invocation.add_done_callback(self._finished)
        return await asyncio.shield(invocation)

    def _finished(self, invocation: asyncio.Future[Outcome]) -> None:
        self._running.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()

    async def _without_expired(self, chunk: _Chunk) -> _Chunk:
        if self._route.mapping.max_age < 0:
            return chunk
        oldest = (self._route.clock() - self._route.mapping.max_age) * 1000
        count = next((at for at, record in enumerate(chunk.records) if record.timestamp >= oldest), len(chunk.records))
        if count:
            await self._give_up(chunk.records[:count], f"older than {self._route.mapping.max_age} s")
        return _Chunk(chunk.records[count:], chunk.failures)

    async def _give_up(self, records: Sequence[Record], reason: str) -> None:
        topic = self._route.dead_topic
        if topic is None:
            lost = f"; {self._route.mapping.on_failure} is not run here" if self._route.mapping.on_failure else ""
            self._say(records, f"{reason}: dropped{lost}", error=True)
        elif not await self._send(topic, records, reason):
            return
        self._counts.given_up += len(records)
        self._resolved(records[-1].offset + 1)

    async def _send(self, topic: str, records: Sequence[Record], reason: str) -> bool:
        failures = 0
        while not self._stopping.is_set():
            try:
                await in_thread(lambda: self._route.cluster.send(topic, records))
            except KafkaFailed as error:
                failures += 1
                if failures == 1:
                    self._say(records, f"{topic} takes no records, trying on: {error}", error=True)
                await self._pause(self._route.backoff.after(failures))
            else:
                self._say(records, f"{reason}: sent to {topic}", error=True)
                return True
        return False

    def _succeeded(self, records: Sequence[Record]) -> None:
        self._counts.delivered += len(records)
        self._resolved(records[-1].offset + 1)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _say(self, records: Sequence[Record], text: str, *, error: bool = False) -> None:
        first, last = records[0], records[-1]
        place = f"{first.topic}-{first.partition} @ {first.offset}" + (f"..{last.offset}" if last != first else "")
        text = f"{self._route.mapping.function}: {place}: {text}"
        say(self._route.mapping.logical_id, text, level="error" if error else "warning")
