"""Linux's inotify, as much of it as hot reload needs.

Called straight from libc, because what is wanted is the one thing that wrapping libraries hide behind threads and
delays: the kernel queues an event *before* the system call that saved the file returns, so whoever reads the queue
without waiting knows every save that is over.
"""

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct("iIII")
_BUFFER = 64 * 1024

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _FOLDER_ONLY, _FOLDER = 0x4000, 0x8000, 0x0100_0000, 0x4000_0000
_ALL = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _FOLDER_ONLY
_STRUCTURE = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to `name` in the folder that `watch` stands for."""

    watch: int
    name: str
    is_folder: bool
    came_or_went: bool
    overflow: bool = False


class Inotify:
    """One queue of the kernel's. Raises OSError where there is none, or no room for one more."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def fileno(self) -> int:
        """The descriptor, readable while something is queued."""
        return self._descriptor

    def close(self) -> None:
        """Watch nothing more."""
        os.close(self._descriptor)

    def add(self, folder: Path) -> int:
        """Watch the entries of one folder; the same folder by another path has the same number."""
        return self._checked(self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _ALL))

    def remove(self, watch: int) -> None:
        """Watch a folder no more; harmless when it is gone."""
        self._libc.inotify_rm_watch(self._descriptor, watch)

    def read(self) -> list[Event]:
        """Everything that is queued, without waiting; when that is nothing, about a microsecond."""
        if not self._poll.poll(0):  # cheaper than a read that fails
            return []
        queued = os.read(self._descriptor, _BUFFER)
        events = list(_parsed(queued))
        return events + self.read() if len(queued) > _BUFFER // 2 else events

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result


def _parsed(queued: bytes) -> Iterator[Event]:
    at = 0
    while at < len(queued):
        watch, mask, _, length = _HEAD.unpack_from(queued, at)
        at += _HEAD.size + length
        if not mask & _IGNORED:
            name = os.fsdecode(queued[at - length : at].rstrip(b"\0"))
            yield Event(watch, name, bool(mask & _FOLDER), bool(mask & _STRUCTURE), bool(mask & _OVERFLOW))
