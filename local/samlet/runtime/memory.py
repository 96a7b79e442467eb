"""How much memory a sandbox's processes take, and the limit that ends them.

Lambda counts what the whole environment holds and kills it at the limit. Here the processes are looked at ten times a
second while they initialise or handle an event, and once more at its end; who waits for an event is never looked at.
Where the kernel keeps a process's highest mark (Linux), a peak between two looks is noticed as well.
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence

import psutil

POLL = 0.1  # seconds
_FRESH = 0.02  # seconds that a look counts for, so that quick events don't each pay for one
_MEGABYTE = 1024 * 1024
_LINUX = sys.platform == "linux"


class MemoryLimit:
    """The limit of one sandbox, in MB; `kill` ends its processes and may be called again for the next ones."""

    def __init__(self, megabytes: int, kill: Callable[[], None]) -> None:
        self.exceeded = False
        self._limit = megabytes * _MEGABYTE
        self._kill = kill
        self._pid: int | None = None
        self._files: _Files | None = None
        self._beside: Sequence[int] = ()
        self._peak = 0
        self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def used(self) -> int:
        """The most that the processes have held so far, in MB."""
        return self._peak // _MEGABYTE

    def follow(self, pid: int, beside: Sequence[int] = ()) -> None:
        """A new process and those `beside` it; what their predecessors took is forgotten."""
        self.forget()
        self._pid, self._peak, self._looked, self.exceeded = pid, 0, 0.0, False
        self._beside = beside
        with contextlib.suppress(OSError):  # it has ended already
            self._files = _Files(pid) if _LINUX and not beside else None

    def forget(self) -> None:
        """The process has ended."""
        self._pid = None
        if self._files is not None:
            self._files.close()
            self._files = None

    def watch(self) -> None:
        """Look again and again, until `rest`."""
        self._timer = asyncio.get_running_loop().call_later(POLL, self._tick)

    def rest(self) -> None:
        """Look a last time and then no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if time.monotonic() - self._looked >= _FRESH:
            self.look()

    def look(self) -> None:
        """Measure, and kill what has outgrown the limit."""
        self._looked = time.monotonic()
        if self._pid is None or self.exceeded:
            return
        with contextlib.suppress(OSError, psutil.Error):  # it has ended meanwhile
            alone = self._files.alone() if self._files else None
            total = held(self._pid, self._limit, self._beside) if alone is None else alone
            self._peak = max(self._peak, total)
            if self._peak > self._limit:
                self.exceeded = True
                self._kill()

    def _tick(self) -> None:
        self.look()
        self.watch()


class _Files:
    """What the kernel tells of one process. They stay open: after a pause, to find one takes longer than to read it."""

    def __init__(self, pid: int) -> None:
        self._status = os.open(f"/proc/{pid}/status", os.O_RDONLY)
        try:
            self._children = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
        except OSError:
            os.close(self._status)
            raise

    def alone(self) -> int | None:
        """The most that the process has ever held; None where it has other threads, which may have children, or any."""
        status = os.pread(self._status, 1 << 13, 0)
        if b"\nThreads:\t1\n" not in status or os.pread(self._children, 1 << 13, 0):
            return None
        return _highest(status)

    def close(self) -> None:
        os.close(self._status)
        os.close(self._children)


def held(pid: int, enough: int, beside: Sequence[int] = ()) -> int:
    """The bytes that processes and their descendants hold; exact about shared pages only where it exceeds `enough`."""
    family = descendants(pid)
    for other in beside:
        family += [other, *descendants(other)]
    if not family:
        return _highest(_read(f"/proc/{pid}/status")) if _LINUX else _resident(pid)
    total = sum(_or_nothing(_resident, member) for member in (pid, *family))
    if total <= enough:
        return total
    # Forked children share most of their pages: each counts its part of them.
    return sum(_or_nothing(_share, member) for member in (pid, *family))


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    try:
        children = _children(pid) if _LINUX else [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except (OSError, psutil.Error):
        return []
    return [found for child in children for found in (child, *(descendants(child) if _LINUX else ()))]


def _children(pid: int) -> list[int]:
    threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - twice as fast as a Path
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _highest(status: bytes) -> int:
    """The most that one process has ever held."""
    words = status.partition(b"\nVmHWM:")[2].split(None, 1)
    return int(words[0]) * 1024 if words else 0  # a process that has ended has none


def _read(path: str) -> bytes:
    """A file of the kernel's, by the shortest way: an event waits for it."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


def _resident(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def _share(pid: int) -> int:
    """The pages that are a process's own, and where that is known its part of the shared ones."""
    full = psutil.Process(pid).memory_full_info()
    return int(getattr(full, "pss", full.uss))


def _or_nothing(measure: Callable[[int], int], pid: int) -> int:
    try:
        return measure(pid)
    except (OSError, psutil.Error):
        return 0
