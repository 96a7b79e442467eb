"""Work in the background: what goes wrong with it unforeseen is said, and a loop begins again after a pause.

A task that ends by an exception which nobody waits for says nothing, and the part that it was stands still. That is a
fault of Samlet's, so the line names the place in its code.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from samlet.log import say

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds
_CALM = 60.0  # seconds of work after which the next failure is treated as the first


class BackgroundLoop:
    """A loop of the part `source`, told of as `what`; `trouble` says why it stands still, None while it doesn't."""

    def __init__(
        self,
        source: str,
        what: str,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble: str | None = None
        self._source, self._what = source, what
        self._sleep, self._clock = sleep, clock

    def status(self) -> dict[str, str]:
        """What a part adds to its state."""
        return {"trouble": self.trouble} if self.trouble else {}

    async def run(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Run `loop` until it returns or is called off, however often it fails."""
        pause = _FIRST_PAUSE
        while True:
            began = self._clock()
            try:
                await loop()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next round may go well
                pause = _FIRST_PAUSE if self._clock() - began > _CALM else pause
                self.trouble = _described(error)
                say(self._source, f"{self._what} begins again in {pause:g} s: {self.trouble}", level="error")
            else:
                return
            await self._sleep(pause)
            self.trouble = None
            pause = min(pause * 2, _LONGEST_PAUSE)


def say_failure(source: str, what: str) -> Callable[[asyncio.Task[Any]], None]:
    """Make what hears of the end of a task, to be given to `add_done_callback`: it says a failure."""

    def ended(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()):
            say(source, f"{what} failed: {_described(error)}", level="error")

    return ended


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}, line {frames[-1].lineno})" if frames else ""
    return f"an error that nobody foresaw, {type(error).__name__}: {error}{place}"
