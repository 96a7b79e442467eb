"""Loops in the background: an error that nobody foresaw is said, shown, and not the end of the part."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from kafka_stage import FakeFunctions, mapping, record
from samlet.aws_calls import AwsCalls
from samlet.background import BackgroundLoop, say_failure
from samlet.memory_kafka import MemoryCluster
from samlet.model import Function, Push, PushMapping, QueueMapping, Schedule
from samlet.runtime import Outcome
from samlet.runtime.asynchronous import AsynchronousInvocations
from samlet.runtime.asynchronous import Clock as EventClock
from samlet.runtime.targets import Target
from samlet.sources.kafka import KafkaSource
from samlet.sources.pushes import PushSource
from samlet.sources.queues import QueueSource
from samlet.sources.schedule_memory import ScheduleMemory
from samlet.sources.schedules import Schedules
from schedule_stage import CRON, Clock, Recorder
from waiting import eventually_async

type Said = pytest.CaptureFixture[str]


class Naps:
    """Sleeps that take no time; the clock goes on by what was slept, and by `works` in each round."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def rounds(naps: Naps, *lengths: float) -> Callable[[], Any]:
    """A loop that fails after so many seconds, in the round behind the last it ends."""
    left = list(lengths)

    async def loop() -> None:
        if left:
            naps.now += left.pop(0)
            raise KeyError("Messages")

    return loop


async def test_a_loop_that_fails_begins_again_after_longer_and_longer_pauses(capsys: Said) -> None:
    naps = Naps()
    await BackgroundLoop("Queue", "polling", sleep=naps.sleep, clock=naps.clock).run(rounds(naps, *[0.0] * 8))
    assert naps.slept == [1, 2, 4, 8, 16, 32, 60, 60]
    told = capsys.readouterr().err
    assert "polling begins again in 1 s: an error that nobody foresaw, KeyError: 'Messages' (test_background.py" in told
    assert len(told.splitlines()) == 8


async def test_after_a_minute_of_work_a_failure_is_treated_as_the_first() -> None:
    naps = Naps()
    await BackgroundLoop("Queue", "polling", sleep=naps.sleep, clock=naps.clock).run(rounds(naps, 0.0, 0.0, 61.0, 59.0))
    assert naps.slept == [1, 2, 1, 2]


async def test_trouble_is_shown_as_long_as_the_loop_stands_still() -> None:
    shown: list[Mapping[str, str]] = []

    async def sleep(_: float) -> None:
        shown.append(endless.status())

    endless = BackgroundLoop("Queue", "polling", sleep=sleep)
    assert endless.status() == {}
    await endless.run(rounds(Naps(), 0.0))
    assert "KeyError: 'Messages'" in shown[0]["trouble"]
    assert endless.status() == {}


