"""Topics and buckets of moto that wake functions: what they have for one is taken out of a queue in between."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from samlet.aws_calls import AwsCalls
from samlet.background import BackgroundLoop
from samlet.errors import DeliveryFailed, FunctionNotFound
from samlet.log import say
from samlet.model import PushMapping
from samlet.runtime.destination_client import DestinationClient, is_queue_or_topic
from samlet.sources.invoker import Invoker
from samlet.sources.polled_queue import AT_ONCE, IDLE, PolledQueue
from samlet.sources.queue_event import Message
from samlet.sources.s3_event import s3_events
from samlet.sources.sns_event import message_filter, sns_event

_SUBJECT = "Amazon S3 Notification"


class PushSource:
    """One way from a topic or a bucket to a function, which is invoked asynchronously, an event for each message.

    What a bucket has for a queue or a topic goes there by `destinations`.
    """

    def __init__(
        self,
        mapping: PushMapping,
        functions: Invoker,
        calls: AwsCalls,
        account: str,
        destinations: DestinationClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mapping = mapping
        self._functions = functions
        self._queue = PolledQueue(mapping.logical_id, mapping.push.queue, calls, account)
        self._passes = message_filter(mapping.push.filter_policy, mapping.push.filter_scope)
        self._destinations = destinations or DestinationClient()
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._taking: asyncio.Task[None] | None = None
        self._polling = BackgroundLoop(mapping.logical_id, "polling what it is told")
        self._counts = {"sent": 0, "filtered": 0}

    @property
    def mapping(self) -> PushMapping:
        """What it does."""
        return self._mapping

    def status(self) -> dict[str, Any]:
        """From where to where, and how many events were sent and how many the filter kept back."""
        push = self._mapping.push
        target = self._mapping.function or self._mapping.target
        return {"kind": push.kind, "source": push.source, "target": target, **self._counts} | self._polling.status()

    async def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._polling.run(self._poll))

    async def stop(self, patience: float = 0.0) -> None:  # noqa: ARG002 - what was sent is none of its business
        """Poll no more; what is being sent is sent."""
        if self._task:
            self._task.cancel()
        tasks = [task for task in (self._task, self._taking) if task]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            messages = await self._queue.receive(AT_ONCE)
            if messages:
                # Stopped in between, it would send these again when their visibility time-out has passed.
                self._taking = asyncio.create_task(self._take(messages))
                await asyncio.shield(self._taking)
            else:
                await asyncio.sleep(IDLE)

    async def _take(self, messages: Sequence[Message]) -> None:
        """Send the events of messages to the function, and let the messages go: the retries are the invocation's."""
        for message in messages:
            for event in self._events(message["Body"]):
                try:
                    await self._send(event)
                except (FunctionNotFound, DeliveryFailed) as trouble:
                    await self._undeliverable(message["Body"], trouble)
                else:
                    self._counts["sent"] += 1
        await self._queue.delete(messages)

    async def _send(self, event: bytes) -> None:
        target = self._mapping.target
        if is_queue_or_topic(target):
            await self._destinations.send(target, event.decode(), subject=_SUBJECT)
        else:
            await self._functions.invoke_event(target, event)

    async def _undeliverable(self, told: str, trouble: Exception) -> None:
        """Leave what was told to the subscription's dead-letter queue, if it has one."""
        name, queue = self._mapping.logical_id, self._mapping.push.dead_letters
        if queue:
            try:
                await self._destinations.send(queue, told)
            except DeliveryFailed as lost:
                trouble = lost
            else:
                say("samlet", f"{name}: an event went to {queue}: {trouble}", level="error")
                return
        say("samlet", f"{name}: an event is lost: {trouble}", level="error")

    def _events(self, body: str) -> Sequence[bytes]:
        try:
            told = json.loads(body)
            if self._mapping.push.kind == "s3":
                return list(s3_events(told, self._clock()))
            if self._passes(told):
                return [sns_event(told, self._mapping.push.origin)]
        except (AttributeError, KeyError, TypeError, ValueError):
            say("samlet", f"{self._mapping.logical_id}: what somebody put into its queue is left out", level="warning")
            return ()
        self._counts["filtered"] += 1
        return ()
