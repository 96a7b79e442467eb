"""Keeps one child process alive: waits until it is ready, restarts it when it dies, remembers it for the next start."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Literal

import psutil

from samlet.background import BackgroundLoop
from samlet.errors import ServiceFailed
from samlet.log import say
from samlet.processes import terminate

type Launch = Callable[[], Awaitable[asyncio.subprocess.Process]]
type Probe = Callable[[], Awaitable[bool]]
type State = Literal["stopped", "starting", "ready", "restarting"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_CALM = 30.0  # seconds of life after which the next death is treated as the first
_LOG_LIMIT = 5_000_000  # bytes


class Supervised:
    """A child process of the service `name`, whose log is `log`."""

    def __init__(
        self,
        name: str,
        launch: Launch,
        probe: Probe,
        *,
        log: Path,
        within: float,
        grace: float,
        stop_signal: signal.Signals,
    ) -> None:
        self._name = name
        self._launch = launch
        self._probe = probe
        self._log = log
        self._within = within
        self._grace = grace
        self._stop_signal = stop_signal
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._state: State = "stopped"
        self._restarts = 0
        self._watching = BackgroundLoop(name, "looking after it")

    async def start(self) -> None:
        """Start the child and return when it answers; raises ServiceFailed with the end of its log when it doesn't."""
        self._state = "starting"
        try:
            await self._come_up()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._watching.run(self._keep_alive))

    async def stop(self) -> None:
        """End the child: its stop signal, then SIGKILL after the grace."""
        if self._watch:
            self._watch.cancel()
            await asyncio.wait([self._watch])  # not the task itself, whose end would be taken for a call to end this
            self._watch = None
        if self._process:
            await terminate(self._process, self._grace, self._stop_signal)
            self._process = None
            self._note.unlink(missing_ok=True)
        self._state = "stopped"

    def status(self) -> dict[str, object]:
        """The child's state for the console."""
        running = self._process is not None and self._process.returncode is None
        pid = self._process.pid if self._process and running else None
        return {"state": self._state, "pid": pid, "restarts": self._restarts, **self._watching.status()}

    @property
    def _note(self) -> Path:
        return note_of(self._log)

    async def _come_up(self) -> None:
        self._process = await self._launch()
        _remember(self._process.pid, self._note)
        deadline = time.monotonic() + self._within
        # Asked in this order: when the child is dead, whoever answers is somebody else.
        while not await self._answers() or self._process.returncode is not None:
            if self._process.returncode is not None:
                raise ServiceFailed(f"{self._name} ended while it started\n{tail(self._log)}")
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{self._name} did not answer within {self._within:.0f} s\n{tail(self._log)}")
            await asyncio.sleep(0.03)
        self._state = "ready"

    async def _answers(self) -> bool:
        try:
            return await self._probe()
        except (OSError, EOFError, TimeoutError):
            return False

    async def _keep_alive(self) -> None:
        pause = _FIRST_PAUSE
        while self._process:
            born = time.monotonic()
            status = await self._process.wait()
            if time.monotonic() - born > _CALM:
                pause = _FIRST_PAUSE
            self._state = "restarting"
            self._restarts += 1
            say(self._name, f"died unexpectedly (status {status}); starting it again in {pause:.1f} s", level="error")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            await self._try_again()

    async def _try_again(self) -> None:
        try:
            await self._come_up()
        except (ServiceFailed, OSError) as error:
            say(self._name, str(error), level="error")
            if self._process:
                await terminate(self._process, 0)
        else:
            say(self._name, "runs again", level="warning")


def open_log(log: Path) -> BinaryIO:
    """Open a child's log for appending; a long one is put aside as `.old` first."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".old"))
    return log.open("ab")


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, to show why something failed."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-lines:])


def note_of(log: Path) -> Path:
    """The file beside a log in which the running child is written down."""
    return log.with_suffix(".pid.json")


def _remember(pid: int, note: Path) -> None:
    with contextlib.suppress(psutil.Error):  # it has ended at once, so nobody will have to end it
        note.write_text(json.dumps({"pid": pid, "created": psutil.Process(pid).create_time()}))


def end_leftover(log: Path) -> None:
    """End the child of an earlier Samlet that was killed and whose reaper has not finished yet; blocks up to 5 s."""
    note = note_of(log)
    if not note.exists():
        return
    with contextlib.suppress(ValueError, KeyError, psutil.NoSuchProcess):  # half a note, or a child that is gone
        known = json.loads(note.read_text())
        process = psutil.Process(known["pid"])
        # The time of birth tells it from a stranger who got the same number.
        if process.create_time() == known["created"]:
            family = [process, *process.children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            psutil.wait_procs(family, timeout=5)
    note.unlink(missing_ok=True)
