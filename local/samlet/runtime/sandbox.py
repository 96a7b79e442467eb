"""One execution environment: a process that handles one event at a time, and is watched while it does.

A sandbox outlives its process. After a time-out or a crash the process is gone, the temporary folder stays, and the
next event starts a new process on its own time, as on AWS.
"""

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import psutil

from samlet.model import LATEST, Function
from samlet.processes import Reaper, spawn, terminate
from samlet.runtime.extensions import Extensions
from samlet.runtime.logs import LogFile, SandboxLog, report
from samlet.runtime.outcome import Outcome
from samlet.runtime.runtime_api import Event, Reply, RuntimeApi, failure
from samlet.runtime.variables import sandbox_variables

State = Literal["new", "starting", "idle", "busy", "reset", "ended"]
_BOOTSTRAP = Path(__file__).with_name("bootstrap_python.py")
_MEMORY_POLL = 0.25
_SHUTDOWN_GRACE = 2.0
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sandboxes of one Samlet have in common; `init_limit` is in seconds.

    `output` hears every line that a function prints, with the function's logical id. `bootstrap` is the program that
    starts the runtime where an image brings its own.
    """

    reaper: Reaper
    region: str = "eu-central-1"
    account: str = "000000000000"
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    log_path: Path | None = None
    init_limit: float = 10.0
    output: Callable[[str, str], None] = lambda _function, _line: None
    bootstrap: Path | None = None

    def arn(self, function: Function, qualifier: str | None = None) -> str:
        """The ARN of a function, or of one of its aliases or versions."""
        return self.arn_of(function.name, qualifier)

    def arn_of(self, name: str, qualifier: str | None = None) -> str:
        """The ARN that a function of that name has, or would have."""
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a sandbox."""

    request_id: str
    payload: bytes
    client_context: str | None = None
    trace_id: str | None = None
    qualifier: str | None = None
    version: str = LATEST


