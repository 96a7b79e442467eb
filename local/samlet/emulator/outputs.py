"""Which files are what Samlet itself prints to: were they code, each line about a change would be the next change.

That is the file behind our own output, and, where `/proc` tells, what the programs at the other end of a pipe keep
open for writing (`samlet start | grep … | tee notes.txt`). A file that such a program has closed again is code: an
editor that shows our output in a panel of its own saves files, too.
"""

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_OWN = (1, 2)
_PROCESSES = Path("/proc")
_FARTHEST = 8  # programs in one pipeline
_WRITING = os.O_WRONLY | os.O_RDWR

type _Identity = tuple[int, int]


class Outputs:
    """Remembers by which descriptor a file is an output, so that asking again costs a look at that one."""

    def __init__(self) -> None:
        self._known: dict[_Identity, Path] = {}
        self._held: dict[Path, _Identity] = {}

    def left_out(self, paths: frozenset[Path]) -> frozenset[Path]:
        """`paths` without outputs, and with those that were outputs the last time and are none any more."""
        if not paths and not self._held:
            return paths
        freed = {path for path, identity in self._held.items() if not self._is_known(identity)}
        for path in freed:
            del self._held[path]
        changed = {path: identity for path in paths | freed if (identity := _identity(path)) is not None}
        found: set[Path] = set()
        if changed:
            own = {_identity(number) for number in _OWN}
            found = {path for path, identity in changed.items() if identity in own}
            found |= self._of_pipelines({path: changed[path] for path in changed.keys() - found})
        return (paths | freed) - found

    def _of_pipelines(self, changed: dict[Path, _Identity]) -> set[Path]:
        """Those of `changed` that a program behind our output is writing; they are held until it closes them."""
        if not all(map(self._is_known, changed.values())):
            self._known = {identity: place for place, identity in _written_by(_readers(_OWN))}
        found = {path: identity for path, identity in changed.items() if identity in self._known}
        self._held |= found
        return set(found)

    def _is_known(self, identity: _Identity) -> bool:
        place = self._known.get(identity)
        return place is not None and _identity(place) == identity


def _readers(descriptors: Iterable[int | Path]) -> list[Path]:
    """The programs, as folders in /proc, that read what `descriptors` are given, and those that read theirs."""
    pipes = {identity for each in descriptors if (identity := _pipe(each))}
    if not pipes or not _PROCESSES.is_dir():
        return []
    descriptors_of = {folder: _descriptors(folder) for folder in _others()}
    found: list[Path] = []
    for _ in range(_FARTHEST):
        nearer = [
            folder
            for folder, own in descriptors_of.items()
            if folder not in found and any(_identity(each) in pipes and not _is_written(each) for each in own)
        ]
        if not nearer:
            break
        found += nearer
        pipes |= {pipe for folder in nearer for each in descriptors_of[folder] if (pipe := _pipe(each))}
    return found


def _written_by(programs: Iterable[Path]) -> list[tuple[Path, _Identity]]:
    """The regular files that the programs have open for writing, each with the descriptor in /proc."""
    found = []
    for place in (each for program in programs for each in _descriptors(program)):
        with contextlib.suppress(OSError):  # it was closed since it was listed
            status = place.stat()
            if stat.S_ISREG(status.st_mode) and _is_written(place):
                found.append((place, (status.st_dev, status.st_ino)))
    return found


def _others() -> list[Path]:
    own = str(os.getpid())
    return [folder for folder in _PROCESSES.iterdir() if folder.name.isdecimal() and folder.name != own]


def _descriptors(program: Path) -> list[Path]:
    with contextlib.suppress(OSError):  # it has ended, or is somebody else's
        return list((program / "fd").iterdir())
    return []


def _is_written(descriptor: Path) -> bool:
    """Whether a descriptor in /proc is open for writing."""
    with contextlib.suppress(OSError, StopIteration):
        facts = (descriptor.parents[1] / "fdinfo" / descriptor.name).read_text()
        flags = next(line.split()[1] for line in facts.splitlines() if line.startswith("flags:"))
        return bool(int(flags, 8) & _WRITING)
    return False


def _pipe(descriptor: int | Path) -> _Identity | None:
    """The pipe that a descriptor is an end of."""
    with contextlib.suppress(OSError):
        status = os.stat(descriptor)  # noqa: PTH116 - of our own descriptors, too
        if stat.S_ISFIFO(status.st_mode):
            return status.st_dev, status.st_ino
    return None


def _identity(file: int | Path) -> _Identity | None:
    with contextlib.suppress(OSError):
        status = os.stat(file)  # noqa: PTH116 - of descriptors, too
        return status.st_dev, status.st_ino
    return None
