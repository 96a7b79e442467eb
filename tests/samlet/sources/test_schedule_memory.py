"""Pauses, and slots that passed while nothing ran, from one run to the next."""

from dataclasses import replace
from pathlib import Path

import pytest

from samlet.errors import ScheduleDisabled
from samlet.model import Schedule
from samlet.sources.schedule_memory import ScheduleMemory
from schedule_stage import CRON, HOURLY, RATE, Clock, Recorder, Start


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "schedules.json"


async def test_a_paused_schedule_lets_its_slots_pass_until_it_is_resumed(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    async with started(CRON) as schedules:
        schedules.pause("quarterly")
        assert (schedules.list()[0].paused, schedules.list()[0].next) == (True, None)
        await clock.advance(minutes=35)
        assert recorder.queued == []
        schedules.resume("quarterly")
        assert not schedules.list()[0].paused
        await clock.advance(minutes=15)
    assert recorder.slots() == ["2026-01-01T12:45:00Z"]


async def test_a_paused_schedule_can_be_run_by_hand(started: Start, recorder: Recorder) -> None:
    async with started(CRON) as schedules:
        schedules.pause("quarterly")
        await schedules.run("quarterly")
    assert len(recorder.invoked) == 1


@pytest.mark.parametrize("schedule", [CRON, RATE])
async def test_a_pause_outlives_a_restart_and_is_said(
    started: Start,
    clock: Clock,
    recorder: Recorder,
    state: Path,
    capsys: pytest.CaptureFixture[str],
    schedule: Schedule,
) -> None:
    async with started(schedule, memory=ScheduleMemory(state)) as schedules:
        schedules.pause(schedule.name)
    recorder.queued.clear()
    async with started(schedule, memory=ScheduleMemory(state), catch_up="all"):
        await clock.advance(hours=1)
    assert recorder.queued == []
    assert "still paused" in capsys.readouterr().err


async def test_what_passed_in_a_pause_is_not_caught_up(
    started: Start, clock: Clock, recorder: Recorder, state: Path
) -> None:
    async with started(CRON, memory=ScheduleMemory(state)) as schedules:
        schedules.pause("quarterly")
        await clock.advance(minutes=35)
        schedules.resume("quarterly")
    async with started(CRON, memory=ScheduleMemory(state), catch_up="all"):
        await clock.advance(seconds=1)
    assert recorder.queued == []


@pytest.mark.parametrize("action", ["pause", "resume"])
async def test_what_the_template_disables_is_neither_paused_nor_resumed(started: Start, action: str) -> None:
    async with started(replace(CRON, enabled=False)) as schedules:
        with pytest.raises(ScheduleDisabled, match="set its State to ENABLED"):
            getattr(schedules, action)("quarterly")


@pytest.mark.parametrize(
    ("catch_up", "slots"),
    [("none", []), ("latest", ["13:00"]), ("all", ["12:15", "12:30", "12:45", "13:00"])],
)
async def test_slots_that_passed_while_samlet_was_off_fire_as_was_wished(
    started: Start, clock: Clock, recorder: Recorder, state: Path, catch_up: str, slots: list[str]
) -> None:
    async with started(CRON, memory=ScheduleMemory(state)):
        pass
    await clock.jump(hours=1)
    async with started(CRON, memory=ScheduleMemory(state), catch_up=catch_up):
        await clock.advance(minutes=1)
    assert recorder.slots() == [f"2026-01-01T{slot}:00Z" for slot in slots]


async def test_a_slot_that_fired_is_not_caught_up_again(
    started: Start, clock: Clock, recorder: Recorder, state: Path
) -> None:
    for _ in range(3):
        async with started(CRON, memory=ScheduleMemory(state), catch_up="all"):
            await clock.advance(minutes=15)
    assert recorder.slots() == [f"2026-01-01T12:{minute}:00Z" for minute in (15, 30, 45)]


async def test_a_slot_that_none_passed_over_is_not_caught_up_later(
    started: Start, clock: Clock, recorder: Recorder, state: Path
) -> None:
    for catch_up in ("none", "none", "all"):
        async with started(CRON, memory=ScheduleMemory(state), catch_up=catch_up):
            await clock.advance(seconds=1)
        await clock.jump(minutes=20)
    assert recorder.slots() == ["2026-01-01T12:30:00Z"]


async def test_a_rate_that_catches_up_keeps_its_rhythm(
    started: Start, clock: Clock, recorder: Recorder, state: Path
) -> None:
    async with started(RATE, memory=ScheduleMemory(state)):
        await clock.advance(seconds=90)
    await clock.jump(seconds=75)
    async with started(RATE, memory=ScheduleMemory(state), catch_up="latest"):
        await clock.advance(seconds=30)
    assert recorder.slots() == [f"2026-01-01T12:0{minute}:30Z" for minute in (0, 1, 2, 3)]


async def test_a_schedule_that_was_changed_or_is_new_owes_nothing(
    started: Start, clock: Clock, recorder: Recorder, state: Path
) -> None:
    async with started(CRON, memory=ScheduleMemory(state)):
        pass
    await clock.jump(hours=1)
    changed = replace(CRON, expression="cron(0/5 * * * ? *)")
    async with started(changed, HOURLY, memory=ScheduleMemory(state), catch_up="all"):
        await clock.advance(seconds=1)
    assert recorder.queued == []


async def test_after_very_many_missed_slots_the_latest_fires_alone(
    started: Start, clock: Clock, recorder: Recorder, state: Path
) -> None:
    async with started(CRON, memory=ScheduleMemory(state)):
        pass
    await clock.jump(days=300)
    async with started(CRON, memory=ScheduleMemory(state), catch_up="all"):
        await clock.advance(seconds=1)
    assert recorder.slots() == ["2026-10-28T12:00:00Z"]


@pytest.mark.parametrize("content", ["", "[]", '{"scheduler/default/quarterly": {"handled_until": "yesterday"}}', "\0"])
async def test_a_memory_that_cannot_be_read_is_begun_anew(
    started: Start, clock: Clock, recorder: Recorder, state: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    state.write_text(content)  # noqa: ASYNC240 - a few bytes, and nothing else runs
    async with started(CRON, memory=ScheduleMemory(state), catch_up="all"):
        await clock.advance(minutes=15)
    assert recorder.slots() == ["2026-01-01T12:15:00Z"]
    assert "schedules begin anew" in capsys.readouterr().err


async def test_schedules_fire_on_where_their_memory_cannot_be_written(
    started: Start, clock: Clock, recorder: Recorder, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with started(CRON, memory=ScheduleMemory(state / "no folder" / "schedules.json")):
        await clock.advance(minutes=30)
    assert recorder.slots() == ["2026-01-01T12:15:00Z", "2026-01-01T12:30:00Z"]
    assert "cannot be kept" in capsys.readouterr().err
