"""`InvokeWithResponseStream`, asked with boto3 and an endpoint URL."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError

from functions_on_the_spot import MakeFunction, Running
from samlet.model import Function
from waiting import eventually_async

from .asking import ask, served

type Make = Callable[..., Function]


def events(client: Any, payload: object, **more: Any) -> list[Any]:
    asked = client.invoke_with_response_stream(FunctionName="Echo", Payload=json.dumps(payload), **more)
    with contextlib.closing(asked["EventStream"]) as found:
        return list(found)


def payload_of(found: list[Any]) -> bytes:
    return b"".join(each["PayloadChunk"]["Payload"] for each in found if "PayloadChunk" in each)


async def test_boto3_reads_a_part_before_the_next_one_is_made(
    streaming: Make, running: Running, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"

    def work(client: Any) -> Any:
        event = {"say": ["one", "two"], "gates": [None, str(gate)]}
        asked = client.invoke_with_response_stream(FunctionName="Echo", Payload=json.dumps(event))
        with contextlib.closing(asked["EventStream"]) as stream:
            found = iter(stream)
            first = next(found)
            gate.touch()
            return asked, [first, *found]

    async with running(streaming()) as functions:
        asked, found = await ask(functions, work)
    assert (asked["StatusCode"], asked["ExecutedVersion"]) == (200, "$LATEST")
    assert asked["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert found == [
        {"PayloadChunk": {"Payload": b"one"}},
        {"PayloadChunk": {"Payload": b"two"}},
        {"InvokeComplete": {}},
    ]
    assert asked["ResponseMetadata"]["RequestId"]


async def test_the_end_of_the_log_comes_with_the_last_event_if_it_is_asked_for(
    streaming: Make, running: Running
) -> None:
    async with running(streaming()) as functions:
        found = await ask(functions, lambda client: events(client, {"say": ["one"]}, LogType="Tail"))
    log = base64.b64decode(found[-1]["InvokeComplete"]["LogResult"]).decode()
    assert "\nREPORT RequestId: " in log


@pytest.mark.parametrize(
    ("event", "sent", "kind"),
    [
        ({"say": ["one"], "end": "trailers"}, b"one", "Late"),
        ({"say": ["one"], "end": "exit"}, b"one", "Runtime.ExitError"),
        ({"say": ["one"], "end": "hang"}, b"one", "Sandbox.Timedout"),
        ({"end": "error"}, b"", "Early"),
    ],
)
async def test_a_failure_is_told_by_the_last_event(
    streaming: Make, running: Running, event: Any, sent: bytes, kind: str
) -> None:
    async with running(streaming(timeout=1)) as functions:
        found = await ask(functions, lambda client: events(client, event))
        assert payload_of(found) == sent
        told = found[-1]["InvokeComplete"]
        assert (told["ErrorCode"], json.loads(told["ErrorDetails"])["errorType"]) == ("Unhandled", kind)
        assert payload_of(await ask(functions, lambda client: events(client, {"say": ["again"]}))) == b"again"


async def test_an_answer_of_many_megabytes_arrives_as_it_was_sent(streaming: Make, running: Running) -> None:
    size = 24 * 1024 * 1024
    async with running(streaming(timeout=60)) as functions:
        found = await ask(functions, lambda client: events(client, {"size": size}))
    assert payload_of(found) == b"x" * size


async def test_a_function_that_does_not_stream_answers_in_one_part(make: MakeFunction, running: Running) -> None:
    async with running(make("def handler(event, context):\n    return {'a': event}\n")) as functions:
        found = await ask(functions, lambda client: events(client, 1))
    assert found == [{"PayloadChunk": {"Payload": b'{"a": 1}'}}, {"InvokeComplete": {}}]


def refusing(asked: dict[str, Any], client: Any) -> None:
    client.invoke_with_response_stream(**asked)


async def test_what_is_refused_is_refused_before_the_stream(streaming: Make, running: Running) -> None:
    async with running(streaming(reserved_concurrency=0)) as functions:
        for more, code in (
            ({}, "TooManyRequestsException"),
            ({"FunctionName": "Other"}, "ResourceNotFoundException"),
            ({"InvocationType": "Event"}, "ValidationException"),
            ({"Payload": b"{"}, "InvalidRequestContentException"),
            ({"Payload": b'"' + b"x" * 6 * 1024 * 1024 + b'"'}, "RequestTooLargeException"),
        ):
            asked = {"FunctionName": "Echo", "Payload": b"{}"} | more
            with pytest.raises(ClientError) as refused:
                await ask(functions, partial(refusing, asked))
            assert refused.value.response["Error"]["Code"] == code


def dry_run(client: Any) -> Any:
    asked = client.invoke_with_response_stream(FunctionName="Echo", InvocationType="DryRun")
    asked["EventStream"].close()
    return asked["StatusCode"]


async def test_a_dry_run_runs_nothing(streaming: Make, running: Running) -> None:
    async with running(streaming(reserved_concurrency=0)) as functions:
        status = await ask(functions, dry_run)
    assert status == 204


async def test_a_client_that_goes_away_leaves_the_function_to_its_end(streaming: Make, running: Running) -> None:
    size = 32 * 1024 * 1024
    async with running(streaming(timeout=60)) as functions, served(functions) as address:
        url = f"{address}/2021-11-15/functions/Echo/response-streaming-invocations"
        async with aiohttp.ClientSession() as session:
            answer = await session.post(url, data=json.dumps({"size": size}))
            await answer.content.readexactly(1000)
            answer.close()
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["invocations"] == 1)
        again = await asyncio.wait_for(functions.invoke("Echo", json.dumps({"say": ["again"]}).encode()), 20)
        assert again.payload == b"again"
