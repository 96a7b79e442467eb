"""Queues of an AWS of one's own that wake functions, as Lambda's event source mappings for SQS do."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from samlet.aws_calls import AwsCalls
from samlet.background import BackgroundLoop, say_failure
from samlet.errors import SamletError, Throttled
from samlet.log import say
from samlet.model import QueueMapping
from samlet.sources.invoker import Invoker
from samlet.sources.polled_queue import AT_ONCE, IDLE, PolledQueue
from samlet.sources.queue_event import Message, handled, queue_event

_BATCHES = 5  # at the same time, unless the mapping says how many


class QueueSource:
    """Polls one queue. What a function fails stays there, and comes again when its visibility time-out has passed."""

    def __init__(self, mapping: QueueMapping, functions: Invoker, calls: AwsCalls, account: str) -> None:
        self.name = mapping.logical_id
        self._mapping = mapping
        self._functions = functions
        self._queue = PolledQueue(mapping.logical_id, mapping.arn, calls, account)
        self._limit = asyncio.Semaphore(mapping.max_concurrency or _BATCHES)
        self._batches: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._polling = BackgroundLoop(self.name, "polling the queue")
        self._counts = {"handled": 0, "failed": 0}

    def status(self) -> dict[str, Any]:
        """The queue, the function, and how many messages went which way."""
        return {"queue": self._mapping.arn, "function": self._mapping.function, **self._counts} | self._polling.status()

    async def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._polling.run(self._poll))

    @property
    def mapping(self) -> QueueMapping:
        """What it does."""
        return self._mapping

    async def stop(self, patience: float = 0.0) -> None:
        """Poll no more, and let batches end for `patience` seconds; what is left then comes again."""
        if self._task:
            self._task.cancel()
        if patience and self._batches:
            await asyncio.wait(self._batches, timeout=patience)
        tasks = [task for task in (self._task, *self._batches) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await self._limit.acquire()
            try:
                messages = await self._next_batch()
            except BaseException:
                self._limit.release()
                raise
            if not messages:
                self._limit.release()
                await asyncio.sleep(IDLE)
                continue
            task = asyncio.create_task(self._deliver(messages))
            self._batches.add(task)
            task.add_done_callback(say_failure(self.name, "a batch"))
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        self._limit.release()

    async def _next_batch(self) -> list[Message]:
        """A whole batch, or what has come when the window closes; the window opens with the first message."""
        found: list[Message] = []
        closes = 0.0
        while len(found) < self._mapping.batch_size:
            more = await self._queue.receive(min(AT_ONCE, self._mapping.batch_size - len(found)))
            if more and not found:
                closes = time.monotonic() + self._mapping.window
            found += more
            if not found or time.monotonic() >= closes:
                break
            if not more:
                await asyncio.sleep(min(IDLE, self._mapping.window))
        return found

    async def _deliver(self, messages: Sequence[Message]) -> None:
        try:
            outcome = await self._functions.invoke(self._mapping.function, queue_event(messages, self._mapping.arn))
        except SamletError as error:
            done: list[Message] = []
            if not isinstance(error, Throttled):
                say(self.name, f"{self._mapping.function}: {error}; its messages come again", level="warning")
        else:
            partial = self._mapping.partial_failures
            done = handled(messages, outcome.payload, partial=partial) if outcome.ok else []
        self._counts["handled"] += len(done)
        self._counts["failed"] += len(messages) - len(done)
        await self._queue.delete(done)
