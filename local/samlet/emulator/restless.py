"""Files that change again and again, so that loading a function because of them would never end.

A function that writes into its own folder when it is loaded, a tool that keeps a diary there: each reload brings the
next. Such a file still makes sandboxes stale, so old code is never served; only nothing is loaded ahead of an event.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_IN_A_ROW = 5  # reloads because of the same file, each right behind the one before
_BEHIND = 2.0  # seconds after a reload in which a change counts as its consequence
_CALM = 60.0  # seconds without a change that make a file one like any other again


@dataclass(slots=True)
class _Row:
    reloads: int = 0
    last: float = -math.inf

    @property
    def long(self) -> bool:
        return self.reloads >= _IN_A_ROW


class Restless:
    """Counts the reloads of each file; the clock, in seconds, is the caller's."""

    def __init__(self) -> None:
        self._rows: dict[Path, _Row] = {}

    def reloading(self, paths: Iterable[Path], now: float) -> list[Path]:
        """Their reload begins; returns those that are restless from now on."""
        began: list[Path] = []
        self._rows = {path: row for path, row in self._rows.items() if now - row.last <= _CALM}
        for path in paths:
            row = self._rows.setdefault(path, _Row())
            if row.long:
                row.last = now
                continue
            row.reloads = row.reloads + 1 if now - row.last <= _BEHIND else 1
            row.last = now if row.long else math.inf  # until it is over
            began += [path] if row.long else []
        return began

    def reloaded(self, paths: Iterable[Path], now: float) -> None:
        """Their reload is over."""
        for row in (self._rows[path] for path in paths if path in self._rows):
            row.last = now

    def without(self, paths: frozenset[Path], now: float) -> frozenset[Path]:
        """Those of changed paths that a reload is worth its while for; the others have changed once more."""
        restless = {path for path in paths if self._stays(path, now)}
        for path in restless:
            self._rows[path].last = now
        return paths - restless

    def _stays(self, path: Path, now: float) -> bool:
        row = self._rows.get(path)
        return row is not None and row.long and now - row.last <= _CALM