async def test_a_loop_that_is_called_off_ends_and_says_nothing(capsys: Said) -> None:
    task = asyncio.create_task(BackgroundLoop("Queue", "polling").run(lambda: asyncio.sleep(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not capsys.readouterr().err


async def test_a_task_that_fails_says_so_and_one_that_is_called_off_or_done_does_not(
    capsys: Said, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(error: Exception | None) -> None:
        await asyncio.sleep(0)
        if error:
            raise error

    failing, done, called_off = [asyncio.create_task(work(error)) for error in (ValueError("no"), None, None)]
    for task in (failing, done, called_off):
        task.add_done_callback(say_failure("F", "its delivery"))
    called_off.cancel()
    await asyncio.wait([failing, done, called_off])
    await asyncio.sleep(0)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "its delivery failed: an error that nobody foresaw, ValueError: no" in told[0]
    assert not caplog.records  # asyncio's, of what goes wrong in a callback


class Calls:
    """Stands for an AWS whose first answers are nonsense."""

    url = "http://127.0.0.1:1"

    def __init__(self, nonsense: int) -> None:
        self.nonsense = nonsense
        self.asked = 0

    def json(self, *_: object) -> dict[str, Any]:
        self.asked += 1
        if self.asked <= self.nonsense:
            raise KeyError("nonsense")
        return {}


async def test_a_queue_is_polled_again_after_an_error_with_as_many_batches_at_once_as_before(capsys: Said) -> None:
    calls = Calls(nonsense=1)
    only_one = QueueMapping("Queue", "F", "arn:aws:sqs:eu-west-1:0:queue", max_concurrency=1)
    source = QueueSource(only_one, FakeFunctions(), cast("AwsCalls", calls), "0")
    await source.start()
    await eventually_async(lambda: "KeyError" in str(source.status().get("trouble")))
    await eventually_async(lambda: calls.asked > 1)
    assert "trouble" not in source.status()
    await source.stop()
    assert "polling the queue begins again" in capsys.readouterr().err


async def test_what_topics_and_buckets_tell_is_polled_again_after_an_error() -> None:
    calls = Calls(nonsense=1)
    push = PushMapping("Push", "F", "F", Push("sns", "F", queue="arn:aws:sqs:eu-west-1:0:queue"))
    source = PushSource(push, FakeFunctions(), cast("AwsCalls", calls), "0")
    await source.start()
    await eventually_async(lambda: "KeyError" in str(source.status().get("trouble")))
    await eventually_async(lambda: calls.asked > 1)
    assert "trouble" not in source.status()
    await source.stop()


async def test_the_look_after_a_broker_goes_on_after_an_error() -> None:
    class Broken(MemoryCluster):
        looks = 0

        def reachable(self) -> bool:
            self.looks += 1
            if self.looks == 1:
                raise KeyError("nonsense")
            return True

    cluster = Broken({"events": 1})
    source = KafkaSource(mapping(), FakeFunctions(), "memory", cluster=cluster)
    await source.start()
    await eventually_async(lambda: "KeyError" in str(source.status().get("trouble")))
    await eventually_async(lambda: cluster.looks > 1)
    await source.stop()


async def test_a_schedule_fires_at_its_next_slots_although_writing_down_one_failed(capsys: Said) -> None:
    class Memory(ScheduleMemory):
        wrote = 0

        def handled(self, schedule: Schedule, until: datetime) -> None:
            self.wrote += 1
            if self.wrote == 2:  # the first is that of the start
                raise ZeroDivisionError("nonsense")
            super().handled(schedule, until)

    clock, functions = Clock(), Recorder()
    schedules = Schedules([CRON], functions, now=clock, sleep=clock.sleep, memory=Memory())
    await schedules.start()
    await clock.advance(minutes=45)
    await schedules.stop()
    assert functions.slots() == ["2026-01-01T12:30:00Z", "2026-01-01T12:45:00Z"]
    assert "its clock begins again in 1 s: an error that nobody foresaw, ZeroDivisionError" in capsys.readouterr().err


async def test_a_delivery_of_a_schedule_that_fails_is_said(capsys: Said) -> None:
    class Broken(Recorder):
        async def invoke_event(self, name: str, payload: bytes) -> str:
            raise ZeroDivisionError(name)

    clock = Clock()
    schedules = Schedules([CRON], Broken(), now=clock, sleep=clock.sleep)
    await schedules.start()
    await clock.advance(minutes=15)
    await schedules.stop()
    assert "quarterly" in (told := capsys.readouterr().err)
    assert "a delivery failed: an error that nobody foresaw, ZeroDivisionError: Digest" in told


async def test_a_poller_goes_on_with_its_other_partitions_after_an_error(capsys: Said) -> None:
    asked = 0

    def clock() -> float:
        nonlocal asked
        asked += 1
        if asked == 2:  # the first is at the start
            raise ZeroDivisionError("nonsense")
        return 0.0

    cluster, functions = MemoryCluster({"events": 2}), FakeFunctions()
    source = KafkaSource(mapping(max_age=60), functions, "memory", cluster=cluster, clock=clock)
    await source.start()
    cluster.append("events", record("lost", 0))
    await eventually_async(lambda: asked == 2)
    cluster.append("events", record("other", 1))
    await eventually_async(lambda: functions.values == ["other"])
    await source.stop()
    assert "poller 1 begins again in 1 s: an error that nobody foresaw, ZeroDivisionError" in capsys.readouterr().err


async def test_a_delivery_of_an_asynchronous_event_that_fails_is_said(capsys: Said) -> None:
    async def invoke(*_: object) -> Outcome:
        raise ZeroDivisionError("nonsense")

    target = Target(Function("Echo", "echo", "python3.13", "app.handler", Path()))
    events = AsynchronousInvocations(invoke, lambda *_: "arn", lambda _: target, EventClock())
    request_id, told = events.accept(target, b"{}"), ""

    def said() -> bool:
        nonlocal told
        told += capsys.readouterr().err
        return "ZeroDivisionError: nonsense" in told

    await eventually_async(said)
    assert f"the delivery of event {request_id} failed: an error that nobody foresaw" in told
    await events.stop()
