"""Sees one batch through: attempts, age, the on-failure destination. What is tried again, kafka_retries decides."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from samlet.errors import FunctionNotFound, KafkaFailed, LetterLost, Throttled
from samlet.log import Level, say
from samlet.runtime.outcome import Outcome
from samlet.sources.kafka_event import LARGEST_EVENT, Entry, first_failures
from samlet.sources.kafka_letters import EXPIRED, RETRIED, TOO_LARGE, Failure, tell
from samlet.sources.kafka_partition import Partition
from samlet.sources.kafka_reader import in_thread
from samlet.sources.kafka_retries import Chunk, Rules, after
from samlet.sources.kafka_route import Counts, Route


class Delivery:
    """One batch with records of `partitions`, each of which is told how far its records are dealt with."""

    def __init__(
        self, route: Route, counts: Counts, partitions: Mapping[int, Partition], stopping: asyncio.Event
    ) -> None:
        self._route, self._counts, self._partitions, self._stopping = route, counts, partitions, stopping
        self._running: set[asyncio.Future[Outcome]] = set()
        self.freed: Callable[[], None] = lambda: None  # called whenever partitions may be free again
        self._rules = Rules(route.retries, route.mapping.bisect, route.backoff)

    async def attempt(self, chunk: Chunk) -> list[Chunk]:
        """Try once, and return what is to be tried again. The wait of the chunk is not kept here."""
        chunk = await self._without_expired(self._still_ours(chunk))
        if not chunk.entries or self._stopping.is_set():
            return []
        event = self._route.shape.event(chunk.entries)
        if len(event) > LARGEST_EVENT:
            reason = f"larger than an event may be ({len(event)} bytes, {LARGEST_EVENT})"
            await self._give_up(chunk.entries, reason, Failure(TOO_LARGE, chunk.failures))
            return []
        tried = await self._invoke(event, chunk)
        if tried is None:
            return [Chunk(chunk.entries, chunk.failures)]
        failed, outcome = tried
        if failed != {} and self._stopping.is_set():
            return []  # nothing of it is resolved, so whoever comes next gets it
        left = after(chunk, failed, self._rules)
        self._succeeded(left.done)
        for lost in left.given_up:
            failure = Failure(RETRIED, lost.failures, outcome)
            await self._give_up(lost.entries, f"failed {lost.failures} times", failure)
        for again in left.again:
            if again.failures:
                self._say(again.entries, f"attempt {again.failures} failed; again in {again.wait:.1f} s", "warning")
        return left.again

    async def follow(self, chunks: Sequence[Chunk]) -> None:
        """Deal with all of it, however long that takes; returns early only when stopping.

        Chunks of one partition one after the other, those of different ones at the same time.
        """
        if len({entry.record.partition for chunk in chunks for entry in chunk.entries}) > 1 < len(chunks):
            by_partition: dict[int, list[Chunk]] = {}
            for chunk in chunks:
                by_partition.setdefault(chunk.entries[0].record.partition, []).append(chunk)
            await asyncio.gather(*map(self.follow, by_partition.values()))
            return
        waiting = deque(chunks)
        while waiting and not self._stopping.is_set():
            chunk = waiting.popleft()
            await self._pause(chunk.wait)
            again = await self.attempt(chunk)
            if waiting or len(again) <= 1 or len(chunk.partitions) == 1:
                waiting.extendleft(reversed(again))
            else:
                await self.follow(again)

    async def _invoke(self, event: bytes, chunk: Chunk) -> tuple[Mapping[int, int] | None, Outcome | None] | None:
        """Return what failed, in the words of `first_failures`, and the answer, if any; waits out throttles.

        None if not all of it is ours any more when the function may have time again: then it has not been tried.
        """
        refusals, entries = 0, chunk.entries
        while True:
            try:
                outcome = await self._outcome(event)
                break
            except (Throttled, FunctionNotFound) as error:
                refusals += 1
                self._counts.throttled += isinstance(error, Throttled)
                if refusals == 1 or isinstance(error, FunctionNotFound):
                    self._say(entries, f"{error}; waiting", "warning")
                await self._pause(self._route.backoff.after(refusals))
                if self._stopping.is_set():
                    return None, None
                if len(self._still_ours(chunk).entries) < len(entries):
                    return None
            except Exception as error:  # noqa: BLE001  # whatever it was, the records are not handled
                self._say(entries, f"{type(error).__name__}: {error}", "warning")
                return None, None
        if outcome.function_error:
            return None, outcome
        if not self._route.mapping.partial_failures:
            return {}, outcome
        return first_failures(outcome.payload, (entry.record for entry in entries)), outcome

    async def _outcome(self, event: bytes) -> Outcome:
        invocation = asyncio.ensure_future(self._route.invoker.invoke(self._route.mapping.function, event))
        # Shielded: who stops waiting must not tear a function out of its work.
        self._running.add(invocation)
        invocation.add_done_callback(self._finished)
        return await asyncio.shield(invocation)

    def _finished(self, invocation: asyncio.Future[Outcome]) -> None:
        self._running.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()

    def _still_ours(self, chunk: Chunk) -> Chunk:
        """Leave out partitions that another member of the group has by now, and will get the records of."""
        entries = [entry for entry in chunk.entries if self._partitions[entry.record.partition].is_ours]
        return Chunk(entries, chunk.failures)

    async def _without_expired(self, chunk: Chunk) -> Chunk:
        if self._route.mapping.max_age < 0:
            return chunk
        oldest = (self._route.clock() - self._route.mapping.max_age) * 1000
        kept: list[Entry] = []
        for entries in chunk.partitions:
            young = next((at for at, one in enumerate(entries) if one.record.timestamp >= oldest), len(entries))
            if young:
                reason = f"older than {self._route.mapping.max_age} s"
                await self._give_up(entries[:young], reason, Failure(EXPIRED, chunk.failures))
            kept += entries[young:]
        return Chunk(kept, chunk.failures)

    async def _give_up(self, entries: Sequence[Entry], reason: str, failure: Failure) -> None:
        route, records = self._route, [entry.record for entry in entries]
        if topic := route.dead_topic:
            sent = await self._send(
                topic, entries, reason, lambda: in_thread(lambda: route.cluster.send(topic, records))
            )
        elif arn := route.letterbox:
            sent = await self._send(arn, entries, reason, lambda: tell(route, arn, entries, failure))
        else:
            lost = f"; {route.mapping.on_failure} is not run here" if route.mapping.on_failure else ""
            self._say(entries, f"{reason}: dropped{lost}", "error")
            sent = True
        if not sent:
            return
        self._counts.given_up += len(entries)
        self._resolved(entries)

    async def _send(
        self, destination: str, entries: Sequence[Entry], reason: str, send: Callable[[], Awaitable[None]]
    ) -> bool:
        """Send until it is taken; False if that did not come about before stopping."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await send()
            except (KafkaFailed, LetterLost) as error:
                failures += 1
                if failures == 1:
                    self._say(entries, f"{destination} takes no records, trying on: {error}", "error")
                await self._pause(self._route.backoff.after(failures))
            else:
                self._say(entries, f"{reason}: sent to {destination}", "error")
                return True
        return False

    def _succeeded(self, entries: Sequence[Entry]) -> None:
        self._counts.delivered += len(entries)
        self._resolved(entries)

    def _resolved(self, entries: Iterable[Entry]) -> None:
        last = {entry.record.partition: entry for entry in entries}
        for number, entry in last.items():
            self._partitions[number].resolve(entry)
        self.freed()

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _say(self, entries: Sequence[Entry], text: str, level: Level) -> None:
        places = [_place(group) for group in Chunk(entries).partitions]
        shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more partitions" if len(places) > 3 else "")
        say(self._route.mapping.logical_id, f"{self._route.mapping.function}: {shown}: {text}", level=level)


def _place(entries: Sequence[Entry]) -> str:
    first, last = entries[0].record, entries[-1].record
    return f"{first.topic}-{first.partition} @ {first.offset}" + (f"..{last.offset}" if last != first else "")
