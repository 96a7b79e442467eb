"""Schedules of a template that is edited while they fire."""

from dataclasses import replace
from datetime import timedelta

import pytest

from samlet.model import Schedule
from samlet.sources.schedule_memory import ScheduleMemory
from schedule_stage import CRON, HOURLY, RATE, Clock, Recorder, Start

OTHER = '{"time": "of the new template"}'


async def test_one_that_stays_the_same_keeps_its_rhythm(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(RATE, CRON) as schedules:
        await clock.advance(seconds=40)
        schedules.replace([RATE])
        await clock.advance(seconds=20)
    assert recorder.slots() == ["2026-01-01T12:00:30Z", "2026-01-01T12:01:30Z"]


async def test_one_that_is_gone_fires_no_more(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(CRON) as schedules:
        schedules.replace([])
        await clock.advance(hours=1)
        assert schedules.list() == ()
    assert recorder.queued == []


@pytest.mark.parametrize("after", [[], [replace(HOURLY, input=OTHER)], [HOURLY]])
@pytest.mark.parametrize("seconds", [1, 2])
async def test_a_slot_that_came_while_the_template_was_read_fires_once_as_it_was(
    started: Start, clock: Clock, recorder: Recorder, after: list[Schedule], seconds: int
) -> None:
    async with started(HOURLY) as schedules:
        await clock.advance(minutes=59, seconds=29)
        clock.now += timedelta(seconds=seconds)  # and nobody was woken yet
        schedules.replace(after)
        await clock.advance(seconds=1)
        assert recorder.slots() == ["2026-01-01T13:00:00Z"], "with the event that it had then"
        await clock.advance(hours=1)
    assert len(recorder.queued) == 1 + len(after)


async def test_a_slot_that_has_fired_does_not_fire_again_as_its_schedule_changes(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    async with started(HOURLY) as schedules:
        await clock.advance(minutes=59, seconds=30)
        schedules.replace([replace(HOURLY, input=OTHER)])
        clock.now += timedelta(seconds=2)
        schedules.replace([])
        await clock.advance(minutes=5)
    assert len(recorder.queued) == 1


async def test_a_moment_that_has_fired_does_not_fire_again_as_its_schedule_goes(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    async with started(replace(HOURLY, expression="at(2026-01-01T12:01:00)")) as schedules:
        await clock.advance(minutes=5)
        schedules.replace([])
        await clock.advance(minutes=5)
    assert recorder.slots() == ["2026-01-01T12:01:00Z"]


async def test_one_that_changed_follows_its_new_expression_alone(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    async with started(CRON) as schedules:
        schedules.replace([replace(CRON, expression="cron(20 * * * ? *)")])
        await clock.advance(hours=1)
    assert recorder.slots() == ["2026-01-01T12:20:00Z"]


async def test_a_new_rate_counts_from_the_change_and_fires_after_its_period(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    async with started(HOURLY) as schedules:
        schedules.replace([HOURLY, RATE])
        await clock.advance(seconds=59)
        assert recorder.queued == []
        await clock.advance(seconds=1)
    assert recorder.slots() == ["2026-01-01T12:01:30Z"]


async def test_one_that_is_switched_off_and_on_in_the_template_does_the_same(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    async with started(HOURLY) as schedules:
        schedules.replace([replace(HOURLY, enabled=False)])
        await clock.advance(hours=1)
        assert recorder.queued == []
        schedules.replace([HOURLY])
        await clock.advance(hours=1)
    assert recorder.slots() == ["2026-01-01T14:00:00Z"]


async def test_what_was_paused_stays_paused_over_a_change_of_others(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    memory = ScheduleMemory()
    async with started(HOURLY, CRON, memory=memory) as schedules:
        schedules.pause("hourly")
        schedules.replace([HOURLY])
        await clock.advance(hours=1)
        assert schedules.list()[0].paused
    assert recorder.queued == []
