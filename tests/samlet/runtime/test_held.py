"""Waiting by a clock that may stand still."""

import asyncio

from samlet.runtime.held import done_within


async def test_without_a_debugger_it_is_an_ordinary_wait() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert not await done_within(0.01, lambda: 0.0, never)
    never.set_result(None)
    assert await done_within(0.01, lambda: 0.0, never)


async def test_the_end_comes_no_nearer_while_the_clock_stands_still() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer: asyncio.Future[None] = loop.create_future()
    loop.call_later(0.3, answer.set_result, None)
    assert await done_within(0.05, lambda: loop.time() - began, answer)


async def test_what_is_left_counts_from_when_the_clock_goes_on() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    never: asyncio.Future[None] = loop.create_future()
    assert not await done_within(0.05, lambda: min(loop.time() - began, 0.3), never)
    assert loop.time() - began >= 0.34
