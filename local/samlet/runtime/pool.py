"""The sandboxes of one function, and who waits for one."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from samlet.errors import Throttled
from samlet.log import say
from samlet.model import Function
from samlet.runtime.changes import Changes, NoChanges
from samlet.runtime.held import done_within
from samlet.runtime.outcome import Outcome
from samlet.runtime.request import Request
from samlet.runtime.sandbox import State

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
LOCAL = "ConcurrentInvocationLimitExceeded"
_PATIENCE = 0.5  # seconds that an event waits before it gets a sandbox beyond those at once
_PACE = 0.25  # seconds between two of these: each start would slow the others down


class Lendable(Protocol):
    """A sandbox, wherever its process is: a child of ours (`Sandbox`) or at an agent (`AttachedSandbox`)."""

    function: Function
    state: State
    invocations: int
    idle_since: float
    stale: bool

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        ...

    async def warm(self, python: Path | None) -> bool:
        """Start the process ahead of any event; True when it came up."""
        ...

    def begin(self, request: Request) -> None:
        """Hand an event over if that can be done at once; in any case `invoke` must follow with the same request."""
        ...

    async def invoke(self, request: Request, python: Path | None) -> Outcome:
        """Handle one event."""
        ...

    def finish(self) -> None:
        """Do what is left to do for the last event, now that its answer is known."""
        ...

    async def stop(self) -> None:
        """End the process."""
        ...


type Begin = Callable[[Lendable], None]


class _Waiter(NamedTuple):
    future: asyncio.Future[Lendable]
    begin: Begin
    since: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How many sandboxes a function has: `at_once` as they are needed, and up to `most` where events still wait.

    Quick events are through sooner if they take turns, since the processors are few; those that take seconds would
    wait for each other, which on AWS they never do.
    """

    at_once: int
    most: int


def usual_scale() -> Scale:
    """That of a function without reserved concurrency."""
    cores = os.cpu_count() or 1
    return Scale(max(4, 2 * cores), max(20, 4 * cores))


