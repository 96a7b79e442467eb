"""The ways in which an initialisation or an invocation ends badly, told in Lambda's words.

The caller and the log are told different things: a process that was killed at its memory limit is a
`Runtime.ExitError` to the caller and a `Runtime.OutOfMemory` on the REPORT line.
"""

import contextlib
import errno
import json
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from samlet.runtime.entrypoint import unfit
from samlet.runtime.runtime_api import failure

_SIGNALS = {
    signal.SIGKILL: "killed",
    signal.SIGTERM: "terminated",
    signal.SIGABRT: "aborted",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGINT: "interrupt",
    signal.SIGBUS: "bus error",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the caller is told (`payload`), what the log is told (`lines`), and the last words of the REPORT line."""

    payload: bytes
    status: Literal["error", "timeout"] = "error"
    error_type: str | None = None
    lines: tuple[str, ...] = ()
    failed: Literal[True] = True

    @property
    def words(self) -> str:
        """How REPORT and INIT_REPORT lines tell of it."""
        return f"Status: {self.status}" + (f"\tError Type: {self.error_type}" if self.error_type else "")


def exited(status: int, request_id: str, *, out_of_memory: bool = False) -> Ending:
    """The process has ended by itself, or was killed."""
    told = _about(request_id, describe_exit(status))
    kind = "Runtime.OutOfMemory" if out_of_memory else "Runtime.ExitError"
    return Ending(failure("Runtime.ExitError", told), error_type=kind, lines=(told, "Runtime.ExitError"))


def extension_ended(status: int, kind: str, request_id: str) -> Ending:
    """A program in a layer's `extensions/` has ended though nobody told it to; `kind` says how it came to that."""
    told = _about(request_id, exit_reason(status))
    return Ending(failure(kind, told), error_type=kind, lines=(told, kind))


def extension_not_started(reason: str, request_id: str) -> Ending:
    """A program in a layer's `extensions/` could not even be started."""
    told, kind = _about(request_id, reason), "Extension.LaunchError"
    return Ending(failure(kind, told), error_type=kind, lines=(told, kind))


def timed_out(limit: float, request_id: str, now: str) -> Ending:
    """The time is over; `now` is the time of the log line, `limit` in seconds."""
    text = f"Task timed out after {limit:.2f} seconds"
    return Ending(
        failure("Sandbox.Timedout", _about(request_id, text)), "timeout", lines=(f"{now} {request_id} {text}",)
    )


def stamp() -> str:
    """The time of a log line, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def refused(payload: bytes) -> Ending:
    """The runtime itself has told why it cannot initialise."""
    try:
        kind = json.loads(payload).get("errorType")
    except (ValueError, AttributeError):
        kind = None
    return Ending(payload, error_type=str(kind or "Runtime.Unknown"))


def not_started(error: OSError, program: Path, tried: Iterable[Path], request_id: str) -> Ending:
    """The program could not even be started; `tried` are the places of bootstraps, the code folder's first."""
    places, reason = list(tried), (error.strerror or str(error)).lower()
    code = places[0].parent
    # Looked at, for not every event loop says of which file the kernel spoke. AWS keeps its own copy of the folder.
    if not code.is_dir() or not os.access(code, os.X_OK):
        text = f"the code folder {code} cannot be entered: {reason}"
    elif error.errno == errno.ENOENT and not program.exists():
        text = f"Couldn't find valid bootstrap(s): [{' '.join(map(str, places))}]"
    else:
        text = f"fork/exec {program}: {reason}"
    told, kind = _about(request_id, text), "Runtime.InvalidEntrypoint"
    return Ending(failure(kind, told), error_type=kind, lines=(*_remedy(program), told, kind))


def _remedy(program: Path) -> tuple[str, ...]:
    """What there is to be done about it, which AWS does not tell."""
    with contextlib.suppress(OSError):  # what cannot be looked at is not better explained
        if program.is_file() and (reason := unfit(program)):
            return (reason,)
    return ()


def without_layer(error: OSError, request_id: str) -> Ending:
    """A layer's folder went away; AWS keeps its own copies and has no words for this."""
    told = _about(request_id, f"the layer {error.filename} cannot be read: {(error.strerror or str(error)).lower()}")
    return Ending(failure("Runtime.Unknown", told), error_type="Runtime.Unknown", lines=(told, "Runtime.Unknown"))


def describe_exit(status: int) -> str:
    """AWS's words for the way that a process ended."""
    if status == 0:
        return "Runtime exited without providing a reason"
    return f"Runtime exited with error: {exit_reason(status)}"


def exit_reason(status: int) -> str:
    """AWS's short words for it."""
    if status == 0:
        return "exit code 0"
    if status > 0:
        return f"exit status {status}"
    return f"signal: {_SIGNALS.get(signal.Signals(-status), str(-status))}"


def _about(request_id: str, text: str) -> str:
    return f"RequestId: {request_id} Error: {text}"
