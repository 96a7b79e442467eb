"""All functions of a template, as something that can be invoked: by name, at once or later."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

from samlet.background import BackgroundLoop
from samlet.eager import begin
from samlet.errors import FunctionNotFound, Throttled
from samlet.log import say
from samlet.model import Function
from samlet.runtime.answers import AnswerStream
from samlet.runtime.asynchronous import AsynchronousInvocations, Clock
from samlet.runtime.destination_client import DestinationClient
from samlet.runtime.environments import Environments
from samlet.runtime.identifiers import new_request_id
from samlet.runtime.outcome import Outcome
from samlet.runtime.pool import LOCAL, Lendable, Pool, Scale, usual_scale
from samlet.runtime.request import CodeChanged, Request
from samlet.runtime.sandbox import Sandbox
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.runtime.targets import Target, knows, parse

_SWEEP_SECONDS = 5.0
_STARTS = 3  # of a sandbox for one event, while its code is being saved


class Functions:
    """Invokes functions in sandboxes; `queue_seconds` and `idle_seconds` are in seconds.

    Without `environments` nothing is run here: the sandboxes are those that agents attach.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        settings: SandboxSettings,
        *,
        environments: Environments | None = None,
        max_sandboxes: int | None = None,
        queue_seconds: float = 10.0,
        idle_seconds: float = 900.0,
        clock: Clock | None = None,
        destinations: DestinationClient | None = None,
    ) -> None:
        self._observer, self._changes = settings.observer, settings.changes
        self._debuggers = settings.debuggers
        self._settings = dataclasses.replace(settings, layers=environments.layers if environments else None)
        self._environments = environments
        self._pythons: dict[str, Path] = {}  # found once, until any file or property changes
        self._scale = Scale(max_sandboxes, max_sandboxes) if max_sandboxes is not None else usual_scale()
        self._queue_seconds = queue_seconds
        self._idle_seconds = idle_seconds
        self._pools = {logical_id: self._pool(function) for logical_id, function in functions.items()}
        self._asynchronous = AsynchronousInvocations(
            self._invoke_as, self._settings.arn, self.target, clock or Clock(), destinations
        )
        self._running: set[asyncio.Task[Any]] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Begin; sandboxes are started when they are needed."""
        self._sweeper = asyncio.create_task(BackgroundLoop("samlet", "ending idle sandboxes").run(self._sweep))

    async def stop(self) -> None:
        """End every sandbox, those in the middle of an event, too; events that come now are throttled."""
        self._stopped = True
        if self._sweeper:
            self._sweeper.cancel()
        await self._asynchronous.stop()
        sandboxes = [sandbox for pool in self._pools.values() for sandbox in pool.end()]
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*self._endings)
        await self._end_all(sandboxes)

    async def settled(self) -> None:
        """Wait until what was saved of the template counts."""
        while (settling := self._changes.look()) is not None:
            await settling

    def resolve(self, name: str) -> Function:
        """The function that a logical id, a name, an ARN or a partial ARN means, with or without qualifier."""
        return self.target(name).function

    def target(self, name: str) -> Target:
        """The function and the qualifier that a name means. Raises FunctionNotFound, for an unknown qualifier too."""
        wanted = parse(name)
        if wanted:
            function = self._named(wanted.function)
            if function and knows(function, wanted.qualifier):
                return Target(function, wanted.qualifier)
        raise FunctionNotFound(name)

    def arn(self, name: str) -> str:
        """The ARN of a function."""
        return self._settings.arn(self.resolve(name))

    @property
    def settings(self) -> SandboxSettings:
        """What all sandboxes have in common, for the agents that run some of them elsewhere."""
        return self._settings

    def attach(self, logical_id: str, sandbox: Lendable) -> bool:
        """Give events to a sandbox that an agent runs; False when its function has changed or gone meanwhile."""
        pool = self._pools.get(logical_id)
        if pool is None or pool.function != sandbox.function:
            return False
        pool.attach(sandbox)
        return True

    def detach(self, logical_id: str, sandbox: Lendable) -> bool:
        """Give it no more events; True when it has none just now, else it is stopped after the one that it has."""
        return logical_id not in self._pools or self._pools[logical_id].detach(sandbox)

    def invoke(
        self,
        name: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_id: str | None = None,
        request_id: str | None = None,
    ) -> asyncio.Future[Outcome]:
        """Invoke; to be awaited for the outcome. The function runs on when the caller stops waiting.

        The future may raise FunctionNotFound, Throttled or EnvironmentFailed.
        """
        return self._invoke_as(request_id or new_request_id(), name, payload, client_context, trace_id)

    def invoke_stream(
        self,
        name: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_id: str | None = None,
        request_id: str | None = None,
    ) -> AnswerStream:
        """Invoke for an answer that is read while it is made; what `invoke` may raise is raised by its outcome."""
        stream = AnswerStream(request_id or new_request_id())
        stream.follow(self._invoke_as(stream.request_id, name, payload, client_context, trace_id, stream))
        return stream

    async def invoke_event(self, name: str, payload: bytes) -> str:
        """Invoke asynchronously, with AWS's retries; returns the request id. Raises FunctionNotFound."""
        return self._asynchronous.accept(self.target(name), payload)

    async def warm(self, name: str) -> bool:
        """Start one sandbox ahead of events, if the function has none; True when it came up."""
        pool = self._pools[self.resolve(name).logical_id]
        if pool.sandboxes or pool.limit == 0:
            return bool(pool.sandboxes)
        python = await self._python(pool.function)
        self._expect_running()
        sandbox = await pool.borrow()
        try:
            return await sandbox.warm(python) if sandbox.state == "new" else True
        finally:
            if (ending := pool.give_back(sandbox)) is not None:
                await self._see_to_its_end(ending)

    def status(self) -> dict[str, dict[str, Any]]:
        """Every function by logical id: its limit and its sandboxes with process ids."""
        return {
            logical_id: {
                "name": pool.function.name,
                "state": "warm" if any(sandbox.pid for sandbox in pool.sandboxes) else "cold",
                "limit": pool.limit,
                "sandboxes": [
                    {"pid": sandbox.pid, "state": sandbox.state, "invocations": sandbox.invocations}
                    for sandbox in pool.sandboxes
                ],
            }
            for logical_id, pool in self._pools.items()
        }

    @property
    def functions(self) -> Mapping[str, Function]:
        """The functions by logical id."""
        return {logical_id: pool.function for logical_id, pool in self._pools.items()}

    async def replace(
        self, functions: Mapping[str, Function], extra_environment: Mapping[str, str] | None = None
    ) -> None:
        """Take over a changed template: functions that are new, gone or different; the others keep their sandboxes.

        Another `extra_environment` makes all of them different.
        """
        self._pythons = {}
        told_otherwise = extra_environment not in (None, self._settings.extra_environment)
        if extra_environment is not None:
            self._settings = dataclasses.replace(self._settings, extra_environment=extra_environment)
        ended: list[Lendable] = []
        for logical_id in [known for known in self._pools if known not in functions]:
            # Busy sandboxes finish first: they are stale, and stopped when they are given back.
            ended += self._pools.pop(logical_id).retire()
        for logical_id, function in functions.items():
            pool = self._pools.get(logical_id)
            if pool is None:
                self._pools[logical_id] = self._pool(function)
            elif told_otherwise or pool.function != function:
                ended += pool.replace(function)
        await self._end_all(ended)

    def outdate(self, logical_ids: Iterable[str]) -> frozenset[str]:
        """The code of these functions has changed: idle sandboxes end now, busy ones after their event.

        Returns those that had an idle one.
        """
        self._pythons = {}
        idle = {known: self._pools[known].replace() for known in logical_ids if known in self._pools}
        self._begin_to_end(sandbox for sandboxes in idle.values() for sandbox in sandboxes)
        return frozenset(known for known, sandboxes in idle.items() if sandboxes)

    def _pool(self, function: Function) -> Pool:
        return Pool(
            function,
            (lambda current: Sandbox(current, self._settings)) if self._environments else None,
            scale=Scale(1, 1) if function.logical_id in self._debuggers else self._scale,
            queue_seconds=self._queue_seconds,
            changes=self._changes,
            held=lambda: self.held(function.logical_id),
        )

    def held(self, name: str) -> float:
        """Seconds so far in which no time-out of a function ran, because it was looked at with a debugger."""
        if not self._debuggers:
            return 0.0
        function = self._named(name)
        debugger = self._debuggers.get(function.logical_id) if function else None
        return debugger.held() if debugger else 0.0

    def _named(self, name: str) -> Function | None:
        """The function with this logical id or name."""
        if name in self._pools:
            return self._pools[name].function
        return next((pool.function for pool in self._pools.values() if pool.function.name == name), None)

    def _invoke_as(
        self,
        request_id: str,
        name: str,
        payload: bytes,
        client_context: str | None = None,
        trace_id: str | None = None,
        stream: AnswerStream | None = None,
    ) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            target = self.target(name)
        except FunctionNotFound as error:
            outcome.set_exception(error)
            return outcome
        request = Request(
            request_id, payload, client_context, trace_id, target.qualifier, target.version, stream=stream
        )
        self._spawn(self._see_through(self._pools[target.function.logical_id], request, outcome))
        return outcome

    async def _see_through(self, pool: Pool, request: Request, outcome: asyncio.Future[Outcome]) -> None:
        """Handle an event and tell `outcome` how that ended; a shield around it would take twice as long."""
        try:
            await self._execute(pool, request, outcome)
        except asyncio.CancelledError:
            outcome.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, who waits is told
            if not outcome.done():
                outcome.set_exception(error)
            else:
                say(pool.function.name, f"after {request.request_id}: {type(error).__name__}: {error}", level="error")

    async def _execute(self, pool: Pool, request: Request, outcome: asyncio.Future[Outcome]) -> None:
        for attempt in range(_STARTS):
            with contextlib.suppress(CodeChanged):
                return await self._execute_once(pool, request, outcome, first=attempt == 0)
        text = "its files change whenever it starts, so the event meets them as they are"
        say(pool.function.name, text, level="warning")
        return await self._execute_once(pool, dataclasses.replace(request, any_code=True), outcome, first=False)

    async def _execute_once(
        self, pool: Pool, request: Request, outcome: asyncio.Future[Outcome], *, first: bool
    ) -> None:
        """Handle an event by code that is saved completely. Raises CodeChanged when that changed while it started.

        Who waits is told first; what is left to do for the event comes after that.
        """
        logical_id = pool.function.logical_id
        python = self._pythons.get(logical_id) or await self._python(pool.function)
        while (settling := self._changes.look(logical_id)) is not None:
            await settling
            python = await self._python(pool.function)

        def begin(sandbox: Lendable) -> None:
            sandbox.begin(request)
            if first:
                try:
                    self._observer.began(logical_id, request.request_id, request.payload, request.qualifier)
                except Exception as error:  # noqa: BLE001  # who looks on must not cost the event
                    text = f"of {request.request_id} is no record: {type(error).__name__}: {error}"
                    say(pool.function.name, text, level="error")

        # Nothing is waited for between that look and taking a sandbox, unless all are busy.
        try:
            self._expect_running()
            sandbox = await pool.borrow(begin)
        except Throttled as error:
            self._observer.refused(logical_id, request.request_id, request.payload, str(error))
            raise
        try:
            result = await sandbox.invoke(request, python)
        except CodeChanged:
            raise  # it begins again, by the code that is there now
        except BaseException as error:
            self._observer.broke(logical_id, request.request_id, f"{type(error).__name__}: {error}")
            raise
        finally:
            if (ending := pool.give_back(sandbox)) is not None:
                self._see_to_its_end(ending)
        try:
            if not outcome.done():
                outcome.set_result(result)
                await asyncio.sleep(0)
        finally:
            sandbox.finish()
            self._observer.ended(logical_id, result)

    def _expect_running(self) -> None:
        if self._stopped:
            raise Throttled(LOCAL, "Samlet is stopping")

    async def _python(self, function: Function) -> Path | None:
        if self._environments is None or function.runtime.startswith("provided"):
            return None
        pythons = self._pythons
        if function.logical_id not in pythons:
            pythons[function.logical_id] = await self._environments.python_for(function)
        return pythons[function.logical_id]

    async def _end_all(self, sandboxes: Iterable[Lendable]) -> None:
        """Stop sandboxes; begun is finished, even when who asked for it is cancelled."""
        await asyncio.shield(asyncio.gather(*self._begin_to_end(sandboxes)))

    def _begin_to_end(self, sandboxes: Iterable[Lendable]) -> list[asyncio.Task[None]]:
        return [self._see_to_its_end(sandbox.stop()) for sandbox in sandboxes]

    def _see_to_its_end(self, stopping: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        ending = asyncio.create_task(stopping)
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = begin(work)
        if not task.done():
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return task

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_SECONDS, self._idle_seconds))
            for pool in self._pools.values():
                if pool.function.logical_id in self._debuggers:
                    continue  # somebody may be thinking about the next breakpoint
                expired = pool.expired(self._idle_seconds)
                if expired:
                    say(pool.function.name, f"{len(expired)} idle sandbox(es) ended")
                with contextlib.suppress(OSError):  # a folder that cannot be deleted must not end the sweeping
                    await self._end_all(expired)
