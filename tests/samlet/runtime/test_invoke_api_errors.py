"""What the Invoke API refuses, as boto3 tells it."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession
from botocore.exceptions import ClientError

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime import Functions

from .asking import served

ECHO = "def handler(event, context):\n    return event\n"


def in_context(size: int) -> str:
    """An object in base64, which is so many bytes long."""
    return base64.b64encode(b'{"custom": {"a": "' + b"x" * (size // 4 * 3 - 21) + b'"}}').decode()


async def test_a_client_context_of_3_5_kb_is_passed_on(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.invoke(FunctionName="Echo", Payload=b"{}", ClientContext=in_context(3580))
        assert set(json.loads(answer["Payload"].read())["a"]) == {"x"}

    await asked(work, "def handler(event, context):\n    return context.client_context.custom\n")


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"InvocationType": "Later"}, "ValidationException", "invocationType"),
        ({"LogType": "Head"}, "ValidationException", "logType"),
        ({"FunctionName": "no name"}, "ValidationException", "functionName"),
        ({"ClientContext": "{}"}, "InvalidRequestContentException", "Client context"),
        ({"ClientContext": base64.b64encode(b"{").decode()}, "InvalidRequestContentException", "Client context"),
        ({"ClientContext": base64.b64encode(b"[]").decode()}, "InvalidRequestContentException", "Client context"),
        (
            {"ClientContext": in_context(3584)},
            "InvalidRequestContentException",
            "at most 3583 bytes in base64, not 3584",
        ),
        ({"Payload": b"{"}, "InvalidRequestContentException", "Could not parse request body into json"),
        ({"Payload": b'{"a": NaN}'}, "InvalidRequestContentException", "into json: NaN is no JSON"),
        ({"Payload": b"-Infinity"}, "InvalidRequestContentException", "into json: -Infinity is no JSON"),
        ({"Payload": b"[" * 100_000}, "InvalidRequestContentException", "Could not parse request body into json"),
        ({"Payload": b"{", "InvocationType": "Event"}, "InvalidRequestContentException", "Could not parse"),
        ({"Payload": b"{", "InvocationType": "DryRun"}, "InvalidRequestContentException", "Could not parse"),
    ],
)
async def test_a_malformed_request_is_a_400_of_the_right_kind(
    asked: Callable[..., Any], given: dict[str, Any], code: str, text: str
) -> None:
    def work(client: Any) -> None:
        with pytest.raises(ClientError) as refused:
            client.invoke(**{"FunctionName": "Echo", **given})
        response = refused.value.response
        assert response["Error"]["Code"] == code
        assert text in response["Error"]["Message"]
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert response["ResponseMetadata"]["RequestId"]

    await asked(work, ECHO)


async def test_what_goes_wrong_inside_is_a_500_in_lambdas_words(
    asked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a slip of ours")

    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.ServiceException) as refused:
            client.invoke(FunctionName="Echo")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500

    monkeypatch.setattr(Functions, "invoke", broken)
    await asked(work, ECHO)
    assert "ZeroDivisionError: a slip of ours" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
async def test_an_unknown_function_is_a_404_whatever_the_type(asked: Callable[..., Any], kind: str) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda"):
            client.invoke(FunctionName="nobody", InvocationType=kind)

    await asked(work, ECHO)


async def test_a_payload_just_within_the_limits_is_taken(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        event = json.dumps("x" * (1024 * 1024 - 2)).encode()
        assert client.invoke(FunctionName="Echo", InvocationType="Event", Payload=event)["StatusCode"] == 202
        whole = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
        answer = client.invoke(FunctionName="Echo", Payload=whole)
        assert (answer["StatusCode"], answer["Payload"].read()) == (200, b"6291454")

    await asked(work, "def handler(event, context):\n    return len(event)\n")


async def test_no_payload_is_an_empty_event(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        assert json.loads(client.invoke(FunctionName="Echo")["Payload"].read()) == {}

    await asked(work, ECHO)


async def test_a_raised_error_is_a_200_with_type_message_and_stack_trace(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.invoke(FunctionName="Echo")
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        body = json.loads(answer["Payload"].read())
        assert (body["errorType"], body["errorMessage"]) == ("KeyError", "'a'")
        assert "app.py" in body["stackTrace"][0]

    await asked(work, "def handler(event, context):\n    return event['a']\n")


async def test_a_timeout_is_a_200_that_says_after_how_long(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.invoke(FunctionName="Echo", LogType="Tail")
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        body = json.loads(answer["Payload"].read())
        assert body["errorType"] == "Sandbox.Timedout"
        assert body["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
        assert b"Task timed out after 1.00 seconds" in base64.b64decode(answer["LogResult"])

    await asked(work, "import time\ndef handler(event, context):\n    time.sleep(60)\n", timeout=1)


async def test_the_log_result_is_the_last_4_kb_and_only_on_demand(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        assert "LogResult" not in client.invoke(FunctionName="Echo")
        assert "LogResult" not in client.invoke(FunctionName="Echo", LogType="None")
        answer = client.invoke(FunctionName="Echo", LogType="Tail")
        tail = base64.b64decode(answer["LogResult"])
        assert len(tail) == 4096
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert f"END RequestId: {request_id}\n".encode() in tail
        assert f"REPORT RequestId: {request_id}\tDuration: ".encode() in tail
        assert b"START" not in tail

    await asked(work, "def handler(event, context):\n    print('x' * 5000)\n")


async def test_the_log_lines_are_the_ones_that_developers_know(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        for first in (True, False):
            answer = client.invoke(FunctionName="Echo", LogType="Tail")
            request_id = answer["ResponseMetadata"]["RequestId"]
            start, printed, end, report = base64.b64decode(answer["LogResult"]).decode().splitlines()
            assert start == f"START RequestId: {request_id} Version: $LATEST"
            assert printed == "hello"
            assert end == f"END RequestId: {request_id}"
            figures = (
                rf"REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms"
                r"\tMemory Size: 256 MB\tMax Memory Used: \d+ MB"
            )
            cold = r"\tInit Duration: \d+\.\d\d ms"
            assert re.fullmatch(figures + (cold if first else ""), report), report

    await asked(work, "def handler(event, context):\n    print('hello')\n")


async def test_an_operation_that_is_not_served_is_named(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        with pytest.raises(ClientError, match=r"UnknownOperationException.*DELETE /2015-03-31/functions/Echo"):
            client.delete_function(FunctionName="Echo")
        with pytest.raises(ClientError, match="is not served here"):
            client.list_layers()

    await asked(work, ECHO)


async def test_the_error_type_is_a_header_and_the_body_has_type_and_message(
    make: MakeFunction, running: Running
) -> None:
    async with running(make(ECHO)) as functions, served(functions) as address, ClientSession() as session:
        answer = await session.post(f"{address}/2015-03-31/functions/nobody/invocations", data=b"{}")
        assert answer.status == 404
        assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
        assert answer.headers["x-amzn-RequestId"]
        body = await answer.json()
        assert (body["Type"], "function:nobody" in body["Message"]) == ("User", True)


async def test_a_throttle_of_the_reserved_concurrency_has_the_body_of_aws_and_nothing_else(
    make: MakeFunction, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = make(ECHO, reserved_concurrency=0)
    async with running(closed) as functions, served(functions) as address, ClientSession() as session:
        answer = await session.post(f"{address}/2015-03-31/functions/Echo/invocations", data=b"{}")
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert await answer.json() == {
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        }
    assert "throttled: the reserved concurrency of 0 is used up" in capsys.readouterr().err


async def test_a_limit_that_aws_does_not_have_is_explained(make: MakeFunction, running: Running) -> None:
    none = running(make(ECHO), max_sandboxes=0, queue_seconds=0.01)
    async with none as functions, served(functions) as address, ClientSession() as session:
        answer = await session.post(f"{address}/2015-03-31/functions/Echo/invocations", data=b"{}")
        told = await answer.json()
    assert (answer.status, told["Reason"], told["Type"]) == (429, "ConcurrentInvocationLimitExceeded", "User")
    assert told["message"] == "Rate Exceeded: all 0 sandboxes (SAMLET_MAX_SANDBOXES) were busy for 0.01 s"


async def test_an_answer_over_the_limit_is_a_function_error(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        answer = client.invoke(FunctionName="Echo", Payload=str(6 * 1024 * 1024 - 2).encode())
        assert "FunctionError" not in answer
        assert len(answer["Payload"].read()) == 6 * 1024 * 1024
        answer = client.invoke(FunctionName="Echo", Payload=str(6 * 1024 * 1024 + 200).encode())
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"
        assert client.invoke(FunctionName="Echo", Payload=b"1")["Payload"].read() == b'"x"'

    await asked(work, "def handler(event, context):\n    return 'x' * event\n")


async def test_the_trace_header_reaches_the_function(make: MakeFunction, running: Running) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    async with running(make(source)) as functions, served(functions) as address, ClientSession() as session:
        url = f"{address}/2015-03-31/functions/Echo/invocations"
        answer = await session.post(url, data=b"{}", headers={"X-Amzn-Trace-Id": trace})
        assert await answer.json() == trace
