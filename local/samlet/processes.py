"""Starting and ending processes, so that nothing outlives Samlet, not even when Samlet itself is killed.

A `Reaper` is one small helper process that holds the reading end of a pipe. When Samlet dies, however it dies, the
kernel closes the writing end, and the helper ends every process group that it was told of. That needs nothing
of the operating system beyond POSIX, unlike Linux's parent-death signal.
"""

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, cast

import psutil

# What would mix two Pythons, or have one write where another reads.
_OF_A_PYTHON = frozenset(
    {"PYTHONPATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", "__PYVENV_LAUNCHER__"}
    | {"VIRTUAL_ENV", "PIP_TARGET", "PIP_USER", "PIP_PREFIX"}
)
_BURY_EVERY = 1.0  # seconds; an event loop that still runs does it sooner, and wants to know how they ended

type Stream = int | IO[bytes] | None

# Runs in an isolated interpreter (-I -S), so it may import nothing but the standard library.
_HELPER = r"""
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
groups = {}
def end(group, number):
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        groups.pop(group, None)
for line in sys.stdin:
    if line[0] == "+":
        group, grace = line[1:].split()
        groups[int(group)] = float(grace)
    else:
        groups.pop(int(line[1:]), None)
for group, grace in list(groups.items()):
    end(group, signal.SIGTERM if grace else signal.SIGKILL)
started = time.monotonic()
while groups:
    for group, grace in list(groups.items()):
        end(group, signal.SIGKILL if time.monotonic() - started >= grace else 0)
    time.sleep(0.05)
    if time.monotonic() - started > 60 + max(groups.values(), default=0):
        break
"""


class Reaper:
    """Ends every registered process group when this process dies; made once, passed to whoever starts processes."""

    def __init__(self) -> None:
        self._helper: subprocess.Popen[bytes] | None = None
        self._watched: set[int] = set()

    def __enter__(self) -> "Reaper":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The helper's process id, while it runs."""
        return self._helper.pid if self._helper else None

    def start(self) -> None:
        """Start the helper, unless it runs already."""
        if self._helper is None:
            self._helper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _HELPER], stdin=subprocess.PIPE, start_new_session=True, bufsize=0
            )

    def close(self) -> None:
        """End what is still registered, as if this process had died, and wait for the helper."""
        if self._helper is not None:
            if self._helper.stdin:
                self._helper.stdin.close()
            while not self._has_ended(self._helper):
                self._bury()
            self._helper = None

    def _has_ended(self, helper: subprocess.Popen[bytes]) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            helper.wait(_BURY_EVERY)
            return True
        return False

    def _bury(self) -> None:
        """Take note of children that have ended: an event loop that should is waiting here, and the helper for them."""
        for pid in list(self._watched):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def watch(self, pid: int, grace: float) -> None:
        """Register the process group `pid`: SIGTERM, and SIGKILL after `grace` seconds; 0 means SIGKILL at once."""
        self.start()
        self._watched.add(pid)
        self._tell(f"+{pid} {grace}\n")

    def forget(self, pid: int) -> None:
        """Take a group off the list, because it has ended."""
        self._watched.discard(pid)
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        if self._helper and self._helper.stdin:
            # A helper that is dead or being closed costs the safety net, not the work.
            with contextlib.suppress(BrokenPipeError, ValueError):
                self._helper.stdin.write(line.encode())


class _Leader(asyncio.subprocess.SubprocessStreamProtocol):
    """Takes the rest of a group along when its leader ends.

    `Process.wait` cannot do that: it waits for the pipes to close, which the rest of the group may hold open.
    """

    def __init__(self, reaper: Reaper, grace: float) -> None:
        super().__init__(limit=1024 * 1024, loop=asyncio.get_running_loop())
        self._reaper = reaper
        self._grace = grace
        self._pid: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not by its class: uvloop's is none of asyncio's.
        self._pid = cast("asyncio.SubprocessTransport", transport).get_pid()
        self._reaper.watch(self._pid, self._grace)
        super().connection_made(transport)

    def process_exited(self) -> None:
        if self._pid is not None:
            signal_group(self._pid, signal.SIGKILL)
            self._reaper.forget(self._pid)
        super().process_exited()


def for_another_python(environ: Mapping[str, str]) -> dict[str, str]:
    """The host's environment for an installer, with its proxies and its index settings, and nothing of our Python."""
    return {name: value for name, value in environ.items() if name not in _OF_A_PYTHON}


async def spawn(
    args: Sequence[str | Path],
    *,
    reaper: Reaper,
    env: Mapping[str, str],
    cwd: Path | None = None,
    grace: float = 0,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    pass_fds: Sequence[int] = (),
    user: int | None = None,
) -> asyncio.subprocess.Process:
    """Start `args` as the leader of a process group of its own; the group does not outlive its leader or Samlet."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: _Leader(reaper, grace),
        *[os.fspath(argument) for argument in args],
        env=dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        start_new_session=True,
        **({} if user is None else _identity(loop, user)),
    )
    return asyncio.subprocess.Process(transport, protocol, loop)


def _identity(loop: asyncio.AbstractEventLoop, user: int) -> dict[str, Any]:
    """What makes a process another user's: with that user's group and none of ours."""
    group = pwd.getpwuid(user).pw_gid
    if type(loop).__module__.partition(".")[0] != "uvloop":
        return {"user": user, "group": group, "extra_groups": []}

    def become() -> None:  # uvloop knows none of the three options
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)

    return {"preexec_fn": become}


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Send a signal to a process group; False when there is nobody left in it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


async def terminate(
    process: asyncio.subprocess.Process, grace: float, first_signal: signal.Signals = signal.SIGTERM
) -> int:
    """End a process and its group: `first_signal`, then SIGKILL after `grace` seconds; returns the exit status."""
    if process.returncode is None and grace > 0:
        # Only the leader hears the first signal: a server tells its own children, and in its own order.
        process.send_signal(first_signal)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace)
    signal_group(process.pid, signal.SIGKILL)
    return await process.wait()


def end_all_with(name: str, value: str) -> None:
    """Kill whoever was given that variable: what has left its process group on purpose, a daemon, carries it still."""
    for process in psutil.process_iter() if value else ():
        with contextlib.suppress(psutil.Error, OSError):  # another user's, or it has ended
            if process.environ().get(name) == value:
                process.kill()


@asynccontextmanager
async def confined(process: asyncio.subprocess.Process) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that doesn't outlive the block: it is killed when that is left early, by Ctrl-C say."""
    try:
        yield process
    finally:
        if process.returncode is None:
            await terminate(process, 0)
