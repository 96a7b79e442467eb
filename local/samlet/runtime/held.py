"""Waiting by a clock that stands still while somebody looks at the program with a debugger."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

_GLANCE = 0.1  # seconds, while the clock stands still


async def done_within(seconds: float, held: Callable[[], float], future: asyncio.Future[Any]) -> bool:
    """Wait until `future` is done; cancel it and return False after `seconds`, without those that `held` counts.

    `held` is the sum of the time that doesn't count. An exception of `future` is left to whoever asks for its result.
    """
    limit = _Limit(seconds, held, future)
    # The future is awaited itself: one in between would be one more round of the event loop for every event.
    try:
        await future
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    except Exception:  # noqa: BLE001  # see above
        return True
    finally:
        limit.lift()
    return not limit.exceeded


class _Limit:
    """Cancels a future when its time is up."""

    __slots__ = ("_deadline", "_future", "_held", "_loop", "_timer", "exceeded")

    def __init__(self, seconds: float, held: Callable[[], float], future: asyncio.Future[Any]) -> None:
        self.exceeded = False
        self._held, self._future = held, future
        self._deadline = time.monotonic() + seconds - held()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self._deadline + self._held() - time.monotonic()
        if left > 0:
            self._timer = self._loop.call_later(left if left > _GLANCE else _GLANCE, self._look)
        else:
            # Not so if it was done in this very round, and is about to be told.
            self.exceeded = self._future.cancel()

    def lift(self) -> None:
        """Let it take as long as it likes."""
        self._timer.cancel()


async def any_done_within(seconds: float, held: Callable[[], float], *futures: asyncio.Future[Any]) -> bool:
    """Wait until one of `futures`, which go on in any case, is done; False after `seconds` as above."""
    deadline = time.monotonic() + seconds - held()
    while True:
        left = deadline + held() - time.monotonic()
        if left <= 0:
            return any(future.done() for future in futures)
        before = held()
        done, _ = await asyncio.wait(futures, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return True
        if held() > before:
            await asyncio.wait(futures, timeout=_GLANCE, return_when=asyncio.FIRST_COMPLETED)
