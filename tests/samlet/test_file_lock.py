"""One at a time holds a file's lock, and waiting for it can be given up."""

import asyncio
from pathlib import Path

import pytest

from samlet.file_lock import locked


async def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    path, told = tmp_path / "folder" / ".lock", list[str]()

    async def second() -> None:
        async with locked(path):
            told.append("second")

    async with locked(path):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        told.append("first")
    await waiting
    assert told == ["first", "second"]


async def test_whoever_gives_up_waiting_leaves_the_lock_to_others(tmp_path: Path) -> None:
    path = tmp_path / ".lock"

    async def hold() -> None:
        async with locked(path):
            pass

    async with locked(path):
        waiting = asyncio.create_task(hold())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await hold()
