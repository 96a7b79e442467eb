"""Asynchronous events that boto3 sends, on a clock that never waits; the functions are real processes."""

import asyncio
import json
from pathlib import Path
from typing import Any

from functions_on_the_spot import MakeFunction, Running
from samlet.model import AsyncInvocation, Destinations
from waiting import eventually_async

from .asking import ask
from .clocks import SkippingClock

FAILING = """
    def handler(event, context):
        raise ValueError(event["why"])
"""
# What it hears is in the file that the event's own reader looks for.
WRITING = """
    import json, pathlib
    def handler(event, context):
        folder = pathlib.Path(__file__).parent
        (folder / "part").write_text(json.dumps([event, context.client_context and context.client_context.custom]))
        (folder / "part").rename(folder / "heard.json")
        return "written"
"""
WAITING = """
    import pathlib, time
    def handler(event, context):
        folder = pathlib.Path(__file__).parent
        (folder / "begun").touch()
        while not (folder / "free").exists():
            time.sleep(0.01)
"""
ARN = "arn:aws:lambda:eu-central-1:000000000000:function"


async def heard(folder: Path) -> Any:
    await eventually_async((folder / "heard.json").exists)
    return json.loads((folder / "heard.json").read_text())


def send(name: str, payload: bytes = b'{"why": "no"}', **more: Any) -> Any:
    def work(client: Any) -> str:
        answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=payload, **more)
        assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
        return str(answer["ResponseMetadata"]["RequestId"])

    return work


async def test_an_event_is_a_202_without_a_body_and_runs(make: MakeFunction, running: Running) -> None:
    writing = make(WRITING)
    async with running(writing) as functions:
        await ask(functions, send("test-echo"))
        assert (await heard(writing.code))[0] == {"why": "no"}


async def test_the_client_context_of_an_event_is_not_passed_on(make: MakeFunction, running: Running) -> None:
    writing = make(WRITING)
    async with running(writing) as functions:
        await ask(functions, send("test-echo", ClientContext="eyJjdXN0b20iOiB7ImEiOiAxfX0="))
        assert (await heard(writing.code))[1] is None


async def test_invoke_async_of_old_sdks_is_an_event(make: MakeFunction, running: Running) -> None:
    writing = make(WRITING)
    async with running(writing) as functions:
        answer = await ask(functions, lambda client: client.invoke_async(FunctionName="Echo", InvokeArgs=b'{"a": 1}'))
        assert answer["Status"] == 202
        assert (await heard(writing.code))[0] == {"a": 1}


async def test_a_failing_event_is_retried_and_its_record_reaches_the_on_failure_function(
    make: MakeFunction, running: Running
) -> None:
    settings = AsyncInvocation(destinations=Destinations(on_failure=f"{ARN}:test-undertaker"))
    failing = make(FAILING, asynchronous=settings, aliases={"live": "1"}, versions=("1",))
    undertaker, clock = make(WRITING, "Undertaker"), SkippingClock()
    async with running(failing, undertaker, clock=clock) as functions:
        request_id = await ask(functions, send("test-echo:live"))
        record, _ = await heard(undertaker.code)
    assert clock.pauses == [60, 120]
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"{ARN}:test-echo:live",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorMessage"] == "no"
    assert record["requestPayload"] == {"why": "no"}


async def test_the_attempts_of_the_event_invoke_config_count(make: MakeFunction, running: Running) -> None:
    settings = AsyncInvocation(max_retries=0, destinations=Destinations(on_failure=f"{ARN}:test-undertaker"))
    undertaker, clock = make(WRITING, "Undertaker"), SkippingClock()
    async with running(make(FAILING, asynchronous=settings), undertaker, clock=clock) as functions:
        await ask(functions, send("test-echo"))
        record, _ = await heard(undertaker.code)
    assert clock.pauses == []
    assert record["requestContext"]["approximateInvokeCount"] == 1


async def test_the_maximum_age_of_the_event_invoke_config_counts(make: MakeFunction, running: Running) -> None:
    settings = AsyncInvocation(max_age=100, destinations=Destinations(on_failure=f"{ARN}:test-undertaker"))
    undertaker, clock = make(WRITING, "Undertaker"), SkippingClock()
    async with running(make(FAILING, asynchronous=settings), undertaker, clock=clock) as functions:
        await ask(functions, send("test-echo"))
        record, _ = await heard(undertaker.code)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 2


async def test_a_success_reaches_the_on_success_function(make: MakeFunction, running: Running) -> None:
    settings = AsyncInvocation(destinations=Destinations(on_success=f"{ARN}:test-happy"))
    happy = make(WRITING, "Happy")
    async with running(make(WRITING, asynchronous=settings), happy) as functions:
        await ask(functions, send("test-echo"))
        record, _ = await heard(happy.code)
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == "written"
    assert record["requestContext"]["functionArn"] == f"{ARN}:test-echo:$LATEST"


async def test_a_reserved_concurrency_of_zero_gives_an_event_up_at_once(make: MakeFunction, running: Running) -> None:
    settings = AsyncInvocation(destinations=Destinations(on_failure=f"{ARN}:test-undertaker"))
    undertaker, clock = make(WRITING, "Undertaker"), SkippingClock()
    closed = make(FAILING, asynchronous=settings, reserved_concurrency=0)
    async with running(closed, undertaker, clock=clock) as functions:
        await ask(functions, send("test-echo"))
        record, _ = await heard(undertaker.code)
    assert clock.pauses == []
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


async def test_an_event_that_finds_the_function_busy_backs_off_until_it_is_too_old(
    make: MakeFunction, running: Running
) -> None:
    settings = AsyncInvocation(max_retries=0, destinations=Destinations(on_failure=f"{ARN}:test-undertaker"))
    waiting = make(WAITING, asynchronous=settings, reserved_concurrency=1, timeout=60)
    undertaker, clock = make(WRITING, "Undertaker"), SkippingClock()
    async with running(waiting, undertaker, clock=clock) as functions:
        busy = asyncio.ensure_future(functions.invoke("Echo", b"{}"))
        await eventually_async((waiting.code / "begun").exists)
        await ask(functions, send("test-echo"))
        record, _ = await heard(undertaker.code)
        (waiting.code / "free").touch()
        assert (await busy).ok
    assert clock.pauses[:11] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert sum(clock.pauses[:-1]) <= 21_600 < sum(clock.pauses)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
