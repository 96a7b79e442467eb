"""A lock on a file, which several Samlets and several tasks of one may want, and which one can stop waiting for."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ASK_EVERY = 0.05  # seconds


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock of `path`, made where it isn't there; where the file system knows no locks, do without."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        # Not by a thread that waits in the kernel: whoever is told to stop meanwhile would have to wait for it.
        while not _taken(descriptor):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(_ASK_EVERY)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system knows no locks
        return True
    return True
