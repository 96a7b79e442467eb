"""The sandboxes of one function, and who waits for one."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from samlet.errors import Throttled
from samlet.log import say
from samlet.runtime.sandbox import Sandbox
from samlet.template.model import Function

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
LOCAL = "ConcurrentInvocationLimitExceeded"


class Pool:
    """Lends sandboxes: a warm one if there is one, else a new one up to the limit, else after a wait."""

    def __init__(
        self, function: Function, make: Callable[[Function], Sandbox], *, max_sandboxes: int, queue_seconds: float
    ) -> None:
        self.function = function
        self.sandboxes: list[Sandbox] = []
        self._make = make
        self._max = max_sandboxes
        self._queue_seconds = queue_seconds
        self._free: list[Sandbox] = []
        self._waiting: deque[asyncio.Future[Sandbox]] = deque()
        self._ended = False

    @property
    def limit(self) -> int:
        """How many sandboxes there may be at once."""
        reserved = self.function.reserved_concurrency
        return self._max if reserved is None else reserved

    async def borrow(self) -> Sandbox:
        """A sandbox for one event; raises Throttled at the limit."""
        if sandbox := self._take():
            return sandbox
        if self.function.reserved_concurrency is not None:
            text = f"the reserved concurrency of {self.limit} is used up"
            raise self._throttled(RESERVED, text)
        return await self._wait()

    def give_back(self, sandbox: Sandbox) -> Awaitable[None] | None:
        """Return a sandbox after its event; what has to be ended is returned as something to await."""
        if sandbox.stale or self._ended:
            if sandbox in self.sandboxes:
                self.sandboxes.remove(sandbox)
            self._serve_one_waiting()
            return sandbox.stop()
        self._free.append(sandbox)
        self._serve_one_waiting()
        return None

    def replace(self, function: Function | None = None) -> list[Sandbox]:
        """Make every sandbox stale (busy ones finish first); returns the idle ones, which are to be stopped."""
        self.function = function or self.function
        for sandbox in self.sandboxes:
            sandbox.stale = True
        return self._drop(self._free)

    def expired(self, seconds: float) -> list[Sandbox]:
        """Take out the sandboxes that have been idle for so long; they are to be stopped."""
        now = time.monotonic()
        return self._drop([sandbox for sandbox in self._free if now - sandbox.idle_since >= seconds])

    def end(self) -> list[Sandbox]:
        """Take no more events; returns all sandboxes, busy ones too, to be stopped."""
        self._ended = True
        while self._waiting:
            self._waiting.popleft().set_exception(Throttled(LOCAL, "Samlet is stopping"))
        return list(self.sandboxes)

    def _take(self) -> Sandbox | None:
        # The one used last comes first: the others grow old enough to be ended.
        if self._free:
            return self._free.pop()
        if len(self.sandboxes) >= self.limit:
            return None
        sandbox = self._make(self.function)
        self.sandboxes.append(sandbox)
        return sandbox

    async def _wait(self) -> Sandbox:
        waiter: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await asyncio.wait([waiter], timeout=self._queue_seconds)
        if waiter.done():
            return waiter.result()
        self._waiting.remove(waiter)
        text = f"all {self.limit} sandboxes were busy for {self._queue_seconds:g} s (SAMLET_MAX_SANDBOXES)"
        raise self._throttled(LOCAL, text)

    def _serve_one_waiting(self) -> None:
        if self._waiting and (sandbox := self._take()):
            self._waiting.popleft().set_result(sandbox)

    def _drop(self, sandboxes: list[Sandbox]) -> list[Sandbox]:
        dropped = list(sandboxes)
        self._free = [sandbox for sandbox in self._free if sandbox not in dropped]
        self.sandboxes = [sandbox for sandbox in self.sandboxes if sandbox not in dropped]
        return dropped

    def _throttled(self, reason: str, text: str) -> Throttled:
        say(self.function.name, f"throttled: {text}", level="warning")
        return Throttled(reason, f"Rate Exceeded: {text}")
