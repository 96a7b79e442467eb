"""Waiting by a clock that may stand still."""

import asyncio
import gc
import time

import pytest

from samlet.runtime.held import any_done_within, done_within


async def test_without_a_debugger_it_is_an_ordinary_wait() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert not await done_within(0.01, lambda: 0.0, never)
    assert never.cancelled()
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    assert await done_within(0.01, lambda: 0.0, done)


async def test_what_fails_or_is_cancelled_by_others_is_in_time() -> None:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    loop.call_soon(failed.set_exception, ValueError())
    assert await done_within(10, lambda: 0.0, failed)
    assert isinstance(failed.exception(), ValueError)
    ended: asyncio.Future[None] = loop.create_future()
    loop.call_soon(ended.cancel)
    assert await done_within(10, lambda: 0.0, ended)


async def test_who_is_cancelled_while_it_waits_hears_of_it() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(done_within(10, lambda: 0.0, never))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_of_several_the_first_one_ends_the_wait_and_the_others_go_on() -> None:
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    assert not await any_done_within(0.01, lambda: 0.0, first, second)
    first.set_result(None)
    assert await any_done_within(10, lambda: 0.0, first, second)
    assert not second.done()


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


async def test_what_is_done_in_the_round_of_its_last_moment_is_in_time() -> None:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[int] = loop.create_future()
    loop.call_later(0.01, answer.set_result, 1)
    waiting = asyncio.create_task(done_within(0.02, lambda: 0.0, answer))
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251  # so that both timers are due in the same round
    assert await waiting


async def test_a_wait_leaves_nothing_to_the_garbage_collector() -> None:
    loop = asyncio.get_running_loop()
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            answer: asyncio.Future[None] = loop.create_future()
            loop.call_soon(answer.set_result, None)
            assert await done_within(10, lambda: 0.0, answer)
        assert gc.collect() < 100, "less than one object a wait"
    finally:
        gc.enable()
