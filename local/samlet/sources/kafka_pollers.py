"""Puts the records of a mapping's partitions together to batches, and sees each batch through.

A poller has a share of the partitions, and tries one batch at a time. What fails or is given up is seen through beside
it: the partitions of that batch stand still until it is settled, while the poller goes on with its others.
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence

from samlet.background import BackgroundLoop, say_failure
from samlet.sources.batching import Limits, closes_in, take
from samlet.sources.kafka_delivery import Delivery
from samlet.sources.kafka_destination import Destination
from samlet.sources.kafka_partition import Partition
from samlet.sources.kafka_retries import Chunk
from samlet.sources.kafka_route import Counts, Route


class Pollers:
    """`count` of them; `partitions` may change at any time, who changes them calls `wake`."""

    def __init__(self, route: Route, counts: Counts, stopping: asyncio.Event) -> None:
        self.partitions: dict[int, Partition] = {}
        self.count = 0
        self._route, self._counts, self._stopping = route, counts, stopping
        self._destination = Destination(route, stopping)
        self._limits = Limits(route.mapping.batch_size, route.mapping.window, route.shape.room)
        self._news: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def scale(self, count: int) -> None:
        """Have so many from now on; one that is too many ends after its batch."""
        self.count = count
        for number in range(count):
            if number not in self._news:
                self._news[number] = asyncio.Event()
                self._spawn(self._poll(number))
        self.wake()

    def wake(self) -> None:
        """Have all look at what there is."""
        for news in self._news.values():
            news.set()

    async def finish(self, within: float) -> None:
        """Wait for all, who have been told to stop, and end those that are late."""
        self.wake()
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _poll(self, number: int) -> None:
        news = self._news[number]
        try:
            polling = BackgroundLoop(self._route.mapping.logical_id, f"poller {number + 1}")
            await polling.run(lambda: self._batches(number, news))
        finally:
            del self._news[number]
            self.wake()  # whoever has its partitions now may have found one busy, and sleeps

    async def _batches(self, number: int, news: asyncio.Event) -> None:
        while number < self.count and not self._stopping.is_set():
            share = self._share(number)
            idle = [partition for partition in share if not partition.is_busy]
            left = closes_in([partition.buffer for partition in idle], self._limits, time.monotonic())
            if left == 0.0:
                await self._deliver(idle)
                if share != self._share(number):
                    self.wake()  # who has some of it now has found it busy, and sleeps
                continue
            news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), left)

    def _share(self, number: int) -> list[Partition]:
        ours = sorted(self.partitions)
        return [self.partitions[partition] for partition in ours[number :: self.count]]

    async def _deliver(self, idle: Sequence[Partition]) -> None:
        chunk = Chunk(take([partition.buffer for partition in idle], self._limits))
        partitions = {partition.number: partition for partition in idle}
        for entries in chunk.partitions:
            partitions[entries[0].record.partition].begin(entries[-1])
        delivery = Delivery(self._route, self._counts, partitions, self._destination, self._stopping)
        if again := await delivery.attempt(chunk):
            self._spawn(self._follow(delivery, again))

    async def _follow(self, delivery: Delivery, chunks: Sequence[Chunk]) -> None:
        delivery.freed = self.wake  # a partition that is done goes on, however long the others take
        await delivery.follow(chunks)
        self.wake()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(say_failure(self._route.mapping.logical_id, "a batch"))


def lag(partitions: Mapping[int, Partition], ends: Mapping[int, int]) -> int:
    """Return how many records are not dealt with."""
    places = {number: partition.committed for number, partition in partitions.items()}
    return sum(max(0, ends.get(number, 0) - at) for number, at in places.items() if at is not None)
