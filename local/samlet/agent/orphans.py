"""Process 1 of a container inherits the children of processes that ended, and has to take note of their end."""

import contextlib
import os
from collections.abc import Iterable

import psutil


def reap_orphans(ours: Iterable[int | None]) -> None:
    """Let go of ended processes that are our children only by inheritance; `ours` are waited for by others."""
    if os.getpid() != 1:
        return
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
            if child.pid not in ours and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)
