"""Which processes of a test still run."""

from collections.abc import Iterable

import psutil


def survivors(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie does not, nor does one that ends while it is looked at."""
    return [process for process in processes if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
