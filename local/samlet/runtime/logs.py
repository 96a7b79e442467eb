"""A sandbox's log: what its process prints, between the START, END and REPORT lines that AWS would add."""

import asyncio
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from samlet.batches import Batch
from samlet.log import Level, say
from samlet.model import LATEST

TAIL = 4096
_LARGEST_FILE = 10 * 1024 * 1024
_LONGEST_LINE = 256 * 1024
# All that a pipe holds. One read at a time: who prints without a pause would keep us reading for ever.
_CHUNK = 65536
_PAUSE = 0.005  # seconds


class LogFile:
    """One function's log on disk; when it has grown large, it becomes `<name>.log.1` and a new one begins."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / f"{name}.log" if folder else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._lines = Batch(self._append)

    def write(self, line: str) -> None:
        """Append one line."""
        if self._path is not None:
            self._lines.add(line)

    def flush(self) -> None:
        """Have everything on disk."""
        self._lines.flush()

    def _append(self, lines: list[str]) -> None:
        assert self._path
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            grown = file.tell() > _LARGEST_FILE
        if grown:
            self._path.replace(self._path.with_suffix(".log.1"))


class SandboxLog:
    """Collects what one sandbox prints, shows it, and keeps the tail of the current invocation."""

    def __init__(self, source: str, file: LogFile, output: Callable[[str], None]) -> None:
        self._source = source
        self._file = file
        self._output = output
        self._reader: int | None = None
        self._unshown: list[bytes] = []  # as it was read
        self._later: asyncio.TimerHandle | None = None
        self._partial = b""
        self._tail = bytearray()

    def open(self) -> int:
        """A new pipe; returns the end that the process writes to, which the caller closes once it is handed over."""
        self.close()
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._reader = reader
        asyncio.get_running_loop().add_reader(reader, self._readable)
        return writer

    def close(self) -> None:
        """Take what is left in the pipe and close it."""
        self.drain()
        if self._reader is not None:
            self._close_reader()
        if self._partial:
            self._show(self._partial)
            self._partial = b""
        self._file.flush()

    def _readable(self) -> None:
        """Empty the pipe, so that the process can go on printing; its answer may be just behind, and comes first."""
        self.read()
        if self._unshown and self._later is None:
            self._later = asyncio.get_running_loop().call_later(_PAUSE, self.show)

    def read(self) -> None:
        """Take what the process has printed so far, without waiting."""
        if self._reader is None:
            return
        try:
            chunk = os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return
        if chunk:
            self._unshown.append(chunk)
        else:
            self._close_reader()

    def show(self) -> None:
        """Pass on all that was read, line by line."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        unshown, self._unshown = self._unshown, []
        for chunk in unshown:
            self._take(chunk)

    def drain(self) -> None:
        """Take and pass on what the process has printed so far."""
        self.read()
        self.show()

    def begin(self, request_id: str, version: str = LATEST) -> None:
        """An invocation begins."""
        self._tail.clear()
        self.line(f"START RequestId: {request_id} Version: {version}")

    def end(self, request_id: str, report: str) -> bytes:
        """An invocation ends, and all that was printed meanwhile has been read; returns the tail of its log."""
        self.show()
        self.line(f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\t{report}")
        return bytes(self._tail)

    def line(self, text: str, *, level: Level = "info") -> None:
        """Add one or more lines of the platform's own."""
        self.show()
        self._keep(text.encode() + b"\n")
        self._file.write(text)
        say(self._source, text, level=level)

    def lines(self, texts: Iterable[str]) -> None:
        """Add lines that tell of a problem."""
        for text in texts:
            self.line(text, level="error")

    def _take(self, chunk: bytes) -> None:
        self._keep(chunk)
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        if len(self._partial) > _LONGEST_LINE:
            lines.append(self._partial)
            self._partial = b""
        for line in lines:
            self._show(line)

    def _keep(self, text: bytes) -> None:
        self._tail += text
        del self._tail[:-TAIL]

    def _show(self, line: bytes) -> None:
        # The runtime client joins the lines of a stack trace by carriage returns, so that they stay one log event.
        text = line.decode(errors="replace").rstrip("\r").replace("\r", "\n")
        self._file.write(text)
        self._output(text)
        say(self._source, text)

    def _close_reader(self) -> None:
        if self._reader is not None:
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._reader = None


class LogEnd:
    """The end of one invocation's log, written once: when somebody wants to read it, or it has to be there."""

    def __init__(self, log: SandboxLog, request_id: str, report: str) -> None:
        self._log = log
        self._request_id = request_id
        self._report = report
        self._sealed = False
        self._tail: bytes | None = None

    def seal(self) -> None:
        """Take what was printed until now: what comes from here on belongs to somebody else."""
        if not self._sealed:
            self._sealed = True
            self._log.read()

    def tail(self) -> bytes:
        """Write it, unless that is done; returns the tail of the log."""
        if self._tail is None:
            self.seal()
            self._tail = self._log.end(self._request_id, self._report)
        return self._tail


def report(
    duration_ms: float, memory_size: int, memory_used: int, init_ms: float | None, verdict: str | None = None
) -> str:
    """The figures of a REPORT line, memory in MB, and what went wrong with the sandbox."""
    parts = [
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(duration_ms + (init_ms or 0))} ms",
        f"Memory Size: {memory_size} MB",
        f"Max Memory Used: {memory_used} MB",
    ]
    if init_ms is not None:
        parts.append(f"Init Duration: {init_ms:.2f} ms")
    return "\t".join([*parts, verdict] if verdict else parts)


def init_report(duration_ms: float, phase: Literal["init", "invoke"], verdict: str) -> str:
    """The line about an initialisation that failed, ahead of events (`init`) or on the time of one (`invoke`)."""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\t{verdict}"
