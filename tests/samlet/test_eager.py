"""Tasks that begin at once, and waiting for one of them."""

import asyncio

from samlet.eager import begin, within


async def test_work_runs_up_to_its_first_wait_before_it_is_handed_out() -> None:
    seen: list[int] = []

    async def work() -> str:
        seen.append(1)
        await asyncio.sleep(0)
        seen.append(2)
        return "done"

    task = begin(work())
    assert seen == [1]
    assert await task == "done"


async def test_who_is_late_is_not_ended() -> None:
    release = asyncio.Event()
    task = begin(release.wait())
    assert not await within(task, 0.01)
    assert not task.done()
    release.set()
    assert await within(task, 10)


async def test_work_that_has_ended_or_fails_is_in_time() -> None:
    async def fail() -> None:
        raise ValueError

    assert await within(begin(asyncio.sleep(0)), 10)
    failed = begin(fail())
    assert await within(failed, 10)
    assert isinstance(failed.exception(), ValueError)
