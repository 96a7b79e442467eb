"""Lines that are written together: none late, none lost, none out of order."""

import asyncio
import subprocess
import sys
import textwrap
import threading

import pytest

from samlet import batches
from samlet.batches import PAUSE, Batch
from waiting import eventually_async


@pytest.fixture(autouse=True)
def _hold_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause that all other tests do without."""
    monkeypatch.setattr(batches, "PAUSE", PAUSE)


async def test_the_first_line_after_a_quiet_moment_waits_for_the_work_at_hand_only_and_the_next_ones_together() -> None:
    written: list[list[int]] = []
    batch = Batch(written.append)
    batch.add(0)
    assert written == [], "whoever says it goes on first"
    await asyncio.sleep(0)
    assert written == [[0]]
    for number in range(1, 100):
        batch.add(number)
    assert written == [[0]]
    await eventually_async(lambda: len(written) > 1)
    assert written[1:] == [list(range(1, 100))]


async def test_after_a_pause_a_line_waits_no_longer_again() -> None:
    written: list[list[int]] = []
    batch = Batch(written.append)
    batch.add(0)
    await asyncio.sleep(0)
    batch.add(1)
    await eventually_async(lambda: len(written) == 2)
    batch._written -= PAUSE
    batch.add(2)
    await asyncio.sleep(0)
    assert written[-1] == [2]


def test_outside_of_an_event_loop_nothing_is_held_back() -> None:
    written: list[list[int]] = []
    batch = Batch(written.append)
    batch.add(0)
    batch.add(1)
    assert written == [[0], [1]]


async def test_a_thread_does_not_wait_for_the_loop_and_keeps_the_order() -> None:
    written: list[list[int]] = []
    batch = Batch(written.append)
    batch.add(0)
    await asyncio.sleep(0)
    batch.add(1)
    thread = threading.Thread(target=batch.add, args=(2,))
    thread.start()
    thread.join()
    assert written == [[0], [1, 2]]


def test_what_a_loop_has_left_behind_is_written_by_the_next_line() -> None:
    written: list[list[int]] = []
    batch = Batch(written.append)

    async def say(*numbers: int) -> None:
        for number in numbers:
            batch.add(number)
            await asyncio.sleep(0)

    asyncio.run(say(0, 1))
    batch._written -= PAUSE
    asyncio.run(say(2))
    assert written == [[0], [1, 2]]


def test_what_is_held_back_is_written_when_the_process_ends() -> None:
    program = """
        import asyncio
        from samlet.log import say
        async def main():
            for number in range(3):
                say("here", f"line {number}")
        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stderr
    assert [line.split()[-1] for line in told.splitlines()] == ["0", "1", "2"]
