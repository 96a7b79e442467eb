"""The console log: one coloured line an event, so that a terminal with eight functions in it stays readable."""

import os
import sys
import time
import zlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, TextIO

from samlet.batches import Batch

Level = Literal["info", "warning", "error"]

_COLOURS = (36, 32, 35, 34, 33, 96, 92, 95, 94)
_LEVEL_COLOURS: dict[Level, int | None] = {"info": None, "warning": 33, "error": 31}
_KEPT_BYTES = 20_000_000

_file: TextIO | None = None


def keep(path: Path) -> None:
    """Also write every line, uncoloured, to `path`; whenever it has grown large, it is moved to `<path>.1`."""
    global _file
    _said.flush()
    if path.exists() and path.stat().st_size > _KEPT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    if _file:
        _file.close()
    _file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)


def say(source: str, text: str, *, level: Level = "info") -> None:
    """Print `text` on behalf of `source`, a line each, with the local time; every source keeps its colour."""
    _said.add((int(time.time()), source, text, level))


def _print(said: list[tuple[int, str, str, Level]]) -> None:
    """Write a batch to the terminal, coloured, and to the file."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    plain, shown = [], []
    for second, source, text, level in said:
        stamp = _stamp(second)
        for line in text.splitlines() or [""]:
            plain.append(f"{stamp} {source:<16} {line}\n")
            if coloured:
                shown.append(
                    f"{stamp} {_painted(f'{source:<16}', _colour(source))} {_painted(line, _LEVEL_COLOURS[level])}\n"
                )
    sys.stderr.write("".join(shown if coloured else plain))
    if _file:
        _file.write("".join(plain))
        if _file.tell() > _KEPT_BYTES:
            keep(Path(_file.name))


_said = Batch(_print)


@lru_cache(maxsize=8)
def _stamp(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


@cache
def _colour(source: str) -> int:
    return _COLOURS[zlib.crc32(source.encode()) % len(_COLOURS)]


def _painted(text: str, colour: int | None) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text
