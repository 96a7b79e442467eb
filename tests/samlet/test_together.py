"""Starting and stopping several things at once."""

import asyncio

import pytest

from samlet.emulator.together import stopped, together


async def test_the_first_failure_calls_off_the_others_and_is_raised_as_it_is() -> None:
    called_off = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            called_off.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await together(wait(), fail())
    assert called_off.is_set()


async def test_what_cannot_stop_is_said_and_the_others_stop(capsys: pytest.CaptureFixture[str]) -> None:
    ended = []

    async def fail() -> None:
        raise OSError("it is stuck")

    async def end() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    await stopped(fail(), end())
    assert ended == [True]
    assert "while stopping: OSError('it is stuck')" in capsys.readouterr().err
