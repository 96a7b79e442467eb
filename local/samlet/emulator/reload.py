"""Hot reload: what was saved counts from the next event on.

Before each event the runtime asks `look`, which learns of every save that is over (see `watch`). Sandboxes that have
loaded a changed file take no more events from that moment on. Events wait until the saving has been quiet for a blink,
so that they meet all files of one save, and until a changed template has been read.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samlet.background import BackgroundLoop, say_failure
from samlet.emulator.outputs import Outputs
from samlet.emulator.relevance import is_code
from samlet.emulator.restless import Restless
from samlet.emulator.watch import StatWatch, Watch, Watched, best_watch, newest
from samlet.errors import SamletError
from samlet.log import say
from samlet.model import Function
from samlet.runtime.environments import Environments
from samlet.runtime.functions import Functions

_QUIET = 0.03  # seconds without another save that make one complete
_LONGEST_WAIT = 1.0  # seconds that an event waits for that
_RECENT = 2.0  # seconds; compiled files know the whole second of their source
_ASK_EVERY = 0.5  # seconds, where nobody tells us
_LARGEST_SHARE = 100  # asking by itself takes at most a hundredth of the time

type TakeOver = Callable[[frozenset[Path]], Awaitable[bool]]


@dataclass(slots=True)
class _Batch:
    """What was saved together: paths, the functions that it concerns, and those of them that had an idle sandbox."""

    paths: set[Path] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    warm: set[str] = field(default_factory=set)


class Reload:
    """Follows the code of all functions and the project's own `files`; parents are looked at below `limit`."""

    def __init__(
        self,
        environments: Environments,
        *,
        files: Iterable[Path] = (),
        limit: Path = Path("/"),
        by_stat: bool = False,
    ) -> None:
        self._environments = environments
        self._functions: Functions | None = None
        self._files, self._limit = frozenset(files), limit
        self._take_over: TakeOver | None = None
        self._early: set[Path] = set()
        self._owed: frozenset[Path] = frozenset()  # could not be taken over, which another save may mend
        self._new, self._current = _Batch(), _Batch()
        self._last = 0.0
        self._settling: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._saved_at: dict[str, float] = {}
        self._all_saved_at = 0.0
        self._outputs, self._restless = Outputs(), Restless()
        self._watch: Watch = best_watch(by_stat=by_stat)
        self.follow()

    def start(self, functions: Functions) -> None:
        """Begin: the functions' code is followed, too, and what was saved since this was made counts."""
        self._functions = functions
        self.follow()
        self._all_saved_at = newest(self._watched())
        self._listen()

    def take_over(self, how: TakeOver) -> None:
        """From now on `how` is told which of the project's own files have changed; events wait until it is done.

        When it returns False, it is told of them again with the next save of anything.
        """
        self._take_over = how
        if self._early and self._functions:
            self._note(self._functions, frozenset(self._early))

    def follow(self, files: Iterable[Path] | None = None) -> None:
        """Follow the functions as they are now and, if told, other files of the project."""
        if files is not None:
            self._files = frozenset(files)
        try:
            self._watch.follow(self._watched())
        except OSError as error:
            self._do_without(error)

    def follow_also(self, files: Iterable[Path]) -> bool:
        """Follow files beside those of before; tells whether one of them was not followed until now."""
        wanted = self._files.union(files)
        if wanted == self._files:
            return False
        self.follow(wanted)
        return True

    async def stop(self) -> None:
        """Follow nothing more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._functions = None
        self._close()

    def look(self, function: str | None = None) -> Awaitable[None] | None:
        """Take note of what was saved; returns what an event of `function` has to wait for (see `Changes`)."""
        if self._functions is None:
            return None
        try:
            paths = self._outputs.left_out(self._watch.changed())
        except OSError as error:
            self._do_without(error)
            paths = self._watched().trees
        if paths:
            self._note(self._functions, paths)
        if self._settling is None or not self._concerns(function):
            return None
        return asyncio.shield(self._settling)

    def _concerns(self, function: str | None) -> bool:
        batches = (self._new, self._current)
        return any(function in batch.functions or not self._files.isdisjoint(batch.paths) for batch in batches)

    def recent(self, function: str) -> bool:
        """Whether code of the function was saved within the last two seconds."""
        saved = self._saved_at.get(function, self._all_saved_at)
        return abs(time.time() - saved) < _RECENT

    def _watched(self) -> Watched:
        functions = self._functions.functions.values() if self._functions else ()
        return Watched(watched_folders(functions), self._files, self._limit)

    def _do_without(self, error: OSError) -> None:
        """Look at each file where the kernel has no room for more watches."""
        text = f"files are looked at one by one: {error.strerror} (see fs.inotify.max_user_watches)"
        say("samlet", text, level="warning")
        self._close()
        self._watch = StatWatch()
        self._watch.follow(self._watched())
        if self._functions:
            self._listen()

    def _listen(self) -> None:
        """Hear of saves also while no event comes, so that code is loaded ahead of the next one."""
        descriptor = self._watch.fileno()
        if descriptor is None:
            self._keep(BackgroundLoop("samlet", "looking for saved files").run(self._ask))
        else:
            asyncio.get_running_loop().add_reader(descriptor, self.look)

    def _close(self) -> None:
        if (descriptor := self._watch.fileno()) is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
        self._watch.close()

    def _note(self, functions: Functions, paths: frozenset[Path]) -> None:
        concerned = affected(functions.functions, paths)
        ours = frozenset(file for file in self._files if file in paths or not paths.isdisjoint(file.parents))
        if ours and self._take_over is None:
            self._early |= ours
            ours = frozenset()
        if not concerned and not ours:
            return
        warm = functions.outdate(concerned)
        for path in paths - self._files:
            self._environments.forget_compiled(path)
        self._saved_at |= dict.fromkeys(concerned, time.time())
        worth = self._restless.without(paths - self._files, time.monotonic()) | ours
        if not worth:
            return
        self._new.warm |= warm
        self._new.functions.update(concerned)
        self._new.paths |= worth
        self._last = time.monotonic()
        if self._settling is None:
            self._settling = self._keep(self._settle(functions))

    async def _settle(self, functions: Functions) -> None:
        """Wait for quiet and make what was saved count, until nothing more comes; then let the events through."""
        try:
            while self._new.paths:
                began = self._last
                await self._quiet(began)
                self._current, self._new = self._new, _Batch()
                await self._apply(functions, self._current)
                restless = self._restless.reloading(self._current.paths - self._files, time.monotonic())
                _warn(restless)
                if self._current.functions and not self._current.paths.issubset(restless):
                    self._keep(self._load(functions, self._current, began))
                else:
                    self._restless.reloaded(self._current.paths, time.monotonic())
        finally:
            self._settling, self._current = None, _Batch()

    async def _quiet(self, began: float) -> None:
        while (left := min(self._last + _QUIET, began + _LONGEST_WAIT) - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)  # more saves make it longer

    async def _apply(self, functions: Functions, batch: _Batch) -> None:
        try:
            if self._take_over and (ours := self._files & batch.paths | self._owed):
                self._owed = ours
                if await self._take_over(ours):
                    self._owed = frozenset()
            if any(path.name == "requirements.txt" or path.is_dir() for path in batch.paths):
                known = functions.functions
                await self._environments.prepare(known[name] for name in batch.functions if name in known)
        except SamletError as trouble:
            say("samlet", str(trouble), level="error")
        except Exception as trouble:  # noqa: BLE001  # the events that wait must go on, whatever a template does to us
            say("samlet", f"{type(trouble).__name__} while reloading: {trouble}", level="error")

    async def _load(self, functions: Functions, batch: _Batch, began: float) -> None:
        await _load(functions, batch, began)
        self._restless.reloaded(batch.paths, time.monotonic())

    async def _ask(self) -> None:
        """Learn of saves where nobody tells us, so that code is loaded ahead of its event here as well."""
        while True:
            began = time.monotonic()
            self.look()
            await asyncio.sleep(max(_ASK_EVERY, _LARGEST_SHARE * (time.monotonic() - began)))

    def _keep(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(say_failure("samlet", "loading what was saved"))
        return task


async def _load(functions: Functions, batch: _Batch, began: float) -> None:
    """Start a sandbox for each function that had an idle one, ahead of its event, and tell what happened."""
    failed = set()
    for name in sorted(batch.warm):
        try:
            came_up = name not in functions.functions or await functions.warm(name)
        except SamletError:
            came_up = False
        if not came_up:
            failed.add(name)
    what, seconds = _named(batch.paths), time.monotonic() - began
    if loaded := _names(functions, batch.warm - failed):
        say("samlet", f"{what} changed: {loaded} reloaded in {seconds:.2f} s")
    if failed:
        say("samlet", f"{what} changed: {_names(functions, failed)} cannot be loaded", level="error")
    if later := _names(functions, batch.functions - batch.warm):
        say("samlet", f"{what} changed: it counts from the next event on for {later}")


def _warn(restless: Sequence[Path]) -> None:
    """One line, also where a switch of branches has brought back a thousand files for the fifth time."""
    if restless:
        first, *others = sorted(restless)
        text = f"{first} and {len(others)} more change" if others else f"{first} changes"
        so = "nothing is loaded ahead of events any more because of it, until it was left alone for a minute"
        say("samlet", f"{text} with every reload: {so}", level="warning")


def _names(functions: Functions, logical_ids: Iterable[str]) -> str:
    known = functions.functions
    return ", ".join(sorted(known[logical_id].name for logical_id in logical_ids if logical_id in known))


def _named(paths: Iterable[Path]) -> str:
    """What a person would say was saved: not the drafts that editors rename."""
    changed = list(paths)
    there = [path for path in changed if path.exists()] or changed
    first, *others = sorted(path.name for path in there) or ["code"]
    return f"{first} and {len(others)} more" if others else first


def watched_folders(functions: Iterable[Function]) -> frozenset[Path]:
    """The folders to watch, none that is watched with another."""
    folders = {folder for function in functions for folder in (function.code, *function.layers)}
    return frozenset(
        folder for folder in folders if not any(outer in folder.parents and is_code(folder, outer) for outer in folders)
    )


def affected(functions: Mapping[str, Function], paths: Iterable[Path]) -> list[str]:
    """The logical ids of the functions that a changed file belongs to, or a changed folder that leads to them."""
    changed = set(paths)
    return [
        logical_id
        for logical_id, function in functions.items()
        if any(_belongs(path, folder) for path in changed for folder in (function.code, *function.layers))
    ]


def _belongs(path: Path, folder: Path) -> bool:
    if path == folder or path in folder.parents:
        return True
    return folder in path.parents and is_code(path, folder)
