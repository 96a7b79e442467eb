"""Tasks that begin at once, and waiting for one: what asyncio does for any number, at less of the price."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def begin[T](work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run `work` up to its first wait before returning; a task that waits for nothing never troubles the event loop."""
    return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)


async def within(work: asyncio.Future[Any], seconds: float) -> bool:
    """Wait for the end of `work`, which goes on where it is later; whether it came in time."""
    if work.done():
        return True
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def release(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(seconds, release)
    work.add_done_callback(release)
    try:
        await waiter
    finally:
        timer.cancel()
        work.remove_done_callback(release)
    return work.done()
