"""One partition of one mapping: collects batches and delivers them one after the other, whatever others do."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from samlet.kafka_client import Record
from samlet.sources.batching import Buffer, Limits
from samlet.sources.kafka_delivery import Counts, Delivery, Route

_BUFFERED_BATCHES = 3
_BUFFERED_BYTES = 24 * 1024 * 1024


class PartitionWorker:
    """Runs in a task of its own; `commit(offset)` is called as soon as everything before `offset` is dealt with."""

    def __init__(self, route: Route, counts: Counts, commit: Callable[[int], None], stopping: asyncio.Event) -> None:
        self._commit, self._stopping = commit, stopping
        self._limits = Limits(route.mapping.batch_size, route.mapping.window)
        self._buffer = Buffer(self._limits)
        self._delivery = Delivery(route, counts, self._advance, stopping)
        self._delivering = False
        self._news = asyncio.Event()
        self._seen = 0  # the offset after the last record that arrived, skipped or not
        self.committed: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether no more should be fetched for now."""
        return len(self._buffer) >= _BUFFERED_BATCHES * self._limits.size or self._buffer.payload >= _BUFFERED_BYTES

    def take(self, record: Record, *, wanted: bool) -> None:
        """Queue a record, or pass over it if the filter does not want it."""
        if self.committed is None:
            self.committed = record.offset
        self._seen = record.offset + 1
        if wanted:
            self._buffer.add(record, time.monotonic())
            self._news.set()

    def settle(self) -> None:
        """Commit what is passed over; call it after some `take`s."""
        if not self._delivering and not self._buffer and self.committed != self._seen:
            self._advance(self._seen)

    async def run(self) -> None:
        """Deliver until stopped."""
        while not self._stopping.is_set():
            batch = await self._next_batch()
            if not batch:
                return
            self._delivering = True
            await self._delivery.deliver(batch)
            self._delivering = False
            if not self._stopping.is_set():
                self.settle()

    async def _next_batch(self) -> Sequence[Record]:
        stopped = asyncio.ensure_future(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                left = self._buffer.closes_in(time.monotonic())
                if left == 0.0:
                    return self._buffer.take()
                self._news.clear()
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({news, stopped}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
            return []
        finally:
            stopped.cancel()

    def _advance(self, offset: int) -> None:
        self.committed = offset
        self._commit(offset)


async def finish(tasks: Sequence[asyncio.Task[None]], within: float) -> None:
    """Wait for tasks that were told to stop, then end them."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within)
    for task in late:
        task.cancel()
    for task in late:
        with contextlib.suppress(asyncio.CancelledError):
            await task
