"""One execution environment: a process that handles one event at a time, and is watched while it does.

A sandbox outlives its process. After a time-out or a crash the process is gone, the temporary folder stays, and the
next event starts a new process on its own time, as on AWS.
"""

import asyncio
import os
import signal
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from samlet.eager import begin
from samlet.model import Function
from samlet.processes import end_all_with, signal_group, spawn, terminate
from samlet.runtime import ending, entrypoint, memory
from samlet.runtime.ending import Ending
from samlet.runtime.extensions import Extensions
from samlet.runtime.external_extensions import ExternalExtensions, NotStarted, Reason, extension_variables
from samlet.runtime.held import any_done_within, done_within
from samlet.runtime.layers import merge, programs_in
from samlet.runtime.logs import LogEnd, LogFile, SandboxLog, init_report, report
from samlet.runtime.outcome import Outcome
from samlet.runtime.request import CodeChanged, Request, event_of
from samlet.runtime.runtime_api import RuntimeApi
from samlet.runtime.runtime_call import Reply
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.runtime.variables import sandbox_variables

State = Literal["new", "starting", "idle", "busy", "reset", "ended"]
_SHUTDOWN_GRACE = 2.0
_FAR = 3600.0  # seconds; what a debugged function is told of its deadline, since its own clock can't be stopped
_NO_LIMIT = 1 << 30  # MB


