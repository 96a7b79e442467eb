"""Stages, payload format 1.0, function URLs and access logs through the gateway, over real sockets."""

import asyncio
import base64
import json
import uuid
from typing import Any

import pytest

from gateway_client import FakeFunctions, serving
from samlet.errors import MalformedResponse, Throttled
from samlet.model import Cors, HttpApi, JwtAuthorizer, Route, Throttle
from samlet.runtime.outcome import Outcome
from samlet.sources.response_v1 import read_response_v1

FIRST = (Route("ANY", "/echo/{proxy+}", "Echo", payload_format="1.0"),)
URL = (Route("ANY", "$default", "Echo", 900_000),)


async def raises(error: Exception) -> Any:
    raise error


def answering(answer: Any) -> FakeFunctions:
    return FakeFunctions(lambda _: asyncio.sleep(0, answer))


async def test_format_1_0_has_single_and_multiple_values_and_nulls_for_what_is_absent() -> None:
    async with serving(FakeFunctions(), routes=FIRST) as client:
        await client("GET", "/echo/a%20b?x=1&x=2&y=", "X-Two: 1", "x-two: 2", "Cookie: c=1; d=2", "Connection: close")
        await client("POST", "/echo/x", "Content-Type: application/json", body=b'{"a":1}')
    first, second = client.functions.events
    assert (first["version"], first["resource"], first["path"]) == ("1.0", "/echo/{proxy+}", "/echo/a b")
    assert (first["httpMethod"], first["pathParameters"]) == ("GET", {"proxy": "a b"})
    assert (first["headers"]["X-Two"], first["multiValueHeaders"]["X-Two"]) == ("2", ["1", "2"])
    assert first["headers"]["Cookie"] == "c=1; d=2"
    assert "Connection" not in first["headers"]
    assert first["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert first["queryStringParameters"] == {"x": "2", "y": ""}
    assert first["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""]}
    assert (first["body"], first["isBase64Encoded"], first["stageVariables"]) == (None, False, None)
    context = first["requestContext"]
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["authorizer"] == {"claims": None, "scopes": None}
    assert (context["resourcePath"], context["stage"], context["apiId"]) == ("/echo/{proxy+}", "$default", "Api")
    assert (second["body"], second["queryStringParameters"]) == ('{"a":1}', None)


async def test_an_answer_of_format_1_0_may_repeat_headers() -> None:
    answer = {
        "statusCode": 201,
        "headers": {"X": "1", "Set-Cookie": "a=1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\xff").decode(),
        "isBase64Encoded": True,
    }
    async with serving(answering(answer), routes=FIRST) as client:
        got = await client("GET", "/echo/x")
    assert (got.status, got.body, got["x"]) == (201, b"\xff", "1")
    assert [value for name, value in got.headers if name == "set-cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize(
    "answer",
    [
        {"hello": 1},
        "text",
        [1],
        {"statusCode": 200, "multiValueHeaders": ["a"]},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
        {"statusCode": 200, "headers": "a"},
        Outcome("id", b"no json"),
    ],
)
async def test_format_1_0_infers_nothing(answer: Any) -> None:
    async with serving(answering(answer), routes=FIRST) as client:
        got = await client("GET", "/echo/x")
    assert (got.status, json.loads(got.body)) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize("payload", [b"no json", b"[1]", b'{"body": "x"}'])
def test_what_is_no_answer_of_format_1_0_is_told_as_such(payload: bytes) -> None:
    with pytest.raises(MalformedResponse, match="the answer"):
        read_response_v1(payload)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_stage_variables_are_told_to_the_function(version: Any) -> None:
    routes = (Route("GET", "/a", "Echo", payload_format=version),)
    async with serving(FakeFunctions(), routes=routes, stage_variables={"colour": "blue"}) as client:
        await client("GET", "/a")
    assert client.functions.events[0]["stageVariables"] == {"colour": "blue"}


async def test_further_stages_are_served_under_their_names() -> None:
    dev = HttpApi("Api", (Route("GET", "/a", "Dev"),), stage="dev", stage_variables={"v": "1"})
    functions = FakeFunctions()
    async with serving(functions, routes=(Route("GET", "/a", "Live"),), others=(dev,)) as client:
        assert (await client("GET", "/a")).status == 200
        assert (await client("GET", "/dev/a?x=1")).status == 200
        assert (await client("GET", "/dev")).status == 404
        assert (await client("GET", "/other/a")).status == 404
    assert functions.names == ["Live", "Dev"]
    assert [event["requestContext"]["stage"] for event in functions.events] == ["$default", "dev"]
    assert (functions.events[1]["rawPath"], functions.events[1]["stageVariables"]) == ("/dev/a", {"v": "1"})
    assert [answer[:2] for answer in client.answered] == [
        ("GET /a", 200),
        ("GET /a", 200),
        ("none", 404),
        ("none", 404),
    ]


async def test_a_function_urls_event_keeps_the_path_encoded_and_names_no_account() -> None:
    async with serving(FakeFunctions(), routes=URL, function_url=True) as client:
        assert (await client("GET", "/a%20b/%FF?x=%20")).status == 200
    (event,) = client.functions.events
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/a%20b/%FF"
    assert (event["version"], event["routeKey"], event["requestContext"]["stage"]) == ("2.0", "$default", "$default")
    assert event["requestContext"]["accountId"] == "anonymous"
    assert "pathParameters" not in event


async def test_behind_a_function_url_the_request_is_the_invocation() -> None:
    async with serving(FakeFunctions(), routes=URL, function_url=True) as client:
        answer = await client("GET", "/")
    (event,) = client.functions.events
    [request_id] = client.functions.ids
    assert str(uuid.UUID(request_id or "")) == event["requestContext"]["requestId"] == answer["x-amzn-requestid"]
    assert answer["x-amzn-trace-id"] == client.functions.traces[0] == event["headers"]["x-amzn-trace-id"]
    assert answer["apigw-requestid"] is None


@pytest.mark.parametrize("headers", [None, {"X": "1"}, {"Content-Type": "text/html"}])
async def test_what_a_function_url_is_answered_without_a_type_is_json(headers: Any) -> None:
    mine = {"statusCode": 201, "body": "<p>", "headers": headers}
    async with serving(answering(mine), routes=URL, function_url=True) as client:
        answer = await client("GET", "/")
    assert (answer.status, answer.body) == (201, b"<p>")
    assert answer["content-type"] == (headers or {}).get("Content-Type", "application/json")


async def test_what_a_function_url_answers_by_itself_has_an_id_and_no_trace() -> None:
    cors = Cors(("https://a.example",), ("GET",))
    busy = FakeFunctions(lambda _: raises(Throttled("X", "x")))
    async with serving(busy, cors, routes=URL, function_url=True) as client:
        origin, asks = "Origin: https://a.example", "Access-Control-Request-Method: GET"
        for answer in (await client("GET", "/"), await client("OPTIONS", "/", origin, asks)):
            assert uuid.UUID(answer["x-amzn-requestid"] or "").version == 4
            assert (answer["x-amzn-trace-id"], answer["apigw-requestid"]) == (None, None)


async def test_the_request_of_an_http_api_has_another_id_than_the_invocation_and_names_no_trace() -> None:
    async with serving(FakeFunctions()) as client:
        answer = await client("GET", "/echo")
    assert client.functions.ids == [None]
    assert (answer["x-amzn-requestid"], answer["x-amzn-trace-id"]) == (None, None)


@pytest.mark.parametrize(
    ("behaviour", "status", "body"),
    [
        (lambda _: asyncio.sleep(0, Outcome("id", b"{}", "Unhandled")), 502, b"Internal Server Error"),
        (lambda _: asyncio.sleep(0, {"statusCode": "x"}), 502, b"Internal Server Error"),
        (
            lambda _: asyncio.sleep(0, {"statusCode": 200, "body": "!", "isBase64Encoded": True}),
            502,
            b"Internal Server Error",
        ),
        (lambda _: asyncio.sleep(0, {"statusCode": 500, "body": "mine"}), 500, b"mine"),
        (lambda _: asyncio.sleep(0, {"statusCode": 429, "body": "mine"}), 429, b"mine"),
        (
            lambda _: raises(Throttled("X", "x")),
            429,
            b'{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
        ),
    ],
)
async def test_what_goes_wrong_behind_a_function_url(behaviour: Any, status: int, body: bytes) -> None:
    async with serving(FakeFunctions(behaviour), routes=URL, function_url=True) as client:
        got = await client("GET", "/")
    assert (got.status, got.body) == (status, body)


async def test_a_function_urls_cors_is_the_configured_one() -> None:
    mine = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}
    page = "https://a.example"
    async with serving(answering(mine), Cors((page,), ("GET",)), routes=URL, function_url=True) as client:
        preflight = await client("OPTIONS", "/", f"Origin: {page}", "Access-Control-Request-Method: GET")
        got = await client("GET", "/", f"Origin: {page}")
    assert (preflight.status, preflight["access-control-allow-methods"]) == (204, "GET")
    assert [value for name, value in got.headers if name == "access-control-allow-origin"] == [page]


LINE = (
    '{"id":"$context.requestId","ip":"$context.identity.sourceIp","m":"$context.httpMethod","k":"$context.routeKey",'
    '"p":"$context.path","s":$context.status,"l":$context.responseLength,"i":"$context.integration.status",'
    '"e":"$context.error.message","a":"$context.authorizer.error","f":"$context.integrationErrorMessage",'
    '"t":"$context.requestTime","x":"$context.nothing.like.it","stage":"$context.stage"}'
)


def accessed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [line for line in capsys.readouterr().err.splitlines() if " access Api " in line]
    return [json.loads(line[line.index("{") :]) for line in lines]


async def test_each_request_is_one_line_in_the_format_of_the_stage(capsys: pytest.CaptureFixture[str]) -> None:
    routes = (
        Route("GET", "/echo/{id}", "Echo"),
        Route("GET", "/jwt", "Echo", authorizer=JwtAuthorizer("https://issuer.example", ("me",))),
        Route("GET", "/none", "Echo", throttle=Throttle(0, 0)),
    )
    async with serving(FakeFunctions(), routes=routes, access_log=LINE) as client:
        answer = await client("GET", "/echo/a%22%0Ab")
        for path in ("/nothing", "/jwt", "/none"):
            await client("GET", path)
    good, lost, shut, throttled = accessed(capsys)
    assert good["id"] == answer["apigw-requestid"]
    assert (good["ip"], good["m"], good["k"], good["s"], good["l"]) == ("127.0.0.1", "GET", "GET /echo/{id}", 200, 5)
    assert good["p"] == '/echo/a"\nb'
    assert (good["i"], good["e"], good["a"], good["f"], good["x"]) == ("200", "-", "-", "-", "-")
    assert good["stage"] == "$default"
    assert good["t"].endswith(" +0000")
    assert (lost["k"], lost["s"], lost["e"], lost["i"]) == ("-", 404, "Not Found", "-")
    assert (shut["k"], shut["s"], shut["e"], shut["a"]) == ("GET /jwt", 401, "Unauthorized", "Unauthorized")
    assert (throttled["s"], throttled["e"], throttled["a"]) == (429, "Too Many Requests", "-")


async def test_the_access_log_tells_why_a_function_gave_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([Outcome("id", b"{}", "Unhandled"), {"statusCode": 500}, {"statusCode": "x"}])
    async with serving(FakeFunctions(lambda _: asyncio.sleep(0, next(answers))), access_log=LINE) as client:
        for _ in range(3):
            await client("GET", "/echo")
    failed, own, malformed = accessed(capsys)
    assert (failed["s"], failed["i"], failed["f"]) == (500, "-", "The Lambda function returned an error")
    assert (own["s"], own["i"], own["f"], own["e"]) == (500, "500", "-", "-")
    assert (malformed["s"], malformed["f"]) == (500, "statusCode is 'x'")


async def test_without_a_format_there_is_no_access_log(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(FakeFunctions()) as client:
        await client("GET", "/echo")
    log = capsys.readouterr().err
    assert "GET /echo 200" in log
    assert " access " not in log