class Sandbox:
    """Runs one function; `invoke` must not be called while another one is under way."""

    def __init__(self, function: Function, surroundings: Surroundings) -> None:
        self.function = function
        self.state: State = "new"
        self.invocations = 0
        self.idle_since = time.monotonic()
        self.stale = False
        self._surroundings = surroundings
        file = LogFile(surroundings.log_path, function.name)
        self._log = SandboxLog(function.name, file, lambda line: surroundings.output(function.logical_id, line))
        self._stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        self._temporary = TemporaryDirectory(prefix="samlet-")
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None
        self._api: RuntimeApi | None = None
        self._init_ms: float | None = None
        self._probe: psutil.Process | None = None
        self._memory_used = 0

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def warm(self, python: Path | None) -> bool:
        """Start the process ahead of any event, with the time that initialising may take; True when it came up."""
        return await self._initialise(python, self._surroundings.init_limit, "") is None

    async def invoke(self, request: Request, python: Path | None) -> Outcome:
        """Handle one event, from its START line to its REPORT line."""
        problem: bytes | None = None
        if self.state == "new":
            # The first initialisation has a limit of its own; if it fails, it is repeated on the event's time.
            problem = await self._initialise(python, self._surroundings.init_limit, request.request_id)
        self._log.begin(request.request_id, request.version)
        started = time.monotonic()
        deadline = started + self.function.timeout
        reply = None
        if self.pid is None:
            problem = await self._initialise(python, self.function.timeout, request.request_id)
        if problem is None or self.pid is not None:
            self.state = "busy"
            reply = await self._run(request, deadline)
        answered = time.monotonic()
        self._measure()
        answer = reply or Reply(problem or b"{}", failed=True)
        if self.pid is not None:
            await self._settle(deadline)
        duration = (answered - started) * 1000
        init_ms, self._init_ms = self._init_ms, None
        used = self._memory_used // _MEGABYTE
        tail = self._log.end(request.request_id, report(duration, self.function.memory, used, init_ms))
        self.invocations += 1
        self.idle_since = time.monotonic()
        error = "Unhandled" if answer.failed else None
        return Outcome(request.request_id, answer.payload, error, tail, duration, init_ms, used)

    async def stop(self) -> None:
        """End the process: announced where an extension asked for it, at once otherwise; the folder goes, too."""
        await self._end("ended", announce=True)
        self._temporary.cleanup()

    async def _initialise(self, python: Path | None, limit: float, request_id: str) -> bytes | None:
        """Start a process and wait until it asks for its first event; returns what went wrong instead."""
        await self._end("starting")
        started = time.monotonic()
        api, exit_task = await self._launch(python)
        ready = asyncio.ensure_future(api.idle.wait())
        try:
            await _first(ready, exit_task, api.init_error, timeout=limit)
        finally:
            ready.cancel()
        if api.idle.is_set():
            self.state = "idle"
            self._init_ms = (time.monotonic() - started) * 1000
            return None
        if api.init_error.done():
            problem = api.init_error.result()
        elif exit_task.done():
            problem = self._exited(exit_task.result(), request_id)
        else:
            problem = self._timed_out(limit, request_id)
        await self._end("reset")
        return problem

    async def _launch(self, python: Path | None) -> tuple[RuntimeApi, asyncio.Task[int]]:
        bootstrap = self._surroundings.bootstrap or self.function.code / "bootstrap"
        api = self._api = RuntimeApi(Extensions(self.function.name, self.function.handler))
        variables = sandbox_variables(
            self.function,
            api=await api.start(),
            region=self._surroundings.region,
            log_stream=self._stream,
            temporary=Path(self._temporary.name),
            extra=self._surroundings.extra_environment,
            python=python,
            bootstrap=bootstrap,
        )
        command: list[str | Path] = [python, _BOOTSTRAP, self.function.handler] if python else [bootstrap]
        writer = self._log.open()
        try:
            process = self._process = await spawn(
                command,
                reaper=self._surroundings.reaper,
                env=variables,
                cwd=self.function.code,
                stdout=writer,
                stderr=writer,
            )
        finally:
            os.close(writer)
        with contextlib.suppress(psutil.Error):
            self._probe, self._memory_used = psutil.Process(process.pid), 0
        exit_task = self._exit = asyncio.create_task(self._watch(process))
        return api, exit_task

    async def _watch(self, process: asyncio.subprocess.Process) -> int:
        status = await process.wait()
        if self._process is process and self.state == "idle":
            self.state = "reset"
        return status

    async def _run(self, request: Request, deadline: float) -> Reply:
        """Hand the event over and wait for the answer, the end of the process, the time-out or too much memory."""
        if self._api is None or self._exit is None:
            raise RuntimeError("the sandbox has no process")
        try:
            answer = self._api.hand_over(self._event(request, deadline))
        except RuntimeError:
            # It asked for an event and was gone before there was one.
            answer = asyncio.get_running_loop().create_future()
        while not answer.done() and not self._exit.done():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                await self._end("reset")
                return Reply(self._timed_out(self.function.timeout, request.request_id), failed=True)
            pause = min(remaining, _MEMORY_POLL)
            await _first(answer, self._exit, timeout=pause)
            self._enforce_memory(answer)
        if answer.done():
            return answer.result()
        status = self._exit.result()
        await self._end("reset")
        return Reply(self._exited(status, request.request_id), failed=True)

    def _event(self, request: Request, deadline: float) -> Event:
        return Event(
            request.request_id,
            request.payload,
            self._surroundings.arn(self.function, request.qualifier),
            int((time.time() + deadline - time.monotonic()) * 1000),
            str(uuid.uuid4()),
            request.trace_id or _new_trace_id(),
            request.client_context,
        )

    async def _settle(self, deadline: float) -> None:
        """Wait until the runtime asks for the next event: only then is this invocation over."""
        if self._api is None or self._exit is None:
            return
        if not self._api.idle.is_set():
            ready = asyncio.ensure_future(self._api.idle.wait())
            pause = max(0.0, deadline - time.monotonic())
            await _first(ready, self._exit, timeout=pause)
            ready.cancel()
        if self._api.idle.is_set() and not self._exit.done():
            self.state = "idle"
        else:
            await self._end("reset")

    async def _end(self, state: State, *, announce: bool = False) -> None:
        """End the process and its listener, whatever they are doing."""
        self.state = state
        process, api, self._process, self._api = self._process, self._api, None, None
        if process is not None:
            announced = announce and api is not None and api.extensions.registered
            await terminate(process, _SHUTDOWN_GRACE if announced else 0, signal.SIGTERM)
        if self._exit is not None:
            await self._exit
            self._exit = None
        if api is not None:
            await api.stop()
        self._log.close()

    def _exited(self, status: int, request_id: str) -> bytes:
        text = f"RequestId: {request_id} Error: {describe_exit(status)}"
        self._log.close()
        self._log.line(text, level="error")
        return failure("Runtime.ExitError", text)

    def _timed_out(self, limit: float, request_id: str) -> bytes:
        text = f"Task timed out after {limit:.2f} seconds"
        self._log.line(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z {request_id} {text}", level="error")
        return failure("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}")

    def _enforce_memory(self, answer: asyncio.Future[Reply]) -> None:
        """Kill a process that has outgrown its memory."""
        if not answer.done() and self._measure() > self.function.memory * _MEGABYTE and self._process:
            self._log.line(f"the memory limit of {self.function.memory} MB is exceeded", level="error")
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _measure(self) -> int:
        """The resident memory of the process in bytes."""
        if self._probe is not None and self.pid is not None:
            with contextlib.suppress(psutil.Error):
                used = int(self._probe.memory_info().rss)
                self._memory_used = max(self._memory_used, used)
                return used
        return 0


def describe_exit(status: int) -> str:
    """AWS's words for the way that a process ended."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    words = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated", signal.SIGABRT: "aborted"}
    words |= {signal.SIGSEGV: "segmentation fault", signal.SIGINT: "interrupt", signal.SIGBUS: "bus error"}
    return f"Runtime exited with error: signal: {words.get(signal.Signals(-status), str(-status))}"


async def _first(*futures: asyncio.Future[Any], timeout: float) -> None:
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def _new_trace_id() -> str:
    noise = uuid.uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{noise[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
