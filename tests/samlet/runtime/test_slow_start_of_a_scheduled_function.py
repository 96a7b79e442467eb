"""Slots of a schedule that come while the function is still initialising."""

from pathlib import Path

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.model import Schedule
from samlet.sources.schedules import Schedules
from schedule_stage import Clock
from waiting import eventually_async

SLOW = """
import os, time
from pathlib import Path
place = Path(os.environ["PLACE"])
while not (place / "open").exists():
    time.sleep(0.01)
def handler(event, context):
    with open(place / "slots", "a") as file:
        file.write(event["time"] + "\\n")
"""


async def test_the_first_slots_are_neither_lost_nor_doubled_however_long_the_function_takes_to_initialise(
    make: MakeFunction, running: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    clock = Clock()
    async with running(make(SLOW, environment={"PLACE": str(place)}), init_limit=0.2) as functions:
        schedules = Schedules(
            [Schedule("each-minute", "rule", "rate(1 minute)", "Echo")], functions, now=clock, sleep=clock.sleep
        )
        await schedules.start()
        said: list[str] = []

        def given_up_once() -> bool:
            said.append(capsys.readouterr().err)
            return "Phase: init\tStatus: timeout" in "".join(said)

        await eventually_async(given_up_once)  # a second process starts on the event's own time
        await clock.advance(minutes=2)
        (place / "open").touch()
        await eventually_async(lambda: _slots(place) >= 3)
        await clock.advance(minutes=1)
        await eventually_async(lambda: _slots(place) >= 4)
        await schedules.stop()
    written = sorted((place / "slots").read_text().split())
    assert written == [f"2026-01-01T12:0{minute}:30Z" for minute in range(4)]


def _slots(place: Path) -> int:
    file = place / "slots"
    return len(file.read_text().split()) if file.exists() else 0
