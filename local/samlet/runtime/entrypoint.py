"""The program that starts a runtime: Python's, and where Lambda looks for that of a `provided` one."""

import errno
import os
import platform
import sys
from pathlib import Path
from socket import socket

from samlet.runtime.debugger import Debugger

BOOTSTRAP = Path(__file__).with_name("bootstrap_python.py")
_NAME = "bootstrap"
_MACHINES = {62: "x86_64", 183: "arm64", 3: "x86 of 32 bits", 40: "arm of 32 bits", 243: "RISC-V"}
_SAME = {"amd64": "x86_64", "aarch64": "arm64"}
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe")


def python_command(
    python: Path, handler: str, channel: socket, debugger: Debugger | None, *, recent: bool
) -> list[str | Path]:
    """How a Python function is started; `channel` is the socket that it inherits.

    Of code that was saved a moment ago no compiled file is used: until its source is older than a second, it can't be
    told from that of the next version.
    """
    options = ["-B"] if recent else []
    if debugger:
        options += ["-X", "frozen_modules=off"]
    told = debugger.arguments() if debugger else []
    return [python, *options, BOOTSTRAP, handler, str(channel.fileno()), *told]


def candidates(code: Path, opt: Path | None) -> list[Path]:
    """Where a bootstrap may be, the code before the layers."""
    return [folder / _NAME for folder in (code, opt) if folder]


def bootstrap_of(code: Path, opt: Path | None) -> Path:
    """The first of them that is there, else the one that should be."""
    places = candidates(code, opt)
    return next((place for place in places if place.exists()), places[0])


def fault(code: Path, opt: Path | None) -> str | None:
    """What is wrong with a function's bootstrap and how it is mended, in one line; None when it can be started."""
    path = bootstrap_of(code, opt)
    if not path.is_file():
        return f"there is no file {path}, nor one in a layer: build the function, or name its program bootstrap"
    return unfit(path)


def unfit(path: Path) -> str | None:
    """Why a program that is there cannot be started on this machine, in one line; None when it can."""
    if not os.access(path, os.X_OK):
        return f"{path} is not executable: chmod +x {path}"
    with path.open("rb") as file:
        head = file.read(256)
    reason = not_for(head, sys.platform, platform.machine())
    return f"{path} {reason}" if reason else None


def expect_program(path: Path) -> None:
    """Raise OSError for what a kernel does not start; a C library would give it to a shell, unlike Lambda."""
    if os.access(path, os.R_OK | os.X_OK) and path.is_file() and not is_program(path):
        raise OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC))


def is_program(path: Path) -> bool:
    """Whether a kernel may know what to do with a file."""
    with path.open("rb") as file:
        return file.read(4).startswith((b"#!", b"\x7fELF", *_MACH_O))


def not_for(head: bytes, system: str, machine: str) -> str | None:
    """Why a program that begins with `head` does not run on this kind of machine."""
    here = _SAME.get(machine.lower(), machine.lower())
    if head.startswith(b"#!"):
        return _script(head)
    if head.startswith(b"\x7fELF"):
        return _elf(head, system, here)
    if head.startswith(_MACH_O):
        return None if system == "darwin" else f"is a program for macOS, and this is {system}: build it for here"
    if head.startswith(b"MZ"):
        return f"is a program for Windows, and this is {system}: build it for here"
    return "is neither a program nor a script: the first line of a script names its shell, #!/bin/sh for example"


def _script(head: bytes) -> str | None:
    line, _, _ = head[2:].partition(b"\n")
    if line.endswith(b"\r"):
        return "has Windows line ends, so its shell is not found: save it with those of Unix"
    words = line.decode(errors="replace").split()
    if not words or not Path(words[0]).exists():
        return f"is to be run by {words[0] if words else 'nothing'}, which is not on this machine"
    return None


def _elf(head: bytes, system: str, here: str) -> str | None:
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    built = _MACHINES.get(number, f"machine {number}")
    if system != "linux":
        return f"is a program for Linux, and this is {system}: build it for here, or run it in a container"
    return None if built == here else f"is built for {built}, and this machine is {here}: build it for {here}"
