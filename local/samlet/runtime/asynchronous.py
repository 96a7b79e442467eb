"""Asynchronous invocations: accepted at once, tried again as AWS does, and never dropped without a word."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from samlet.background import say_failure
from samlet.errors import DeliveryFailed, SamletError
from samlet.log import say
from samlet.model import LATEST, Function
from samlet.runtime.destination_client import (
    Attributes,
    DestinationClient,
    envelope,
    is_bucket,
    is_queue_or_topic,
    object_key,
    response_context,
)
from samlet.runtime.outcome import Outcome
from samlet.runtime.targets import Target

# Seconds before the first and the second retry of an event that the function failed on.
RETRY_PAUSES = (60.0, 120.0)
_LONGEST_MESSAGE = 1024  # characters of an error in a dead letter
FIRST_BACK_OFF, LONGEST_BACK_OFF = 1.0, 300.0
LONGEST_CHAIN = 16  # records that follow from each other; AWS takes more for a loop, too


class Clock:
    """The time, as something that a test can replace."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Accepted:
    request_id: str
    target: Target
    payload: bytes
    since: float
    chain: int = 0  # of destinations that have led here

    @property
    def function(self) -> Function:
        return self.target.function


class AsynchronousInvocations:
    """Events that were answered with 202; they live in memory and end with Samlet, which says so."""

    def __init__(
        self,
        invoke: Callable[[str, str, bytes], Awaitable[Outcome]],
        arn: Callable[[Function, str | None], str],
        target: Callable[[str], Target],
        clock: Clock,
        destinations: DestinationClient | None = None,
    ) -> None:
        self._invoke = invoke
        self._arn = arn
        self._target = target
        self._clock = clock
        self._destinations = destinations or DestinationClient()
        self._deliveries: set[asyncio.Task[None]] = set()

    def accept(self, target: Target, payload: bytes, chain: int = 0) -> str:
        """Take an event; returns the request id that all of its attempts share."""
        event = _Accepted(str(uuid.uuid4()), target, payload, self._clock.now(), chain)
        delivery = asyncio.create_task(self._deliver(event))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)
        delivery.add_done_callback(say_failure(event.function.name, f"the delivery of event {event.request_id}"))
        return event.request_id

    async def stop(self) -> None:
        """Give up what is still on its way, and name the number."""
        if self._deliveries:
            say("samlet", f"{len(self._deliveries)} asynchronous event(s) not finished are dropped", level="warning")
        for delivery in list(self._deliveries):
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _deliver(self, event: _Accepted) -> None:
        if event.function.reserved_concurrency == 0:
            # Nothing can come of waiting: AWS doesn't either.
            await self._give_up(event, None, 0, "ZeroReservedConcurrency")
            return
        settings = event.function.asynchronous
        attempts, back_off = 0, FIRST_BACK_OFF
        outcome: Outcome | None = None
        condition = "EventAgeExceeded"
        while self._age(event) <= settings.max_age:
            try:
                outcome = await self._invoke(event.request_id, event.target.name, event.payload)
            except (SamletError, OSError) as trouble:
                # A throttle, or our own trouble, which is AWS's 5xx: neither uses up one of the function's retries.
                say(event.function.name, f"{event.request_id}: {trouble}; again in {back_off:g} s", level="warning")
                await self._clock.sleep(back_off)
                back_off = min(back_off * 2, LONGEST_BACK_OFF)
                continue
            attempts += 1
            if outcome.ok:
                await self._report(event, outcome, attempts, "Success", settings.destinations.on_success)
                return
            if attempts > settings.max_retries:
                condition = "RetriesExhausted"
                break
            await self._clock.sleep(RETRY_PAUSES[min(attempts, len(RETRY_PAUSES)) - 1])
        await self._give_up(event, outcome, attempts, condition)

    def _age(self, event: _Accepted) -> float:
        return self._clock.now() - event.since

    async def _give_up(self, event: _Accepted, outcome: Outcome | None, attempts: int, condition: str) -> None:
        settings = event.function.asynchronous
        target, dead = settings.destinations.on_failure, settings.dead_letters
        text = f"event {event.request_id} is given up after {attempts} attempt(s): {condition}"
        say(event.function.name, text + ("" if target or dead else "; it has no on-failure destination"), level="error")
        await self._report(event, outcome, attempts, condition, target)
        if dead:
            text, attributes = event.payload.decode(errors="replace"), _why(event, outcome, condition)
            await self._send(event, dead, self._destinations.send(dead, text, attributes))

    async def _report(
        self, event: _Accepted, outcome: Outcome | None, attempts: int, condition: str, target: str | None
    ) -> None:
        """Send the record of an invocation to its destination."""
        if target is None:
            return
        record = json.dumps(self._record(event, outcome, attempts, condition))
        if is_queue_or_topic(target):
            await self._send(event, target, self._destinations.send(target, record))
            return
        if is_bucket(target):
            key = object_key(f"aws/lambda/async/{event.function.name}", self._clock.now())
            await self._send(event, target, self._destinations.store(target, key, record))
            return
        if ":lambda:" not in target:
            say(event.function.name, f"destination {target} is not served here", level="error")
            return
        if event.chain == LONGEST_CHAIN:
            text = f"destination {target}: {LONGEST_CHAIN} records have followed from each other; a loop ends here"
            say(event.function.name, text, level="error")
            return
        try:
            # An event as others are: a function that is busy, or fails, gets the record again.
            self.accept(self._target(target), record.encode(), event.chain + 1)
        except SamletError as trouble:
            say(event.function.name, f"destination {target}: {trouble}", level="error")

    async def _send(self, event: _Accepted, target: str, sending: Awaitable[None]) -> None:
        try:
            await sending
        except DeliveryFailed as trouble:
            say(event.function.name, f"{target}: {trouble}", level="error")

    def _record(self, event: _Accepted, outcome: Outcome | None, attempts: int, condition: str) -> dict[str, object]:
        arn = self._arn(event.function, event.target.qualifier or LATEST)
        record = envelope(self._clock.now(), event.request_id, arn, condition, attempts)
        record["requestPayload"] = _json(event.payload)
        if outcome is not None:
            record["responseContext"] = response_context(outcome, event.target.version)
            record["responsePayload"] = _json(outcome.payload)
        return record


def _why(event: _Accepted, outcome: Outcome | None, condition: str) -> Attributes:
    """What a dead letter carries beside the event itself."""
    problem = _json(outcome.payload) if outcome else None
    message = problem.get("errorMessage") if isinstance(problem, dict) else None
    return {
        "RequestID": ("String", event.request_id),
        "ErrorCode": ("Number", "200" if outcome else "429"),
        "ErrorMessage": ("String", str(message or condition)[:_LONGEST_MESSAGE]),
    }


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload or b"null")
    except ValueError:
        return payload.decode(errors="replace")
