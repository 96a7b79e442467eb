"""Tasks that begin at once."""

import asyncio

from samlet.eager import begin


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
