"""Tells which files were saved since it was last asked, without waiting and without missing one that is over.

`KernelWatch` asks Linux's queue. `StatWatch` looks at every file each time: slower, but it works everywhere, also on
shared folders whose changes no kernel of ours hears of.
"""

import contextlib
import errno
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from samlet.emulator.inotify import Event, Inotify
from samlet.emulator.relevance import is_code, is_walked
from samlet.log import say

_NOTHING: frozenset[Path] = frozenset()
_MOST_LINKS = 40  # on one way, as for Linux; more are a circle, and lead nowhere

type _Stamp = tuple[int, int, int, int]
type _Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at: `trees` are folders with all that is code in them, `files` are single files.

    `limit` is the folder above which no parent is looked at for a tree that is replaced as a whole.
    """

    trees: frozenset[Path] = frozenset()
    files: frozenset[Path] = frozenset()
    limit: Path = Path("/")


class Watch(Protocol):
    """What hot reload asks before each event."""

    def fileno(self) -> int | None:
        """A descriptor that is readable when there is something to be told; None means that one has to ask."""
        ...

    def changed(self) -> frozenset[Path]:
        """The files and folders that have changed since the last call, by the paths that they are watched under."""
        ...

    def follow(self, watched: Watched) -> None:
        """Look at other things from now on; what has changed until now is still told."""
        ...

    def close(self) -> None:
        """Look no more."""
        ...


@dataclass(slots=True)
class _Place:
    """A watched folder: all that is code of `root` counts, and `names`, each told as the paths that it stands for."""

    folder: Path
    root: Path | None = None
    names: dict[str, set[Path]] = field(default_factory=dict)

    def told(self, name: str) -> Iterator[Path]:
        """The paths that a change of `name` in this folder is a change of."""
        yield from self.names.get(name, ())
        path = self.folder / name
        if self.root is not None and is_code(path, self.root):
            yield path


class KernelWatch:
    """By inotify; about a microsecond when nothing has changed. Raises OSError where that cannot be had."""

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._watched = Watched()
        self._places: dict[int, dict[Path, _Place]] = {}

    def fileno(self) -> int | None:
        """A descriptor that is readable when there is something to be told."""
        return self._inotify.fileno()

    def close(self) -> None:
        """Look no more."""
        self._inotify.close()

    def follow(self, watched: Watched) -> None:
        """Look at other things from now on."""
        self._watched = watched
        before, self._places = set(self._places), {}
        for tree in watched.trees:
            self._add_tree(tree)
        for path in watched.trees | watched.files:
            self._add_way_to(path)
        for gone in before - set(self._places):
            self._inotify.remove(gone)

    def changed(self) -> frozenset[Path]:
        """The paths that have changed since the last call."""
        events = self._inotify.read()
        if not events:
            return _NOTHING
        found: set[Path] = set()
        reshaped = False
        for event in events:
            paths = self._told(event)
            found.update(paths)
            reshaped = reshaped or event.overflow or (event.came_or_went and any(self._shapes(event, paths)))
        if reshaped:
            self.follow(self._watched)
        return frozenset(found)

    def _told(self, event: Event) -> list[Path]:
        if event.overflow:
            return [*self._watched.trees, *self._watched.files]
        places = self._places.get(event.watch, {}).values()
        return [path for place in places for path in place.told(event.name)]

    def _shapes(self, event: Event, paths: Iterable[Path]) -> Iterator[bool]:
        """Whether other folders have to be watched now: a folder came or went, a link, or a step of the way to one."""
        places = (place for known in self._places.values() for place in known.values())
        ways = {path for place in places for paths in place.names.values() for path in paths}
        return (event.is_folder or path in ways or path.is_symlink() for path in paths)

    def _add_tree(self, root: Path) -> None:
        def see(folder: Path) -> None:
            self._add(folder).root = root
            if folder != root and folder.is_symlink():
                self._add_links(folder)

        for file in _walk(root, see):
            if file.is_symlink():
                self._add_links(file)

    def _add_way_to(self, path: Path) -> None:
        """Watch the folders that lead to a path, as it is written, each for the next name on the way."""
        for step in (path, *path.parents):
            if step.is_symlink():
                self._add_links(step)
            elif step == path or self._watched.limit in step.parents:
                self._add_step(step, step)

    def _add_links(self, link: Path) -> None:
        """Watch a symbolic link, those that it leads over, and what is behind them, all as changes of the first."""
        for step in _steps_behind(link):
            self._add_step(step, link)

    def _add_step(self, step: Path, told: Path) -> None:
        self._add(step.parent).names.setdefault(step.name, set()).add(told)

    def _add(self, folder: Path) -> _Place:
        try:
            watch = self._inotify.add(folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                raise
            return _Place(folder)  # not there, or not to be read: its parent tells when that changes
        return self._places.setdefault(watch, {}).setdefault(folder, _Place(folder))


class StatWatch:
    """By looking at each file; some microseconds a file, each time."""

    def __init__(self) -> None:
        self._watched = Watched()
        self._seen: dict[Path, _Stamp] = {}
        self._told: set[Path] = set()

    def fileno(self) -> int | None:
        """Nothing: somebody has to ask from time to time."""
        return None

    def close(self) -> None:
        """Look no more."""
        self._watched, self._seen = Watched(), {}

    def follow(self, watched: Watched) -> None:
        """Look at other things from now on."""
        self._told |= self._compare()
        self._watched = watched
        self._seen = self._look()

    def changed(self) -> frozenset[Path]:
        """The paths that have changed since the last call."""
        found, self._told = self._told | self._compare(), set()
        return frozenset(found)

    def _compare(self) -> set[Path]:
        before, self._seen = self._seen, self._look()
        return {path for path, _ in before.items() ^ self._seen.items()}

    def _look(self) -> dict[Path, "_Stamp"]:
        found = {}
        files = (file for tree in self._watched.trees for file in _walk(tree))
        for file in itertools.chain(files, self._watched.files):
            with contextlib.suppress(OSError):  # what is not there has no stamp, and so has changed when it comes
                status = file.stat()
                found[file] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return found


def best_watch(*, by_stat: bool = False) -> KernelWatch | StatWatch:
    """The quickest way to watch that this machine has; `by_stat` asks for the one that works everywhere."""
    if not by_stat and sys.platform == "linux":
        try:
            return KernelWatch()
        except OSError as error:
            say("samlet", f"files are looked at one by one: no inotify ({error.strerror})", level="warning")
    return StatWatch()


def newest(watched: Watched) -> float:
    """When the newest file of all trees was saved, as a time since the epoch; 0 without files."""
    return max((_saved(file) for tree in watched.trees for file in _walk(tree)), default=0.0)


def _saved(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _steps_behind(link: Path) -> Iterator[Path]:
    """The links that are gone over from `link` on, itself first, and the place that they lead to, there or not."""
    at, left, links = link.parent, [link.name], 0
    while left:
        match left.pop():
            case "..":
                at = at.parent
            case name if (step := at / name).is_symlink():
                yield step
                links += 1
                if links > _MOST_LINKS:
                    return
                target = step.readlink()
                at = Path(target.anchor) if target.is_absolute() else at.resolve()
                left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            case name:
                at /= name
                if not at.exists():
                    break  # it is told when it comes
    yield at


def _walk(root: Path, see: Callable[[Path], object] = lambda _: None) -> Iterator[Path]:
    """Every file that is code of `root`, also behind links; `see` is told of each folder before it is listed."""
    pending: list[tuple[Path, frozenset[_Identity]]] = [(root, frozenset())]
    while pending:
        folder, above = pending.pop()
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in above or not is_walked(folder, root):
                continue
            see(folder)
            entries = list(os.scandir(folder))
        except OSError:  # it went away since it was listed
            continue
        for entry in entries:
            path = folder / entry.name
            if path.is_dir() if entry.is_symlink() else entry.is_dir():
                pending.append((path, above | {identity}))
            elif is_code(path, root):
                yield path
