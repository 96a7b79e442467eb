"""External extensions: the programs in the `extensions/` folder of a function's layers, run beside its runtime.

They come up before the runtime and go after it, have the function's variables without the runtime's own, and are ended
with their sandbox whatever happens. One that ends by itself takes the sandbox with it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from samlet.processes import Reaper, signal_group, spawn, terminate
from samlet.runtime.ending import Ending, exit_reason, extension_ended, extension_not_started, stamp, timed_out
from samlet.runtime.entrypoint import expect_program
from samlet.runtime.extensions import MOST, Extension, Extensions
from samlet.runtime.held import any_done_within
from samlet.runtime.logs import SandboxLog

Reason = Literal["spindown", "timeout", "failure"]
_SHUTDOWN = 2.0  # seconds for everybody, of which a runtime has these:
_RUNTIME_SHARE = 0.3
_RUNTIME_SHARE_REGISTERED = 0.5
_RUNTIMES_OWN = frozenset(
    {
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "PYTHONPYCACHEPREFIX",
    }
)


class NotStarted(Exception):
    """The programs did not come up; `ending` says why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.error_type)
        self.ending = ending


def extension_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a sandbox without those that are the runtime's."""
    return {name: value for name, value in variables.items() if name not in _RUNTIMES_OWN}


class ExternalExtensions:
    """The external extensions of one sandbox; `lost` hears the name and the status of one that ends by itself."""

    def __init__(
        self, extensions: Extensions, log: Callable[[str], SandboxLog], lost: Callable[[str, str], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.registered: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[tuple[Extension, int]] = loop.create_future()
        self._extensions = extensions
        self._log = log
        self._lost = lost
        self._ending = False
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._watches: list[asyncio.Task[None]] = []
        extensions.when_registered = self._all_registered

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [process.pid for process in self._processes.values()]

    async def start(
        self, programs: Sequence[Path], reaper: Reaper, variables: Mapping[str, str], request_id: str
    ) -> None:
        """Start them all; raises NotStarted."""
        known = [self._extensions.expect(program.name) for program in programs]
        for extension, program in zip(known, programs, strict=True):
            if len(known) > MOST:
                extension.state, extension.error_type = "LaunchError", "TooManyExtensions"
                raise NotStarted(extension_not_started(f"Extension limit ({MOST}) reached", request_id))
            log = self._log(extension.name)
            writer = log.open()
            try:
                expect_program(program)
                process = await spawn(
                    [program], reaper=reaper, env=variables, cwd=Path("/"), stdout=writer, stderr=writer
                )
            except OSError as error:
                log.close()
                extension.state = "LaunchError"
                extension.error_type = "PermissionDenied" if isinstance(error, PermissionError) else "UnknownError"
                text = f"fork/exec {program}: {(error.strerror or str(error)).lower()}"
                raise NotStarted(extension_not_started(text, request_id)) from error
            finally:
                os.close(writer)
            self._processes[extension.name] = process
            self._watches.append(asyncio.create_task(self._watch(extension, process, log)))

    def problem(self, request_id: str) -> Ending | None:
        """What is told of the one that ended by itself."""
        if not self.ended.done():
            return None
        extension, status = self.ended.result()
        kind = extension.state if extension.state in ("InitError", "ExitError") else "Crash"
        return extension_ended(status, f"Extension.{kind}", request_id)

    async def registered_within(self, limit: float, held: Callable[[], float], request_id: str) -> None:
        """Wait until all have registered, at most `limit` seconds; raises NotStarted."""
        await any_done_within(limit, held, self.registered, self.ended)
        if problem := self.problem(request_id):
            raise NotStarted(problem)
        if not self.registered.done():
            raise NotStarted(timed_out(limit, request_id, stamp()))

    async def end(self, runtime: asyncio.subprocess.Process | None, reason: Reason, log: SandboxLog) -> None:
        """First the runtime hears SIGTERM, then the programs of the end; whoever does not go in time is killed."""
        self._ending = True
        deadline = time.monotonic() + _SHUTDOWN
        if reason == "timeout" and (late := self._extensions.late):
            log.line(f"extensions that did not ask for their next event in time: {', '.join(late)}", level="error")
        try:
            if runtime is not None:
                share = _RUNTIME_SHARE_REGISTERED if self._extensions.internal else _RUNTIME_SHARE
                await terminate(runtime, share, signal.SIGTERM)
            await self._end_programs("failure" if self.ended.done() else reason, deadline)
        finally:
            self._kill(self._processes)

    async def _end_programs(self, reason: Reason, deadline: float) -> None:
        left = max(0.0, deadline - time.monotonic())
        told = self._extensions.shut_down(reason, int((time.time() + left) * 1000))
        self._kill(self._processes.keys() - told)
        if self._watches:
            await asyncio.wait(self._watches, timeout=left)
            self._kill(self._processes)
            await asyncio.wait(self._watches)

    def _kill(self, names: Iterable[str]) -> None:
        for name in names:
            if self._processes[name].returncode is None:
                signal_group(self._processes[name].pid, signal.SIGKILL)

    async def _watch(self, extension: Extension, process: asyncio.subprocess.Process, log: SandboxLog) -> None:
        status = await process.wait()
        log.close()
        if not self._ending and not self.ended.done():
            self.ended.set_result((extension, status))
            self._lost(extension.name, exit_reason(status))

    def _all_registered(self) -> None:
        if not self.registered.done():
            self.registered.set_result(None)
