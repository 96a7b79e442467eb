"""Lines that are written together: what is invoked thousands of times a second shall not wait for its log."""

import asyncio
import atexit
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

PAUSE = 0.05  # seconds

_all: "WeakSet[Batch[Any]]" = WeakSet()


class Batch[T]:
    """Passes on what it is given, in order: with what comes within 50 ms, but as soon as it can after a quiet moment.

    Outside of an event loop, in a thread say, at once.
    """

    def __init__(self, write: Callable[[list[T]], None]) -> None:
        self._write = write
        self._items: list[T] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # that will flush
        self._written = 0.0
        self._writing = threading.RLock()
        _all.add(self)

    def add(self, item: T) -> None:
        """Have it written, 50 ms from now at the latest."""
        self._items.append(item)
        loop = asyncio._get_running_loop()  # None where there is none
        if loop is not None and loop is self._loop:
            return
        if loop is None or not PAUSE:
            self.flush()
            return
        self._loop = loop
        if time.monotonic() - self._written >= PAUSE:
            loop.call_soon(self.flush)  # not now: whoever says something has something else to do
        else:
            loop.call_later(PAUSE, self.flush)

    def flush(self) -> None:
        """Write what there is."""
        with self._writing:
            items, self._items, self._loop = self._items, [], None
            if items:
                self._written = time.monotonic()
                self._write(items)


@atexit.register
def flush_all() -> None:
    """Write everything that is still held back, before this process ends."""
    for batch in list(_all):
        batch.flush()
