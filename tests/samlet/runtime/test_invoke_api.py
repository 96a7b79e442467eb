"""The Invoke API, asked by boto3 as a program of a user's would."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from functions_on_the_spot import MakeFunction, Running

from .asking import served

ECHO = """
    import sys
    def handler(event, context):
        print("heard", event)
        return sys.exit(42) if event == "exit" else event
"""


async def test_a_request_is_answered_with_the_functions_payload(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.invoke(FunctionName="test-echo", Payload=b'{"a":1}')
        assert answer["StatusCode"] == 200
        assert answer["ExecutedVersion"] == "$LATEST"
        assert json.loads(answer["Payload"].read()) == {"a": 1}
        assert "FunctionError" not in answer

    await asked(work, ECHO)


async def test_a_crash_is_a_200_with_a_function_error_and_the_log(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.invoke(FunctionName="Echo", Payload=b'"exit"', LogType="Tail")
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"
        assert b"heard exit" in base64.b64decode(answer["LogResult"])

    await asked(work, ECHO)


async def test_an_event_is_accepted_and_a_dry_run_runs_nothing(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        assert client.invoke(FunctionName="Echo", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
        assert client.invoke(FunctionName="Echo", InvocationType="DryRun", Payload=b"{}")["StatusCode"] == 204

    await asked(work, ECHO)


async def test_the_client_context_reaches_the_function(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        context = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
        answer = client.invoke(FunctionName="Echo", Payload=b"{}", ClientContext=context)
        assert json.loads(answer["Payload"].read()) == {"a": "b"}

    await asked(work, "def handler(event, context):\n    return context.client_context.custom\n")


async def test_an_unknown_function_is_a_resource_not_found(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.invoke(FunctionName="nobody", Payload=b"{}")

    await asked(work, ECHO)


async def test_a_throttle_is_too_many_requests_with_its_reason(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
            client.invoke(FunctionName="Echo", Payload=b"{}")
        assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"

    await asked(work, ECHO, reserved_concurrency=0)


async def test_payloads_over_the_limits_are_refused(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.RequestTooLargeException):
            client.invoke(FunctionName="Echo", Payload=json.dumps("x" * (6 * 1024 * 1024)))
        with pytest.raises(client.exceptions.RequestTooLargeException):
            client.invoke(FunctionName="Echo", InvocationType="Event", Payload=json.dumps("x" * (1024 * 1024)))

    await asked(work, ECHO)


async def test_what_is_no_json_is_refused(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.InvalidRequestContentException):
            client.invoke(FunctionName="Echo", Payload=b"{")

    await asked(work, ECHO)


async def test_a_function_can_be_described_without_its_secrets(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.get_function(FunctionName="Echo")
        assert answer["Configuration"]["FunctionArn"].endswith(":function:test-echo")
        assert "hidden" not in json.dumps(answer, default=str)
        assert client.get_function_configuration(FunctionName="Echo")["Handler"] == "app.handler"
        assert [found["FunctionName"] for found in client.list_functions()["Functions"]] == ["test-echo"]

    await asked(work, ECHO, environment={"PASSWORD": "hidden"})


async def test_an_arn_in_the_path_is_understood(make: MakeFunction, running: Running) -> None:
    async with running(make(ECHO)) as functions, served(functions) as address, ClientSession() as session:
        arn = functions.arn("Echo").replace(":", "%3A")
        async with session.post(f"{address}/2015-03-31/functions/{arn}/invocations", data=b"1") as answer:
            assert await answer.json() == 1
