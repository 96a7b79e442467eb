"""Sees one batch through: attempts, age, what is given up. What is tried again, kafka_retries decides."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from samlet.errors import FunctionNotFound, Throttled
from samlet.log import Level, say
from samlet.runtime.outcome import Outcome
from samlet.sources.kafka_destination import Destination, pause
from samlet.sources.kafka_event import LARGEST_EVENT, Entry, first_failures
from samlet.sources.kafka_invocation_records import RETRIED, TOO_LARGE, Failure
from samlet.sources.kafka_partition import Partition
from samlet.sources.kafka_retries import Chunk, Rules, after, without_expired
from samlet.sources.kafka_route import Counts, Route


class Delivery:
    """One batch with records of `partitions`, each of which is told how far its records are dealt with."""

    def __init__(
        self,
        route: Route,
        counts: Counts,
        partitions: Mapping[int, Partition],
        destination: Destination,
        stopping: asyncio.Event,
    ) -> None:
        self._route, self._counts, self._partitions = route, counts, partitions
        self._destination, self._stopping = destination, stopping
        self._running: set[asyncio.Future[Outcome]] = set()
        self.freed: Callable[[], None] = lambda: None  # called whenever partitions may be free again
        self._rules = Rules(route.retries, route.mapping.bisect, route.backoff)

    async def attempt(self, chunk: Chunk) -> list[Chunk]:
        """Try once, and return what is to be tried again, or given up. The wait of the chunk is not kept here.

        Nothing is given up by who tries a batch for the first time: a destination may keep one waiting for long.
        """
        chunk = self._still_ours(chunk)
        if chunk.entries and chunk.lost:
            return [] if await self._give_up(chunk.entries, chunk.lost) else [chunk]
        chunk, later = self._without_expired(chunk)
        if not chunk.entries or self._stopping.is_set():
            return later
        event = self._route.shape.event(chunk.entries)
        if len(event) > LARGEST_EVENT:
            reason = f"larger than an event may be ({len(event)} bytes, {LARGEST_EVENT})"
            return [*later, replace(chunk, lost=Failure(TOO_LARGE, chunk.failures, reason=reason))]
        tried = await self._invoke(event, chunk)
        if tried is None:
            return [*later, Chunk(chunk.entries, chunk.failures)]
        failed, outcome = tried
        if failed != {} and self._stopping.is_set():
            return []  # nothing of it is resolved, so whoever comes next gets it
        left = after(chunk, failed, self._rules)
        self._succeeded(left.done)
        for again in left.again:
            if again.failures:
                self._say(again.entries, f"attempt {again.failures} failed; again in {again.wait:.1f} s", "warning")
        lost = [replace(one, lost=_exhausted(one, outcome)) for one in left.given_up]
        return [*later, *lost, *left.again]

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

        None if not all of it is ours any more, or young enough, when the function may have time again: then it has not
        been tried.
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
                if len(self._still_ours(chunk).entries) < len(entries) or self._without_expired(chunk)[1]:
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
        entries = [entry for entry in chunk.entries if self._are_ours([entry])]
        return replace(chunk, entries=entries)

    def _without_expired(self, chunk: Chunk) -> tuple[Chunk, list[Chunk]]:
        most = self._route.mapping.max_age
        if most < 0:
            return chunk, []
        return without_expired(chunk, (self._route.clock() - most) * 1000, f"older than {most} s")

    async def _give_up(self, entries: Sequence[Entry], failure: Failure) -> bool:
        """Whether that is settled; if not, the mapping stops, or not all of it is ours any more."""
        name, wished = self._destination.name, self._route.mapping.on_failure
        if name is None:
            self._say(entries, f"{failure.reason}: dropped{f'; {wished} is not run here' if wished else ''}", "error")
        elif await self._destination.take(entries, failure, lambda: self._are_ours(entries)):
            self._say(entries, f"{failure.reason}: sent to {name}", "error")
        else:
            return False
        self._counts.given_up += len(entries)
        self._resolved(entries)
        return True

    def _are_ours(self, entries: Sequence[Entry]) -> bool:
        return all(self._partitions[entry.record.partition].is_ours for entry in entries)

    def _succeeded(self, entries: Sequence[Entry]) -> None:
        self._counts.delivered += len(entries)
        self._resolved(entries)

    def _resolved(self, entries: Iterable[Entry]) -> None:
        last = {entry.record.partition: entry for entry in entries}
        for number, entry in last.items():
            self._partitions[number].resolve(entry)
        self.freed()

    async def _pause(self, seconds: float) -> None:
        await pause(self._stopping, seconds)

    def _say(self, entries: Sequence[Entry], text: str, level: Level) -> None:
        places = [_place(group) for group in Chunk(entries).partitions]
        shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more partitions" if len(places) > 3 else "")
        say(self._route.mapping.logical_id, f"{self._route.mapping.function}: {shown}: {text}", level=level)


def _exhausted(chunk: Chunk, outcome: Outcome | None) -> Failure:
    return Failure(RETRIED, chunk.failures, outcome, f"failed {chunk.failures} times")


def _place(entries: Sequence[Entry]) -> str:
    first, last = entries[0].record, entries[-1].record
    return f"{first.topic}-{first.partition} @ {first.offset}" + (f"..{last.offset}" if last != first else "")
