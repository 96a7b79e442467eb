"""Events of schedules that could not be delivered: how long that is tried, and what their dead-letter queue is told."""

from dataclasses import replace
from typing import Any

import pytest

from samlet.errors import DeliveryFailed, FunctionNotFound
from samlet.model import Schedule
from samlet.runtime.destination_client import Attributes, DestinationClient
from samlet.sources.schedule_events import Place, payload
from samlet.sources.schedules import Schedules
from schedule_stage import HOURLY, RATE, START, Clock, Recorder, Start

QUEUE = "arn:aws:sqs:eu-central-1:000000000000:Dead"
SLOT = START.replace(minute=0, second=0, hour=13)


class Box(DestinationClient):
    """Keeps what is sent, or refuses it."""

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__()
        self.sent: list[tuple[str, str, dict[str, str]]] = []
        self._refuses = refuses

    async def send(
        self, arn: str, text: str, attributes: Attributes | None = None, *, subject: str | None = None
    ) -> None:
        if self._refuses:
            raise DeliveryFailed("the queue is gone")
        given = {name: value for name, (kind, value) in (attributes or {}).items() if kind == "String"}
        self.sent.append((arn, text, given))


class NoFunction(Recorder):
    """A function that is not there (any more)."""

    async def invoke_event(self, name: str, payload: bytes) -> str:
        self.refusals += 1
        raise FunctionNotFound(name)


def _with_queue(schedule: Schedule, **fields: Any) -> Schedule:
    return replace(schedule, target_arn="arn:target", dead_letters=QUEUE, **fields)


async def test_an_event_that_was_refused_too_often_goes_to_the_queue_with_schedulers_attributes(
    clock: Clock, started: Start, recorder: Recorder
) -> None:
    box, schedule = Box(), _with_queue(HOURLY, retries=2)
    recorder.refusals = 3
    async with started(schedule, destinations=box):
        await clock.advance(minutes=65)
    [(queue, text, told)] = box.sent
    assert (queue, text.encode()) == (QUEUE, payload(schedule, SLOT, Place(), attempt=3))
    assert told == {
        "ERROR_CODE": "TooManyRequestsException",
        "ERROR_MESSAGE": "Rate Exceeded.",
        "EXECUTION_ID": told["EXECUTION_ID"],
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "2",
        "SCHEDULED_TIME": "2026-01-01T13:00:00Z",
        "SCHEDULE_ARN": "arn:aws:scheduler:eu-central-1:000000000000:schedule/default/hourly",
        "TARGET_ARN": "arn:aws:scheduler:::aws-sdk:lambda:invoke",
    }
    assert told["EXECUTION_ID"] in text
    assert recorder.queued == []


async def test_a_rules_event_that_has_become_too_old_goes_to_the_queue_with_eventbridges_attributes(
    clock: Clock, started: Start, recorder: Recorder
) -> None:
    box, schedule = Box(), _with_queue(RATE, expression="cron(0 * * * ? *)", max_age=60)
    recorder.refusals = 1000
    async with started(schedule, destinations=box):
        await clock.advance(minutes=65)
    [(_, text, told)] = box.sent
    assert text.encode() == payload(schedule, SLOT, Place())
    assert told == {
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "Rate Exceeded.",
        "EXHAUSTED_RETRY_CONDITION": "MaximumEventAgeInSeconds",
        "RETRY_ATTEMPTS": "5",
        "RULE_ARN": "arn:aws:events:eu-central-1:000000000000:rule/each-minute",
        "TARGET_ARN": "arn:target",
    }


@pytest.mark.parametrize(("schedule", "code"), [(RATE, "NO_RESOURCE"), (HOURLY, "ResourceNotFoundException")])
async def test_a_function_that_is_gone_is_not_tried_again(clock: Clock, schedule: Schedule, code: str) -> None:
    box, nobody = Box(), NoFunction()
    source = Schedules(
        [_with_queue(schedule, expression="cron(0 * * * ? *)")], nobody, now=clock, sleep=clock.sleep, destinations=box
    )
    await source.start()
    await clock.advance(minutes=65)
    await source.stop()
    [(_, _, told)] = box.sent
    assert (nobody.refusals, told["ERROR_CODE"], told["RETRY_ATTEMPTS"]) == (1, code, "0")
    assert "EXHAUSTED_RETRY_CONDITION" not in told


async def test_a_queue_that_takes_nothing_is_named(
    clock: Clock, started: Start, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.refusals = 1
    async with started(_with_queue(HOURLY, retries=0), destinations=Box(refuses=True)):
        await clock.advance(minutes=65)
    said = capsys.readouterr().err
    assert f"the event of 2026-01-01 13:00 UTC was not delivered, nor to {QUEUE}: the queue is gone" in said


async def test_what_is_delivered_in_the_end_leaves_no_letter(clock: Clock, started: Start, recorder: Recorder) -> None:
    box = Box()
    recorder.refusals = 2
    async with started(_with_queue(HOURLY, retries=2), destinations=box):
        await clock.advance(minutes=65)
    assert (len(recorder.queued), box.sent) == (1, [])
