"""Reads a log that somebody else writes, and follows it over its being moved aside and begun anew."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

_POLL = 0.2  # seconds


def read(path: Path) -> Iterator[str]:
    """All lines that are kept, the older file's first."""
    for file in (path.with_name(f"{path.name}.1"), path):
        if file.exists():
            with file.open(encoding="utf-8", errors="replace") as opened:
                yield from (line.rstrip("\n") for line in opened)


def follow(path: Path, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """All lines that are kept, then each new one, for ever; waits for a file that is not there yet."""
    older = path.with_name(f"{path.name}.1")
    if older.exists():
        with older.open(encoding="utf-8", errors="replace") as opened:
            yield from (line.rstrip("\n") for line in opened)
    while True:
        if not path.exists():
            wait(_POLL)
            continue
        with path.open(encoding="utf-8", errors="replace") as opened:
            yield from _whole_lines(opened, path, wait)


def _whole_lines(opened: TextIO, path: Path, wait: Callable[[float], None]) -> Iterator[str]:
    """The lines of an open file as they are finished; ends once another file has taken its place."""
    inode, half = os.fstat(opened.fileno()).st_ino, ""
    while True:
        moved = not path.exists() or path.stat().st_ino != inode  # asked first: what came before it is still read
        while line := opened.readline():
            half += line
            if half.endswith("\n"):
                yield half[:-1]
                half = ""
        if moved:
            return
        wait(_POLL)
