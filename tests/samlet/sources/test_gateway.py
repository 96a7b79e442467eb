"""The gateway over real sockets, with a function that is only a Python callable."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway_client import Client, FakeFunctions, read_answer, serving
from samlet.errors import FunctionNotFound, Throttled
from samlet.model import Cors, Route, Throttle
from samlet.runtime.outcome import Outcome
from waiting import eventually_async

PAGE = "http://127.0.0.1:8080"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(FakeFunctions()) as client:
        yield client


async def test_a_request_reaches_its_function_and_the_answer_its_client(client: Client) -> None:
    answer = await client(
        "POST", "/echo/a%20b?x=1&x=2", "Content-Type: application/json", "Cookie: a=1", body=b'{"n":1}'
    )
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer["content-type"] == "text/plain; charset=utf-8"
    [event] = client.functions.events
    assert answer["apigw-requestid"] == event["requestContext"]["requestId"]
    assert (event["rawPath"], event["pathParameters"]) == ("/echo/a b", {"proxy": "a b"})
    assert (event["body"], event["cookies"]) == ('{"n":1}', ["a=1"])
    assert event["queryStringParameters"] == {"x": "1,2"}


async def test_a_path_without_a_route_is_a_404_in_the_words_of_aws(client: Client) -> None:
    answer = await client("GET", "/nothing")
    assert (answer.status, json.loads(answer.body)) == (404, {"message": "Not Found"})
    assert answer["content-type"] == "application/json"


async def test_answers_are_counted_by_route_and_never_by_path(client: Client) -> None:
    for path in ("/echo/1", "/echo/2", "/nothing/3"):
        await client("GET", path)
    assert [(route, status) for route, status, _ in client.answered] == [
        ("ANY /echo/{proxy+}", 200),
        ("ANY /echo/{proxy+}", 200),
        ("none", 404),
    ]


async def raises(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    ("behaviour", "status", "message"),
    [
        (lambda _: raises(Throttled("X", "x")), 429, "Too Many Requests"),
        (lambda _: raises(FunctionNotFound("x")), 500, "Internal Server Error"),
        (lambda _: raises(RuntimeError("x")), 500, "Internal Server Error"),
        (lambda _: asyncio.sleep(0, Outcome("id", b"{}", "Unhandled")), 500, "Internal Server Error"),
        (lambda _: asyncio.sleep(0, {"statusCode": "x"}), 500, "Internal Server Error"),
        (
            lambda _: asyncio.sleep(0, {"statusCode": 200, "body": "!", "isBase64Encoded": True}),
            500,
            "Internal Server Error",
        ),
    ],
)
async def test_what_goes_wrong_has_the_status_of_aws(behaviour: Any, status: int, message: str) -> None:
    async with serving(FakeFunctions(behaviour)) as client:
        answer = await client("GET", "/echo")
    assert (answer.status, json.loads(answer.body)) == (status, {"message": message})


async def test_an_integration_timeout_is_a_503_while_the_function_runs_on() -> None:
    release = asyncio.Event()

    async def slow(_: Any) -> Any:
        await release.wait()
        return {}

    async with serving(FakeFunctions(slow)) as client:
        answer = await client("GET", "/slow")
        assert (answer.status, json.loads(answer.body)) == (503, {"message": "Service Unavailable"})
        assert client.functions.finished == 0
        release.set()
        await eventually_async(lambda: client.functions.finished == 1)


async def cancelled() -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("behaviour", "path", "line"),
    [
        (
            lambda: raises(Throttled("X", "Rate Exceeded: all 4 sandboxes were busy for 10 s")),
            "/open",
            r"GET /open 429 \d+ ms \(all 4 sandboxes were busy for 10 s\)",
        ),
        (lambda: asyncio.Event().wait(), "/open", r"GET /open 503 \d+ ms \(Endpoint request timed out\)"),
        (cancelled, "/open", r"GET /open 503 \d+ ms \(Samlet ended the invocation\)"),
        (None, "/none", r"GET /none 429 \d+ ms \(the route's throttling\)"),
        (lambda: asyncio.sleep(0, {"statusCode": 503}), "/open", r"GET /open 503 \d+ ms$"),
    ],
)
async def test_the_log_says_why_the_gateway_answers_in_place_of_a_function(
    behaviour: Any, path: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    routes = (Route("GET", "/open", "Echo", timeout=50), Route("GET", "/none", "Echo", throttle=Throttle(0, 0)))
    async with serving(FakeFunctions(lambda _: behaviour()), routes=routes) as client:
        await client("GET", path)
        await eventually_async(lambda: client.answered)
    assert re.search(line, capsys.readouterr().err, re.MULTILINE)


async def test_head_has_headers_and_no_body(client: Client) -> None:
    answer = await client("HEAD", "/echo")
    assert (answer.status, answer["content-length"]) == (200, "5")


async def test_cookies_and_binary_bodies_come_out_as_they_were_meant() -> None:
    answer = {
        "statusCode": 201,
        "cookies": ["a=1", "b=2"],
        "isBase64Encoded": True,
        "body": base64.b64encode(b"\xff\0").decode(),
    }
    async with serving(FakeFunctions(lambda _: asyncio.sleep(0, answer))) as client:
        got = await client("GET", "/echo")
    assert (got.status, got.body) == (201, b"\xff\0")
    assert [value for name, value in got.headers if name == "set-cookie"] == ["a=1", "b=2"]


async def test_the_gateway_answers_preflights_and_drops_the_functions_cors_headers() -> None:
    mine = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "X": "1"}}
    cors = Cors((PAGE,), ("GET",), ("authorization",), max_age=600)
    async with serving(FakeFunctions(lambda _: asyncio.sleep(0, mine)), cors) as client:
        preflight = await client("OPTIONS", "/slow", f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
        assert client.functions.events == []
        answer = await client("GET", "/echo", f"Origin: {PAGE}")
        stranger = await client("GET", "/echo", "Origin: http://evil.example")
        lost = await client("GET", "/nothing", f"Origin: {PAGE}")
    assert (preflight.status, preflight["access-control-allow-methods"]) == (204, "GET")
    assert [value for name, value in answer.headers if name == "access-control-allow-origin"] == [PAGE]
    assert answer["x"] == "1"
    assert stranger["access-control-allow-origin"] is None
    assert lost["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("key", [("ANY", "/a/{proxy+}"), ("OPTIONS", "/a/b"), ("ANY", "$default")])
async def test_a_route_that_takes_options_has_the_preflights_too(key: tuple[str, str]) -> None:
    mine = {"statusCode": 202, "headers": {"Access-Control-Allow-Origin": "*", "Access-Control-Max-Age": "1", "X": "1"}}
    routes = (Route(*key, "Echo"), Route("GET", "/a/b", "Echo"))
    functions = FakeFunctions(lambda _: asyncio.sleep(0, mine))
    async with serving(functions, Cors((PAGE,), ("GET",), max_age=600), routes=routes) as client:
        answer = await client("OPTIONS", "/a/b", f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
        stranger = await client("OPTIONS", "/a/b", "Origin: http://evil.example", "Access-Control-Request-Method: GET")
    assert [event["requestContext"]["http"]["method"] for event in functions.events] == ["OPTIONS"] * 2
    assert (answer.status, stranger.status, answer["x"]) == (202, 202, "1")
    assert {name: value for name, value in answer.headers if name.startswith("access-control-")} == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET",
        "access-control-max-age": "600",
    }
    assert stranger["access-control-allow-origin"] is None
    assert client.answered[0][:2] == (" ".join(key) if key[1] != "$default" else "$default", 202)


async def test_a_named_stage_is_the_first_part_of_the_path() -> None:
    async with serving(FakeFunctions(), stage="v1") as client:
        assert (await client("GET", "/v1/echo")).status == 200
        assert (await client("GET", "/echo")).status == 404
    assert client.functions.events[0]["rawPath"] == "/v1/echo"


async def test_many_requests_share_a_connection(client: Client) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    for _ in range(3):
        writer.write(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await read_answer(reader)).status == 200
    writer.close()
