import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from samlet.errors import ScheduleNotFound, TemplateError
from samlet.model import Schedule
from samlet.sources.schedules import Schedules
from schedule_stage import CRON, HOURLY, RATE, START, Clock, Recorder, Start


async def test_a_rate_fires_at_start_and_then_every_period(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(RATE):
        await clock.advance(minutes=2)
    assert recorder.slots() == ["2026-01-01T12:00:30Z", "2026-01-01T12:01:30Z", "2026-01-01T12:02:30Z"]
    assert {name for name, _ in recorder.queued} == {"Relay"}


async def test_a_rate_may_wait_for_its_first_period(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(RATE, fire_rates_at_start=False):
        await clock.advance(seconds=59)
        assert recorder.queued == []
        await clock.advance(seconds=1)
    assert recorder.slots() == ["2026-01-01T12:01:30Z"]


async def test_cron_fires_at_its_slots_only(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(CRON):
        await clock.advance(hours=1)
    assert recorder.slots() == [f"2026-01-01T{time}:00Z" for time in ("12:15", "12:30", "12:45", "13:00")]


async def test_after_stop_nothing_fires(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(CRON):
        pass
    await clock.advance(hours=1)
    assert recorder.queued == []


async def test_a_moment_fires_once_in_its_zone(started: Start, clock: Clock, recorder: Recorder) -> None:
    once = Schedule("once", "scheduler", "at(2026-01-01T14:00:00)", "F", timezone="Europe/Berlin")
    async with started(once) as schedules:
        await clock.advance(days=2)
        assert schedules.list()[0].next is None
    assert recorder.slots() == ["2026-01-01T13:00:00Z"]


async def test_a_disabled_schedule_does_not_fire_by_itself(started: Start, clock: Clock, recorder: Recorder) -> None:
    off = Schedule("off", "rule", "rate(1 minute)", "F", enabled=False)
    async with started(off) as schedules:
        await clock.advance(hours=1)
        assert recorder.queued == []
        assert (schedules.list()[0].enabled, schedules.list()[0].next) == (False, None)
        assert (await schedules.run("off")).ok
    assert len(recorder.invoked) == 1


async def test_start_and_end_dates_bound_the_slots(started: Start, clock: Clock, recorder: Recorder) -> None:
    bounded = Schedule(
        "bounded",
        "scheduler",
        "rate(10 minutes)",
        "F",
        start=START + timedelta(minutes=5),
        end=START + timedelta(minutes=25),
    )
    async with started(bounded):
        await clock.advance(hours=2)
    assert recorder.slots() == ["2026-01-01T12:05:30Z", "2026-01-01T12:15:30Z", "2026-01-01T12:25:30Z"]


async def test_a_schedule_that_has_ended_never_fires(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(Schedule("over", "scheduler", "rate(1 minute)", "F", end=START - timedelta(days=1))):
        await clock.advance(hours=1)
    assert recorder.queued == []


async def test_a_flexible_window_fires_at_its_begin(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(Schedule("flexible", "scheduler", "cron(0 13 * * ? *)", "F", flexible_minutes=30)):
        await clock.advance(hours=1)
    assert recorder.slots() == ["2026-01-01T13:00:00Z"]


async def test_a_schedule_that_runs_once_ignores_start_and_end_dates(
    started: Start, clock: Clock, recorder: Recorder
) -> None:
    once = Schedule("once", "scheduler", "at(2026-01-01T13:00:00)", "F", end=START, start=START + timedelta(days=9))
    async with started(once):
        await clock.advance(hours=2)
    assert recorder.slots() == ["2026-01-01T13:00:00Z"]


async def test_after_a_night_asleep_the_latest_slot_fires_alone(
    started: Start, clock: Clock, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    async with started(CRON):
        await clock.advance(minutes=1)
        await clock.jump(hours=8)
        assert recorder.slots() == ["2026-01-01T20:00:00Z"]
        await clock.advance(minutes=15)
    assert recorder.slots() == ["2026-01-01T20:00:00Z", "2026-01-01T20:15:00Z"]
    assert "31 earlier slots" in capsys.readouterr().err


async def test_a_refused_delivery_is_repeated(started: Start, clock: Clock, recorder: Recorder) -> None:
    recorder.refusals = 3
    async with started(replace(HOURLY, input='"<aws.scheduler.attempt-number>"')):
        await clock.advance(minutes=59, seconds=30)
        assert recorder.queued == []
        await clock.advance(seconds=7)
    assert recorder.queued == [("F", b'"4"')]


@pytest.mark.parametrize("policy", [{"retries": 0}, {"max_age": 60}])
async def test_a_delivery_is_given_up_as_its_policy_says(
    started: Start, clock: Clock, recorder: Recorder, capsys: pytest.CaptureFixture[str], policy: dict[str, Any]
) -> None:
    recorder.refusals = 1000
    async with started(replace(HOURLY, **policy)):
        await clock.advance(hours=1, minutes=5)
    assert recorder.queued == []
    assert "was not delivered" in capsys.readouterr().err


async def test_list_tells_the_next_time_of_each(started: Start) -> None:
    async with started(RATE, CRON) as schedules:
        rate, cron = schedules.list()
    assert (rate.name, rate.expression, rate.function) == ("each-minute", "rate(1 minute)", "Relay")
    assert rate.next == START + timedelta(minutes=1)
    assert (cron.timezone, cron.next) == ("UTC", datetime(2026, 1, 1, 12, 15, tzinfo=UTC))


async def test_run_sends_exactly_what_the_firing_sends(started: Start, clock: Clock, recorder: Recorder) -> None:
    async with started(RATE, CRON) as schedules:
        await clock.advance(minutes=15)
        for schedule in (RATE, CRON):
            fired = [payload for name, payload in recorder.queued if name == schedule.function][-1]
            await schedules.run(schedule.name, datetime.fromisoformat(json.loads(fired)["time"]))
            assert recorder.invoked[-1] == (schedule.function, fired)
            await schedules.run(schedule.name)
            assert recorder.invoked[-1] == (schedule.function, fired)


async def test_run_without_a_due_slot_takes_the_current_minute(clock: Clock, recorder: Recorder) -> None:
    schedules = Schedules([Schedule("later", "scheduler", "at(2030-01-01T00:00:00)", "F")], recorder, now=clock)
    await schedules.run("later")
    assert json.loads(recorder.invoked[0][1])["time"] == "2026-01-01T12:00:00Z"


async def test_run_takes_a_naive_slot_for_utc_and_turns_others_into_it(clock: Clock, recorder: Recorder) -> None:
    schedules = Schedules([CRON], recorder, now=clock)
    await schedules.run("quarterly", datetime(2026, 5, 1, 8, 0))  # noqa: DTZ001
    await schedules.run("quarterly", datetime.fromisoformat("2026-05-01T10:00:00+02:00"))
    assert recorder.invoked[0] == recorder.invoked[1]
    assert json.loads(recorder.invoked[0][1])["time"] == "2026-05-01T08:00:00Z"


async def test_an_unknown_schedule_is_said_to_be_unknown(clock: Clock, recorder: Recorder) -> None:
    with pytest.raises(ScheduleNotFound, match="no schedule nope; the template has each-minute, quarterly"):
        await Schedules([RATE, CRON], recorder, now=clock).run("nope")


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (Schedule("bad", "rule", "rate(5 minute)", "F"), "schedule bad: rules want"),
        (Schedule("bad", "rule", "at(2030-01-01T00:00:00)", "F"), "schedule bad: rules take"),
        (Schedule("bad", "scheduler", "rate(1 day)", "F", timezone="Europe/Nowhere"), "no time zone Europe/Nowhere"),
        (Schedule("bad", "scheduler", "rate(1 day)", "F", timezone="../etc"), "schedule bad"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_a_template_error(schedule: Schedule, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        Schedules([schedule], Recorder())


async def test_the_next_ten_times_leave_out_the_hour_that_dst_skips(clock: Clock, recorder: Recorder) -> None:
    nightly = Schedule("nightly", "scheduler", "cron(30 2 * * ? *)", "F", timezone="Europe/Berlin")
    slots = Schedules([nightly], recorder, now=clock).upcoming("nightly", after=datetime(2027, 3, 26, tzinfo=UTC))
    assert len(slots) == 10
    assert [f"{slot:%d %H:%M}" for slot in slots[:3]] == ["26 01:30", "27 01:30", "29 00:30"]


async def test_the_next_times_hold_the_hour_that_dst_repeats_once(clock: Clock, recorder: Recorder) -> None:
    nightly = Schedule("nightly", "scheduler", "cron(30 2 * * ? *)", "F", timezone="Europe/Berlin", enabled=False)
    slots = Schedules([nightly], recorder, now=clock).upcoming("nightly", 3, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert [f"{slot:%d %H:%M}" for slot in slots] == ["25 00:30", "26 01:30", "27 01:30"]


async def test_the_next_times_of_a_moment_are_that_one(clock: Clock, recorder: Recorder) -> None:
    once = Schedule("once", "scheduler", "at(2026-02-01T00:00:00)", "F")
    assert Schedules([once], recorder, now=clock).upcoming("once") == (datetime(2026, 2, 1, tzinfo=UTC),)
