"""Waits for something to become true, with a deadline, instead of sleeping for luck."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, overload


def eventually[Answer](predicate: Callable[[], Answer], timeout: float = 10.0, every: float = 0.02) -> Answer:
    """Call `predicate` until its answer is true, and return that answer; an AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = predicate()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout} s: {_told(predicate)}; last answer {answer!r}"
        time.sleep(every)


@overload
async def eventually_async[Answer](
    predicate: Callable[[], Awaitable[Answer]], timeout: float = ..., every: float = ...
) -> Answer: ...
@overload
async def eventually_async[Answer](
    predicate: Callable[[], Answer], timeout: float = ..., every: float = ...
) -> Answer: ...
async def eventually_async(predicate: Callable[[], Any], timeout: float = 10.0, every: float = 0.02) -> Any:
    """The same inside an event loop; `predicate` may be a coroutine function."""
    deadline = time.monotonic() + timeout
    while True:
        asked = predicate()
        answer = await asked if inspect.isawaitable(asked) else asked
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {timeout} s: {_told(predicate)}; last answer {answer!r}"
        await asyncio.sleep(every)


def _told(predicate: Callable[[], object]) -> str:
    return getattr(predicate, "__qualname__", repr(predicate))