class Sandbox:
    """Runs one function; `invoke` must not be called while another one is under way."""

    def __init__(self, function: Function, settings: SandboxSettings) -> None:
        self.function = function
        self.state: State = "new"
        self.invocations = 0
        self.idle_since = time.monotonic()
        self.stale = False
        self._settings = settings
        self._debugger = settings.debuggers.get(function.logical_id)
        # Seconds so far that don't count, because a debugger has stopped the time.
        self._held = self._debugger.held if self._debugger else lambda: 0.0
        self._file = LogFile(settings.log_path, function.name)
        self._log = SandboxLog(function.name, self._file, self._heard)
        self._log_end: LogEnd | None = None  # of the last event, where it is still to be written
        self._request_id = ""  # whose lines are being printed
        self._stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        self._temporary = TemporaryDirectory(prefix="samlet-")
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None
        self._api: RuntimeApi | None = None
        self._external: ExternalExtensions | None = None
        self._init_ms: float | None = None
        self._memory = memory.MemoryLimit(_NO_LIMIT if self._debugger else function.memory, self._kill)
        self._begun: Request | None = None  # handed over, and not followed by another
        self._answer: asyncio.Future[Reply | None] | None = None  # to that; None: it will not come
        self._started = self._deadline = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def warm(self, python: Path | None) -> bool:
        """Start the process ahead of any event, with the time that initialising may take; True when it came up."""
        return await self._initialise(python, self._settings.init_limit, "init", "") is None

    def begin(self, request: Request) -> None:
        """Hand an event over if the runtime waits for one; in any case `invoke` must follow with the same request.

        Whatever can be done while the function is at work comes after that.
        """
        if self.state == "idle" and not self._endings and self._waits():
            if self._log_end is not None:
                self._log_end.seal()
            self._set_out()
            self._hand_over(request)
            self._open_log(request)

    async def invoke(self, request: Request, python: Path | None) -> Outcome:
        """Handle one event. The end of its log is written by `finish`. Raises CodeChanged, see there."""
        problem = None if self._begun is request else await self._get_ready(request, python)
        answer = problem or await self._run(request)
        while answer is None:
            answer = await self._get_ready(request, python) or await self._run(request)
        return self._outcome(request, answer)

    def finish(self) -> None:
        """Write END and REPORT of the last event, unless they are there."""
        if self._log_end is not None:
            self._log_end.tail()
            self._log_end, self._request_id = None, ""

    async def _get_ready(self, request: Request, python: Path | None) -> Ending | None:
        """Have a process that waits for the event, whatever became of the last one; returns what went wrong instead."""
        self.finish()
        if self.state == "new":
            self._request_id = request.request_id
            # The first initialisation has a limit of its own; if it fails, it is repeated on the event's time.
            await self._initialise(python, self._settings.init_limit, "init", request.request_id)
            self._expect_current(request)
        if self._endings:
            await asyncio.wait(self._endings)
        if (self.state == "idle" or self._begun is request) and not await self._settled():
            await self._end("reset", reason="timeout" if self.pid else "failure")
        self._set_out()
        if self._begun is not request:  # or it was another process's, which hasn't read it
            self._open_log(request)
        self._begun = None
        if self.pid is not None:
            return None
        problem = await self._initialise(python, self.function.timeout, "invoke", request.request_id)
        self._expect_current(request)
        return problem

    def _set_out(self) -> None:
        """From here on it is the event's time."""
        self._started = time.monotonic()
        self._deadline = self._now() + self.function.timeout

    def _open_log(self, request: Request) -> None:
        self.finish()
        self._log.show()  # what was printed between two events belongs to none
        self._request_id = request.request_id
        self._log.begin(request.request_id, request.version)

    def _outcome(self, request: Request, answer: Reply | Ending) -> Outcome:
        self.idle_since = time.monotonic()
        duration = (self.idle_since - self._started) * 1000
        if self.pid is not None:
            self.state = "idle"
        self.invocations += 1
        init_ms, self._init_ms = self._init_ms, None
        used = self._memory.used
        verdict = answer.words if isinstance(answer, Ending) else None
        text = report(duration, self.function.memory, used, init_ms, verdict)
        end = self._log_end = LogEnd(self._log, request.request_id, text)
        error, streamed = "Unhandled" if answer.failed else None, request.stream.size if request.stream else None
        return Outcome(request.request_id, answer.payload, error, end.tail, duration, init_ms, used, streamed)

    def _heard(self, line: str) -> None:
        self._settings.observer.printed(self.function.logical_id, self._request_id, line)

    async def stop(self) -> None:
        """End the process: announced where an extension asked for it, at once otherwise; the folder goes, too."""
        if self._endings:
            await asyncio.wait(self._endings)
        await self._end("ended", announce=True, reason="spindown")
        self._temporary.cleanup()

    def _expect_current(self, request: Request) -> None:
        """Raise CodeChanged if it isn't what was saved last that was loaded just now."""
        self._settings.changes.look()
        if self.stale and not request.any_code:
            raise CodeChanged

    async def _initialise(
        self, python: Path | None, limit: float, phase: Literal["init", "invoke"], request_id: str
    ) -> Ending | None:
        """Start a process and wait until it asks for its first event; returns what went wrong instead."""
        await self._end("starting")
        started = time.monotonic()
        problem = await self._come_up(python, limit, request_id)
        for line in self._api.extensions.lines if self._api else ():
            self._log.line(line)
        took = (time.monotonic() - started) * 1000
        if problem is None:
            self.state, self._init_ms = "idle", took
            return None
        await self._end("reset", reason="timeout" if problem.status == "timeout" else "failure")
        self._log.line(init_report(took, phase, problem.words), level="error")
        if phase == "invoke":
            self._log.lines(problem.lines)
        return problem

    async def _come_up(self, python: Path | None, limit: float, request_id: str) -> Ending | None:
        try:
            opt = merge(self.function.layers, self._settings.layers or Path(self._temporary.name))
        except OSError as error:
            return ending.without_layer(error, request_id)
        program = self._settings.bootstrap or entrypoint.bootstrap_of(self.function.code, opt)
        started = time.monotonic()
        try:
            api, exit_task = await self._launch(python, program, opt, limit, request_id)
        except NotStarted as failed:
            return failed.ending
        except OSError as error:
            if self._settings.bootstrap:
                raise  # an image that is wrong is told by the agent, which tries again
            tried = entrypoint.candidates(self.function.code, opt)
            return ending.not_started(error, python or program, tried, request_id)
        left, lost = limit, list[asyncio.Future[Any]]()
        if self._external:
            left, lost = limit - (time.monotonic() - started), [self._external.ended]
        ready = asyncio.ensure_future(api.idle.wait())
        self._memory.watch()
        try:
            await any_done_within(left, self._held, ready, exit_task, api.init_error, *lost)
        finally:
            self._memory.rest()
            ready.cancel()
        if api.init_error.done():
            return ending.refused(api.init_error.result())
        if self._external and (problem := self._external.problem(request_id)):
            return problem
        if exit_task.done() or self._memory.exceeded:
            return ending.exited(await exit_task, request_id, out_of_memory=self._memory.exceeded)
        return None if api.idle.is_set() else ending.timed_out(limit, request_id, ending.stamp())

    async def _launch(
        self, python: Path | None, program: Path, opt: Path | None, limit: float, request_id: str
    ) -> tuple[RuntimeApi, asyncio.Task[int]]:
        api = self._api = RuntimeApi(Extensions(self.function.name, self.function.handler, self._settings.account))
        variables = sandbox_variables(
            self.function,
            api=await api.start(),
            region=self._settings.region,
            log_stream=self._stream,
            temporary=Path(self._temporary.name),
            extra=self._settings.extra_environment,
            python=python,
            bootstrap=program,
            opt=opt,
        )
        if files := programs_in(opt):
            external = self._external = ExternalExtensions(api.extensions, self._log_of, self._lost)
            await external.start(files, self._settings.reaper, extension_variables(variables), request_id)
            await external.registered_within(limit, self._held, request_id)
        if not python:
            entrypoint.expect_program(program)
        channel = await api.channel() if python else None
        command: list[str | Path] = [program]
        if python and channel:
            recent = self._settings.changes.recent(self.function.logical_id)
            command = entrypoint.python_command(python, self.function.handler, channel, self._debugger, recent=recent)
        writer = self._log.open()
        try:
            process = self._process = await spawn(
                command,
                reaper=self._settings.reaper,
                env=variables,
                cwd=self.function.code,
                stdout=writer,
                stderr=writer,
                pass_fds=[channel.fileno()] if channel else (),
            )
        finally:
            os.close(writer)
            if channel:
                channel.close()
        self._memory.follow(process.pid, self._external.pids if self._external else ())
        exit_task = self._exit = asyncio.create_task(self._watch(process, api))
        if python and self._debugger:
            self._debugger.began(exit_task)
        return api, exit_task

    def _log_of(self, extension: str) -> SandboxLog:
        return SandboxLog(f"{self.function.name}/{extension}", self._file, self._heard)

    def _lost(self, name: str, words: str) -> None:
        """An external extension has ended by itself, and the sandbox ends with it."""
        self._give_up()
        if self._api is not None:
            self._api.release()
        if self.state == "idle":
            self._log.line(f"the extension {name} has ended ({words}): the next event starts anew", level="error")
            self._kill()

    async def _watch(self, process: asyncio.subprocess.Process, api: RuntimeApi) -> int:
        status = await process.wait()
        if self._process is process and self.state == "idle":
            self.state = "reset"
        self._give_up()
        api.release()
        return status

    def _give_up(self) -> None:
        """Wait no longer for the answer to the event under way."""
        if self._answer and not self._answer.done():
            self._answer.set_result(None)

    async def _run(self, request: Request) -> Reply | Ending | None:
        """Hand the event over and wait for its end; None if the process ends for an earlier one, and hasn't read it."""
        assert self._api
        assert self._exit
        if self._begun is not request and self._waits():
            self._hand_over(request)
        if self._begun is request and self._answer is not None:
            # Otherwise it asked for an event and was gone before there was one.
            reply = await self._answer
            self._memory.rest()
            if (reply is not None or self._api.unread) and not self._memory.exceeded:
                return reply
        if self._external and not self._memory.exceeded and (lost := self._external.problem(request.request_id)):
            problem = lost
        elif self._exit.done() or self._memory.exceeded or self._now() < self._deadline:
            problem = ending.exited(await self._exit, request.request_id, out_of_memory=self._memory.exceeded)
        else:
            problem = ending.timed_out(self.function.timeout, request.request_id, ending.stamp())
        await self._end("reset", reason="timeout" if problem.status == "timeout" else "failure")
        self._log.lines(problem.lines)
        return problem

    def _waits(self) -> bool:
        """Whether the runtime asks for an event."""
        if self._api is None or self._exit is None or (self._external and self._external.ended.done()):
            return False
        return self._api.idle.is_set() and not self._exit.done()

    def _hand_over(self, request: Request) -> None:
        assert self._api
        left = self._deadline - self._now() + (_FAR if self._debugger else 0)
        event = event_of(request, self._settings.arn(self.function, request.qualifier), time.time() + left)
        self._answer = self._api.hand_over(event, request.stream)
        self.state, self._begun = "busy", request
        if self._ticking is None:
            self._tick_within(self.function.timeout)

    def _tick(self) -> None:
        """Look after the event under way until the runtime asks for the next one: at its memory and at its time.

        One timer serves all events of a sandbox; one for each would cost more than the rest of the way.
        """
        self._ticking = None
        if self._api is None or self._api.idle.is_set():
            return
        remaining = self._deadline - self._now()
        if remaining > 0:
            self._memory.look()
            self._tick_within(remaining)
        elif self.state == "busy":
            self._give_up()
        else:
            # It has answered, and does not ask for its next event.
            end = begin(self._end("reset", reason="timeout"))
            self._endings.add(end)
            end.add_done_callback(self._endings.discard)

    def _tick_within(self, seconds: float) -> None:
        self._ticking = asyncio.get_running_loop().call_later(min(memory.POLL, seconds), self._tick)

    async def _settled(self) -> bool:
        """Whether the runtime asks for an event again; waits until it does, it ends or its last event's time is up.

        Who waited for its last answer had that at once: asking for the next one takes the runtime a moment more.
        """
        if self._api is None or self._exit is None:
            return True
        if self._ticking and not self._api.idle.is_set():
            self._ticking.cancel()
            self._ticking = None
        if not self._api.idle.is_set():
            await done_within(max(0.0, self._deadline - self._now()), self._held, self._api.settled)
        return self._waits()

    async def _end(self, state: State, *, announce: bool = False, reason: Reason = "failure") -> None:
        """End the process and its listener, whatever they are doing; external extensions are told the reason."""
        self.finish()
        self.state = state
        if self._ticking:
            self._ticking.cancel()
            self._ticking = None
        process, api, self._process, self._api = self._process, self._api, None, None
        external, self._external = self._external, None
        if external is not None:
            await external.end(process, reason, self._log)
        elif process is not None:
            registered = api is not None and api.extensions.registered
            announced = announce and (registered or self._settings.graceful)
            await terminate(process, _SHUTDOWN_GRACE if announced else 0, signal.SIGTERM)
        if self._exit is not None:
            await self._exit
            self._exit = None
        self._memory.forget()
        if api is not None:
            await asyncio.to_thread(end_all_with, "AWS_LAMBDA_RUNTIME_API", api.address)
            await api.stop()
        self._log.close()

    def _now(self) -> float:
        """The clock that time-outs go by."""
        return time.monotonic() - self._held()

    def _kill(self) -> None:
        """End the processes that have outgrown their memory."""
        if self.pid is not None:
            signal_group(self.pid, signal.SIGKILL)
