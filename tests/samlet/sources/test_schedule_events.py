"""The events of schedules are those of EventBridge and its Scheduler."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from samlet.model import Schedule
from samlet.sources.schedule_events import Place
from samlet.sources.schedules import Schedules
from schedule_stage import CRON, RATE, Recorder

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