class Pool:
    """Lends sandboxes: a warm one if there is one, else a new one as `scale` has it, else after a wait.

    Without `make` there are only those that are attached from outside, and every event waits for one of them. `held` is
    how many seconds so far don't count, because a debugger has stopped the time.
    """

    def __init__(
        self,
        function: Function,
        make: Callable[[Function], Lendable] | None,
        *,
        scale: Scale,
        queue_seconds: float,
        changes: Changes | None = None,
        held: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.function = function
        self._look = (changes or NoChanges()).look
        self._held = held
        self.sandboxes: list[Lendable] = []
        self._make = make
        self._scale = scale
        self._queue_seconds = queue_seconds
        self._free: list[Lendable] = []
        self._waiting: deque[_Waiter] = deque()
        self._growing: asyncio.TimerHandle | None = None
        self._ended = False

    @property
    def limit(self) -> int:
        """How many events may be handled at once."""
        if self.function.reserved_concurrency is not None:
            return self.function.reserved_concurrency
        return len(self.sandboxes) if self._make is None else self._scale.most

    async def borrow(self, begin: Begin = lambda _sandbox: None) -> Lendable:
        """A sandbox for one event; raises Throttled at the limit. `begin` gets it in the moment in which it is free.

        Who waits for it is told only in the next round of the event loop, and the sandbox would do nothing meanwhile.
        """
        if sandbox := self._take():
            self._begin(begin, sandbox)
            return sandbox
        if self.function.reserved_concurrency is not None and self._busy >= self.limit:
            text = f"the reserved concurrency of {self.limit} is used up"
            raise self._throttled(RESERVED, text)
        return await self._wait(begin)

    def give_back(self, sandbox: Lendable) -> Coroutine[Any, Any, None] | None:
        """Return a sandbox after its event; what has to be ended is returned as something to await."""
        if self._somebody_waits():
            self._look()  # it may be about to be taken again
        if sandbox.stale or self._ended:
            if sandbox in self.sandboxes:
                self.sandboxes.remove(sandbox)
            self._serve_one_waiting()
            return sandbox.stop()
        self._free.append(sandbox)
        self._serve_one_waiting()
        return None

    def attach(self, sandbox: Lendable) -> None:
        """Take in a sandbox from outside; it may get an event at once."""
        self.sandboxes.append(sandbox)
        self._free.append(sandbox)
        self._serve_one_waiting()

    def detach(self, sandbox: Lendable) -> bool:
        """Lend a sandbox no more; False while it is lent, and then it counts until it is given back."""
        sandbox.stale = True
        if sandbox in self._free:
            self._drop([sandbox])
        return sandbox not in self.sandboxes

    def replace(self, function: Function | None = None) -> list[Lendable]:
        """Make every sandbox stale (busy ones finish first); returns the idle ones, which are to be stopped."""
        self.function = function or self.function
        for sandbox in self.sandboxes:
            sandbox.stale = True
        return self._drop(self._free)

    def retire(self) -> list[Lendable]:
        """Its function is gone: whoever waits is still served, and no sandbox is kept; returns the idle ones."""
        self._ended = True
        return self.replace()

    def expired(self, seconds: float) -> list[Lendable]:
        """Take out the sandboxes that have been idle for so long; they are to be stopped, unless others run them."""
        if self._make is None:
            return []
        now = time.monotonic()
        return self._drop([sandbox for sandbox in self._free if now - sandbox.idle_since >= seconds])

    def end(self) -> list[Lendable]:
        """Take no more events; returns all sandboxes, busy ones too, to be stopped."""
        self._ended = True
        while self._somebody_waits():
            self._waiting.popleft().future.set_exception(Throttled(LOCAL, "Samlet is stopping"))
        return list(self.sandboxes)

    @property
    def _busy(self) -> int:
        return len(self.sandboxes) - len(self._free)

    def _take(self) -> Lendable | None:
        reserved = self.function.reserved_concurrency
        if reserved is not None and self._busy >= reserved:
            return None
        # The one used last comes first: the others grow old enough to be ended.
        if self._free:
            return self._free.pop()
        return self._made(self._scale.at_once if reserved is None else reserved)

    def _made(self, limit: int) -> Lendable | None:
        """One more, unless there are `limit` already."""
        if self._make is None or len(self.sandboxes) >= limit:
            return None
        sandbox = self._make(self.function)
        self.sandboxes.append(sandbox)
        return sandbox

    async def _wait(self, begin: Begin) -> Lendable:
        waiter: asyncio.Future[Lendable] = asyncio.get_running_loop().create_future()
        # It begins while somebody else gives the sandbox back, and is nevertheless what woke it.
        context = copy_context()
        self._waiting.append(_Waiter(waiter, lambda sandbox: context.run(begin, sandbox), time.monotonic()))
        self._grow_within(_PATIENCE)
        if await done_within(self._queue_seconds, self._held, waiter):
            return waiter.result()
        raise self._throttled(LOCAL, f"{self._shortage()} for {self._queue_seconds:g} s")

    def _grow_within(self, seconds: float) -> None:
        if self._growing is None and self._make is not None and len(self.sandboxes) < self.limit:
            self._growing = asyncio.get_running_loop().call_later(seconds, self._grow)

    def _grow(self) -> None:
        """One sandbox more, if somebody has waited for long."""
        self._growing = None
        if not self._somebody_waits():
            return
        left = self._waiting[0].since + _PATIENCE - time.monotonic()
        if left <= 0 and (sandbox := self._made(self.limit)):
            self._free.append(sandbox)
            self._serve_one_waiting()
            left = _PACE
        self._grow_within(left)

    def _serve_one_waiting(self) -> None:
        if self._somebody_waits() and (sandbox := self._take()):
            waiter, begin, _ = self._waiting.popleft()
            try:
                self._begin(begin, sandbox)
            except Exception as error:  # noqa: BLE001  # it is the waiter's, and not of who gives the sandbox back
                waiter.set_exception(error)
            else:
                waiter.set_result(sandbox)

    def _begin(self, begin: Begin, sandbox: Lendable) -> None:
        try:
            begin(sandbox)
        except Exception as error:
            if sandbox.state != "busy":
                self._free.append(sandbox)  # or it would be lent for ever
                raise
            # It has the event, whoever failed behind that; another one would meet it at work.
            say(self.function.name, f"as an event began: {type(error).__name__}: {error}", level="error")

    def _somebody_waits(self) -> bool:
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()  # who was late, or is not waiting any more
        return bool(self._waiting)

    def _shortage(self) -> str:
        if self._make is not None:
            return f"all {self.limit} sandboxes (SAMLET_MAX_SANDBOXES) were busy"
        return f"all {len(self.sandboxes)} attached sandboxes were busy" if self.sandboxes else "no agent was attached"

    def _drop(self, sandboxes: list[Lendable]) -> list[Lendable]:
        dropped = list(sandboxes)
        self._free = [sandbox for sandbox in self._free if sandbox not in dropped]
        self.sandboxes = [sandbox for sandbox in self.sandboxes if sandbox not in dropped]
        return dropped

    def _throttled(self, reason: str, text: str) -> Throttled:
        say(self.function.name, f"throttled: {text}", level="warning")
        return Throttled(reason, f"Rate Exceeded: {text}")
