"""Waiting by a clock that stands still while somebody looks at the program with a debugger."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from samlet.eager import within

_GLANCE = 0.1  # seconds, while the clock stands still


async def done_within(seconds: float, held: Callable[[], float], *futures: asyncio.Future[Any]) -> bool:
    """Wait until one of `futures` is done; False after `seconds` in which `held`, the sum of what doesn't count, stood.

    Without a debugger `held` is always 0, and this is one wait.
    """
    deadline = time.monotonic() + seconds - held()
    while True:
        left = deadline + held() - time.monotonic()
        if left <= 0:
            return any(future.done() for future in futures)
        before = held()
        if await _any_within(futures, left):
            return True
        if held() > before:
            await _any_within(futures, _GLANCE)


async def _any_within(futures: Sequence[asyncio.Future[Any]], seconds: float) -> bool:
    if len(futures) == 1:
        return await within(futures[0], seconds)
    done, _ = await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)
