"""Which Python runs a function: the one that its `Runtime` names, never the one that Samlet itself needs.

Every candidate is run before it is believed, because a version manager's shims lie on PATH and fail.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from samlet.errors import EnvironmentFailed
from samlet.log import say
from samlet.runtime.interpreter_places import places

OLDEST = (3, 9)
_NEWEST = (3, 15)  # that Lambda has, or may have before Samlet knows of it
_TOO_OLD = (f"is too old to be run here, {OLDEST[0]}.{OLDEST[1]} is the oldest", "raise the Runtime in the template")
# No wheels of the usual kind are for a Python without the global lock, or for one that isn't CPython.
_PROBE = (
    "import sys, sysconfig, venv, ensurepip, ssl;"
    "assert sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED');"
    "print(sys.version_info[0], sys.version_info[1], sys.executable)"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that was seen to run."""

    path: Path
    version: tuple[int, int]


def find(runtime: str, *, strict: bool = False) -> Interpreter:
    """The interpreter for `python3.X`, or the nearest version with a loud line; blocking."""
    match = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    if match is None:
        raise EnvironmentFailed(f"Runtime {runtime} cannot be run here: python3.x and provided.al2023 can")
    wanted = (int(match[1]), int(match[2]))
    available: dict[tuple[int, int], Interpreter] = {}
    for candidate in _candidates_for(wanted):
        available.setdefault(candidate.version, candidate)
    if wanted in available:
        return available[wanted]
    return _nearest(wanted, list(available.values()), strict=strict)


def never_here(runtime: str) -> str | None:
    """Why no machine has a Python for this `Runtime`, as `find` would have to say there; None where one may."""
    match = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    wanted = (int(match[1]), int(match[2])) if match else OLDEST
    if wanted < OLDEST:
        trouble, remedy = _TOO_OLD
        return f"Python {wanted[0]}.{wanted[1]} {trouble}: {remedy}"
    if wanted > _NEWEST or (match and match[2].startswith("0")):
        return f"{runtime} is no runtime that Lambda is known to have: correct it in the template"
    return None


@cache
def probe(path: Path) -> Interpreter | None:
    """What `path` is, found out by running it; None when it is no usable Python."""
    try:
        done = subprocess.run([path, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=20, check=True)
        major, minor, executable = done.stdout.strip().split(" ", 2)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(Path(executable), (int(major), int(minor)))


def _candidates_for(wanted: tuple[int, int]) -> Iterator[Interpreter]:
    exact = f"{wanted[0]}.{wanted[1]}"
    for path in (*places(exact), *places("3")):
        found = probe(path)
        if found and found.version >= OLDEST:
            yield found
            if found.version == wanted:
                return


def _nearest(wanted: tuple[int, int], available: list[Interpreter], *, strict: bool) -> Interpreter:
    name = f"{wanted[0]}.{wanted[1]}"
    trouble = "was not found on PATH or in pyenv, uv, asdf or Homebrew"
    remedy = f"install it (pyenv install {name}, or uv python install {name}), or name one with --python PATH"
    if wanted < OLDEST:
        trouble, remedy = _TOO_OLD
    if strict or not available:
        raise EnvironmentFailed(f"Python {name} {trouble}: {remedy}")
    # Between two equally near versions the newer one understands more.
    nearest = min(available, key=lambda found: (abs(found.version[1] - wanted[1]), -found.version[1]))
    instead = f"{nearest.version[0]}.{nearest.version[1]}"
    trouble = "is too old" if wanted < OLDEST else "is missing"
    say("samlet", f"Python {name} {trouble}; functions of it run on {instead}: {remedy}", level="warning")
    return nearest
