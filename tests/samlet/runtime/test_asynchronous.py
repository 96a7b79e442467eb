"""Retries of asynchronous events, on a clock that never waits."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.errors import EnvironmentFailed, Throttled
from samlet.model import AsyncInvocation, Destinations, Function
from samlet.runtime import Outcome
from samlet.runtime.asynchronous import LONGEST_CHAIN, AsynchronousInvocations
from samlet.runtime.targets import Target
from waiting import eventually_async

from .clocks import SkippingClock

FAILED = Outcome("id", b'{"errorMessage":"no"}', "Unhandled")
FINE = Outcome("id", b'"fine"')


class Attempts:
    """Plays back answers; the last one for ever."""

    def __init__(self, *answers: Outcome | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, bytes]] = []

    async def __call__(self, request_id: str, name: str, payload: bytes) -> Outcome:
        self.seen.append((request_id, name, payload))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def function(**settings: object) -> Function:
    return Function("Echo", "echo", "python3.13", "app.handler", Path(), asynchronous=AsyncInvocation(**settings))  # type: ignore[arg-type]


def known(arn: str) -> Target:
    """The function of an ARN; one that is named `echo` is its own destination."""
    if arn.endswith(":echo"):
        return Target(function(destinations=Destinations(on_success=arn)))
    return Target(Function("Other", arn.rpartition(":")[2], "python3.13", "app.handler", Path()))


async def deliver(attempts: Attempts, until: Callable[[], bool], **settings: object) -> SkippingClock:
    clock = SkippingClock()
    queue = AsynchronousInvocations(attempts, lambda f, q: f"arn:aws:lambda:x:0:function:{f.name}:{q}", known, clock)
    queue.accept(Target(function(**settings)), b'{"a":1}')
    await eventually_async(until)
    await queue.stop()
    return clock


async def test_a_failed_event_is_tried_again_after_one_and_two_minutes(capfd: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(FAILED)
    clock = await deliver(attempts, lambda: "given up after 3" in capfd.readouterr().err)
    assert clock.pauses == [60, 120]
    assert len(attempts.seen) == 3
    assert len({request_id for request_id, _, _ in attempts.seen}) == 1


async def test_a_success_ends_the_retries() -> None:
    attempts = Attempts(FAILED, FINE)
    clock = await deliver(attempts, lambda: len(attempts.seen) == 2)
    assert clock.pauses == [60]


async def test_the_configured_number_of_retries_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(FAILED)
    clock = await deliver(attempts, lambda: "no on-failure destination" in capfd.readouterr().err, max_retries=0)
    assert clock.pauses == []


@pytest.mark.parametrize(
    "trouble", [Throttled("x", "busy"), EnvironmentFailed("no interpreter"), OSError("no process")]
)
async def test_throttles_and_5xx_back_off_from_one_second_to_five_minutes_and_use_up_no_retry(
    trouble: Exception,
) -> None:
    attempts = Attempts(*[trouble] * 11, FINE)
    clock = await deliver(attempts, lambda: len(attempts.seen) == 12, max_retries=0)
    assert clock.pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_an_event_over_its_age_is_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(Throttled("x", "busy"))
    clock = await deliver(attempts, lambda: "EventAgeExceeded" in capfd.readouterr().err, max_age=60)
    assert sum(clock.pauses) > 60 > sum(clock.pauses[:-1])


async def test_a_final_failure_goes_to_the_on_failure_function() -> None:
    target = "arn:aws:lambda:x:0:function:undertaker"
    attempts = Attempts(FAILED, FINE)
    destinations = Destinations(on_failure=target)
    await deliver(attempts, lambda: len(attempts.seen) == 2, max_retries=0, destinations=destinations)
    _, name, payload = attempts.seen[1]
    record = json.loads(payload)
    assert name == "undertaker"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestPayload"] == {"a": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}


async def test_a_destination_that_is_busy_gets_the_record_later() -> None:
    target = "arn:aws:lambda:x:0:function:undertaker"
    attempts = Attempts(FAILED, Throttled("undertaker", "busy"), FINE)
    destinations = Destinations(on_failure=target)
    clock = await deliver(attempts, lambda: len(attempts.seen) == 3, max_retries=0, destinations=destinations)
    assert clock.pauses == [1]
    assert attempts.seen[1][1:] == attempts.seen[2][1:]


async def test_a_function_that_is_its_own_destination_is_stopped(capfd: pytest.CaptureFixture[str]) -> None:
    attempts = Attempts(FINE)
    destinations = Destinations(on_success="arn:aws:lambda:x:0:function:echo")
    await deliver(attempts, lambda: "a loop ends here" in capfd.readouterr().err, destinations=destinations)
    assert len(attempts.seen) == LONGEST_CHAIN + 1


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("arn:aws:sqs:x:0:queue", "nothing local stands in for it"),
        ("arn:aws:events:eu-central-1:000000000000:event-bus/b", "is not served here"),
    ],
)
async def test_a_destination_that_cannot_be_served_is_named(
    capfd: pytest.CaptureFixture[str], target: str, reason: str
) -> None:
    said: list[str] = []

    def told() -> bool:
        said.append(capfd.readouterr().err)
        return any(target in line and reason in line for line in "".join(said).splitlines())

    await deliver(Attempts(FAILED), told, max_retries=0, destinations=Destinations(on_failure=target))


async def test_events_that_are_dropped_at_the_end_are_counted(capfd: pytest.CaptureFixture[str]) -> None:
    class Standing(SkippingClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    queue = AsynchronousInvocations(Attempts(FAILED), lambda f, _: f.name, known, Standing())
    queue.accept(Target(function()), b"{}")
    await asyncio.sleep(0)
    await queue.stop()
    assert "1 asynchronous event(s) not finished" in capfd.readouterr().err


async def test_a_real_function_is_retried_and_then_succeeds(make: MakeFunction, running: Running) -> None:
    source = """
        import pathlib, tempfile
        count = pathlib.Path(tempfile.gettempdir(), "count")
        def handler(event, context):
            count.write_text(context.aws_request_id + "\\n" + (count.read_text() if count.exists() else ""))
            lines = count.read_text().split()
            if len(lines) < 3:
                raise ValueError("not yet")
            assert len(set(lines)) == 1
    """
    async with running(make(source), clock=SkippingClock()) as functions:
        await functions.invoke_event("Echo", b"{}")
        await eventually_async(lambda: [s["invocations"] for s in functions.status()["Echo"]["sandboxes"]] == [3])
