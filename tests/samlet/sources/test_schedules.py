import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from samlet.errors import ScheduleDisabled, ScheduleNotFound, TemplateError, Throttled
from samlet.model import Schedule
from samlet.runtime import Outcome
from samlet.sources.schedule_events import Place
from samlet.sources.schedule_memory import ScheduleMemory
from samlet.sources.schedules import Schedules

START = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
RATE = Schedule("each-minute", "rule", "rate(1 minute)", "Relay")
HOURLY = Schedule("hourly", "scheduler", "cron(0 * * * ? *)", "F")
CRON = Schedule("quarterly", "scheduler", "cron(0/15 * * * ? *)", "Digest")


class Clock:
    """A clock that moves only when told to, and wakes whoever sleeps on it."""

    def __init__(self) -> None:
        self.now = START
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + timedelta(seconds=seconds), woken))
        await woken

    async def advance(self, **duration: float) -> None:
        """Lets time pass, waking each sleeper at its moment."""
        goal = self.now + timedelta(**duration)
        await _settled()
        while due := sorted((item for item in self._sleepers if item[0] <= goal), key=lambda item: item[0]):
            self.now = max(self.now, due[0][0])
            self._sleepers.remove(due[0])
            if not due[0][1].done():
                due[0][1].set_result(None)
            await _settled()
        self.now = goal

    async def jump(self, **duration: float) -> None:
        """Lets time pass as a machine that slept sees it: at once."""
        self.now += timedelta(**duration)
        await self.advance(seconds=0)


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Recorder:
    """An invoker that notes what it is given, and refuses as often as `refusals` says."""

    def __init__(self, refusals: int = 0) -> None:
        self.queued: list[tuple[str, bytes]] = []
        self.invoked: list[tuple[str, bytes]] = []
        self.refusals = refusals

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        self.invoked.append((name, payload))
        return Outcome(request_id="1", payload=b"null")

    async def invoke_event(self, name: str, payload: bytes) -> str:
        if self.refusals:
            self.refusals -= 1
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        self.queued.append((name, payload))
        return "1"

    def slots(self) -> list[str]:
        return [json.loads(payload)["time"] for _, payload in self.queued]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


type Start = Callable[..., contextlib.AbstractAsyncContextManager[Schedules]]


@pytest.fixture
def started(clock: Clock, recorder: Recorder) -> Start:
    @contextlib.asynccontextmanager
    async def start(*schedules: Schedule, **options: Any) -> AsyncIterator[Schedules]:
        source = Schedules(schedules, recorder, now=clock, sleep=clock.sleep, **options)
        await source.start()
        try:
            yield source
        finally:
            await source.stop()

    return start


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


PLACE = Place("us-east-1", "123456789012")


async def _event(schedule: Schedule) -> bytes:
    recorder = Recorder()
    await Schedules([schedule], recorder, place=PLACE).run(schedule.name, datetime(2026, 1, 1, 12, 15, tzinfo=UTC))
    return recorder.invoked[0][1]


async def test_the_event_of_a_rule_is_aws_s() -> None:
    event = json.loads(await _event(RATE))
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-01-01T12:15:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/each-minute"],
        "detail": {},
    }


async def test_a_schedules_group_is_in_its_arn() -> None:
    event = json.loads(await _event(replace(CRON, group="nights")))
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:123456789012:schedule/nights/quarterly"]


async def test_the_event_of_scheduler_is_aws_s() -> None:
    event = json.loads(await _event(CRON))
    assert (event["source"], event["detail"]) == ("aws.scheduler", "{}")
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/quarterly"]


async def test_schedulers_input_has_its_words_replaced() -> None:
    words = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number", "unknown")
    text = json.dumps([f"<aws.scheduler.{word}>" for word in words])
    arn, time, execution, attempt, unknown = json.loads(
        await _event(Schedule("s", "scheduler", "rate(1 day)", "F", input=text))
    )
    assert arn == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s"
    assert (time, attempt, unknown) == ("2026-01-01T12:15:00Z", "1", "<aws.scheduler.unknown>")
    assert len(execution) == 36


async def test_a_rules_input_stays_as_it_is() -> None:
    text = '{"a": "<aws.scheduler.scheduled-time>"}'
    assert await _event(Schedule("r", "rule", "rate(1 day)", "F", input=text)) == text.encode()


async def test_the_same_slot_gives_the_same_bytes_and_another_one_others() -> None:
    assert await _event(RATE) == await _event(RATE)
    recorder = Recorder()
    schedules = Schedules([RATE], recorder)
    for minute in (1, 2):
        await schedules.run("each-minute", datetime(2026, 1, 1, 0, minute, tzinfo=UTC))
    first, second = (json.loads(payload)["id"] for _, payload in recorder.invoked)
    assert first != second


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
