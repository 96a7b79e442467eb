"""Hot reload: a saved file makes the sandboxes that have loaded it stale."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import watchfiles

from samlet.errors import EnvironmentFailed
from samlet.log import say
from samlet.model import Function
from samlet.runtime.environments import Environments
from samlet.runtime.functions import Functions

_DEBOUNCE_MS = 100


class Reload:
    """Watches the code and layer folders of all functions."""

    def __init__(self, functions: Functions, environments: Environments) -> None:
        self._functions = functions
        self._environments = environments
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def start(self) -> None:
        """Begin to watch; what is saved after this is noticed."""
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0)  # the task's first step sets up the watching

    async def stop(self) -> None:
        """Watch no more."""
        if self._task:
            self._ended.set()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def restart(self) -> None:
        """Watch the folders of a changed template."""
        await self.stop()
        self._ended = asyncio.Event()
        await self.start()

    async def prepare(self, functions: Iterable[Function]) -> None:
        """Build what the functions of a changed template run in."""
        await self._environments.prepare(functions)

    async def _watch(self) -> None:
        folders = watched_folders(self._functions.functions.values())
        if not folders:
            return
        async for changes in watchfiles.awatch(
            *folders, debounce=_DEBOUNCE_MS * 4, step=_DEBOUNCE_MS, stop_event=self._ended, recursive=True
        ):
            await self._apply({Path(path) for _, path in changes})

    async def _apply(self, paths: set[Path]) -> None:
        concerned = affected(self._functions.functions, paths)
        if not concerned:
            return
        names = ", ".join(sorted(self._functions.functions[logical_id].name for logical_id in concerned))
        say("samlet", f"{min(paths).name} changed: new sandboxes for {names}")
        for path in _as_imported(self._functions.functions.values(), paths):
            self._environments.forget_compiled(path)
        if any(path.name == "requirements.txt" for path in paths):
            try:
                await self._environments.prepare(self._functions.functions[logical_id] for logical_id in concerned)
            except EnvironmentFailed as trouble:
                say("samlet", str(trouble), level="error")
        await self._functions.stale(concerned)


def watched_folders(functions: Iterable[Function]) -> list[Path]:
    """The folders to watch, none inside another; of a build, the folder that outlives its being rebuilt."""
    folders = {_lasting(folder) for function in functions for folder in (function.code, *function.layers)}
    existing = {folder.resolve() for folder in folders if folder.is_dir()}
    return sorted(folder for folder in existing if not existing.intersection(folder.parents))


def affected(functions: Mapping[str, Function], paths: Iterable[Path]) -> list[str]:
    """The logical ids of the functions that a changed file belongs to."""
    changed = {path.resolve() for path in paths}
    return [
        logical_id
        for logical_id, function in functions.items()
        if any(_within(path, folder.resolve()) for path in changed for folder in (function.code, *function.layers))
    ]


def _as_imported(functions: Iterable[Function], paths: Iterable[Path]) -> set[Path]:
    """Changed Python files by the paths that functions import them from, which may lead over a symbolic link."""
    changed = {path.resolve() for path in paths if path.suffix == ".py"}
    folders = {folder for function in functions for folder in (function.code, *function.layers)}
    return {
        folder / path.relative_to(folder.resolve())
        for folder in folders
        for path in changed
        if _within(path, folder.resolve())
    }


def _lasting(folder: Path) -> Path:
    return next((parent for parent in folder.parents if parent.name == ".aws-sam"), folder)


def _within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
