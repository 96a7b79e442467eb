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


def keep_no_more() -> None:
    """Write what was said until now, and nothing after it, to the file of `keep`."""
    global _file
    _said.flush()
    if _file:
        _file.close()
        _file = None


def say(source: str, text: str, *, level: Level = "info") -> None:
    """Print `text` on behalf of `source`, a line each, with the local time; every source keeps its colour."""
    _said.add((time.time(), source, text, level))


def _print(said: list[tuple[float, str, str, Level]]) -> None:
    """Write a batch to the terminal, coloured, and to the file."""
    coloured = _is_coloured(sys.stderr)
    shown, kept = [], []
    for moment, source, text, level in said:
        second, name = int(moment), f"{source:<16}"
        stamp, instant = _stamp(second), f"{_instant(second)}.{int(moment * 1000) % 1000:03}Z"
        head = _in_colour(name, colour_of(source)) if coloured else name
        colour = _LEVEL_COLOURS[level] if coloured else None
        for line in text.splitlines() or [""]:
            shown.append(f"{stamp} {head} {_in_colour(line, colour)}\n")
            kept.append(f"{instant} {name} {line}\n")
    sys.stderr.write("".join(shown))
    if _file:
        _file.write("".join(kept))
        if _file.tell() > _KEPT_BYTES:
            keep(Path(_file.name))


_said = Batch(_print)


@cache
def colour_of(source: str) -> int:
    """The colour that a source keeps, as a number of ANSI's."""
    return _COLOURS[zlib.crc32(source.encode()) % len(_COLOURS)]


def painted(text: str, colour: int | None, stream: TextIO) -> str:
    """The text in a colour, if `stream` is a terminal and NO_COLOR is not set."""
    return _in_colour(text, colour) if colour and _is_coloured(stream) else text


def _is_coloured(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ


def _in_colour(text: str, colour: int | None) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


@lru_cache(maxsize=8)
def _stamp(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))


@lru_cache(maxsize=8)
def _instant(second: int) -> str:
    """The second as the file has it: in UTC, since a file outlives the day and the zone that it was begun in."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
