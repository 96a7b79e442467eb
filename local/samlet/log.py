"""The console log: one coloured line an event, so that a terminal with eight functions in it stays readable."""

import os
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Literal, TextIO

Level = Literal["info", "warning", "error"]

_COLOURS = (36, 32, 35, 34, 33, 96, 92, 95, 94)
_LEVEL_COLOURS: dict[Level, int | None] = {"info": None, "warning": 33, "error": 31}
_KEPT_BYTES = 20_000_000

_file: TextIO | None = None
_writing = threading.Lock()  # downloads are told of by threads


def keep(path: Path) -> None:
    """Also write every line, uncoloured, to `path`; whenever it has grown large, it is moved to `<path>.1`."""
    global _file
    if path.exists() and path.stat().st_size > _KEPT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    if _file:
        _file.close()
    _file = path.open("a", encoding="utf-8", buffering=1)


def say(source: str, text: str, *, level: Level = "info") -> None:
    """Print `text` on behalf of `source`, a line each, with the local time; every source keeps its colour."""
    colour = _COLOURS[zlib.crc32(source.encode()) % len(_COLOURS)]
    stamp = time.strftime("%H:%M:%S")
    for line in text.splitlines() or [""]:
        print(f"{stamp} {_painted(f'{source:<16}', colour)} {_painted(line, _LEVEL_COLOURS[level])}", file=sys.stderr)
        with _writing:
            if _file:
                print(f"{stamp} {source:<16} {line}", file=_file)
                if _file.tell() > _KEPT_BYTES:
                    keep(Path(_file.name))


def _painted(text: str, colour: int | None) -> str:
    wanted = colour and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{colour}m{text}\x1b[0m" if wanted else text
