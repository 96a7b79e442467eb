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
    loop = asyncio.get_running_loop()
    deadline = time.monotonic() + seconds - held()
    late = False
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal late, timer
        left = deadline + held() - time.monotonic()
        if left > 0:
            timer = loop.call_later(left if left > _GLANCE else _GLANCE, look)
        else:
            late = future.cancel()  # not so if it was done in this very round, and is about to be told

    # The future is awaited itself: one in between would be one more round of the event loop for every event.
    timer = loop.call_later(seconds, look)
    try:
        await future
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    except Exception:  # noqa: BLE001  # see above
        return True
    finally:
        timer.cancel()
    return not late


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
