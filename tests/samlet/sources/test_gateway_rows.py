"""What AWS says of HTTP APIs and payload format 2.0, sentence by sentence, asked of the gateway over real sockets."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway_client import Client, FakeFunctions, serving
from samlet.model import Cors, Route

ROUTES = (
    Route("GET", "/tasks", "Tasks"),
    Route("POST", "/tasks", "Tasks"),
    Route("ANY", "/tasks/{id}", "Task"),
    Route("DELETE", "/tasks/{id}", "Delete"),
    Route("GET", "/tasks/new", "New"),
    Route("ANY", "/files/{proxy+}", "Files"),
    Route("GET", "/files/{name}/meta", "Meta"),
)
PAGE = "https://page.example"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(FakeFunctions(), routes=ROUTES) as client:
        yield client


async def event_of(client: Client, *request: Any, **more: Any) -> dict[str, Any]:
    assert (await client(*request, **more)).status == 200
    event: dict[str, Any] = client.functions.events[-1]
    return event


def nothings(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(nothings, value.values()))
    return value is None


async def test_absent_parts_are_absent_not_null(client: Client) -> None:
    event = await event_of(client, "GET", "/tasks")
    absent = {"body", "cookies", "pathParameters", "queryStringParameters", "stageVariables"}
    assert not absent & event.keys()
    assert not {"authorizer", "authentication"} & event["requestContext"].keys()
    assert not nothings(event)
    assert (event["rawQueryString"], event["isBase64Encoded"]) == ("", False)
    assert (await event_of(client, "GET", "/tasks?"))["rawQueryString"] == ""
    assert not absent & client.functions.events[-1].keys()


async def test_header_names_arrive_in_lower_case_and_repeated_values_joined_by_commas(client: Client) -> None:
    headers = (await event_of(client, "GET", "/tasks", "X-Mixed-Case: 1", "x-mixed-case: 2", "X-EMPTY: "))["headers"]
    assert (headers["x-mixed-case"], headers["x-empty"]) == ("1,2", "")
    assert all(name == name.lower() for name in headers)


async def test_there_are_no_multi_value_fields(client: Client) -> None:
    event = await event_of(client, "GET", "/tasks?a=1&a=2", "X: 1", "X: 2")
    assert not [name for name in event if name.startswith("multiValue")]


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("a=1&a=2&b=3", {"a": "1,2", "b": "3"}),
        ("a=1,2&a=3", {"a": "1,2,3"}),
        ("a=&a=", {"a": ","}),
        ("a", {"a": ""}),
        ("a=b%26c%3Dd&e=f+g", {"a": "b&c=d", "e": "f g"}),
        ("%C3%A4=%C3%B6", {"ä": "ö"}),
        ("a[]=1&a[]=2", {"a[]": "1,2"}),
        ("a=1;b=2", {"a": "1;b=2"}),
    ],
)
async def test_repeated_query_values_are_joined_and_the_raw_query_stays_encoded(
    client: Client, query: str, parameters: dict[str, str]
) -> None:
    event = await event_of(client, "GET", f"/tasks?{query}")
    assert (event["queryStringParameters"], event["rawQueryString"]) == (parameters, query)


async def test_cookies_leave_the_headers_and_stand_alone(client: Client) -> None:
    event = await event_of(client, "GET", "/tasks", "Cookie: a=1; b=2", "cookie: c=x=y")
    assert event["cookies"] == ["a=1", "b=2", "c=x=y"]
    assert "cookie" not in event["headers"]


async def test_the_path_and_its_parameters_arrive_decoded_an_encoded_slash_too(client: Client) -> None:
    event = await event_of(client, "GET", "/tasks/a%2Fb%20%C3%A4")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/tasks/a/b ä"
    assert (event["routeKey"], event["pathParameters"]) == ("ANY /tasks/{id}", {"id": "a/b ä"})


async def test_the_default_stage_puts_no_stage_in_the_path(client: Client) -> None:
    event = await event_of(client, "GET", "/tasks")
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/tasks", "$default")


@pytest.mark.parametrize(
    ("headers", "body", "encoded"),
    [
        (["Content-Type: application/json"], b'{"a": "\xc3\xa4"}', False),
        (["Content-Type: text/csv; charset=utf-8"], b"a,b", False),
        (["Content-Type: application/x-www-form-urlencoded"], b"a=b&c=d", True),
        (["Content-Type: multipart/form-data; boundary=x"], b"--x--", True),
        (["Content-Type: image/png"], b"\x89PNG\r\n\x1a\n\0", True),
        ([], b"plain", True),
        (["Content-Type: application/json"], b"\xff", True),
    ],
)
async def test_text_arrives_as_text_and_forms_binaries_and_what_has_no_type_in_base64(
    client: Client, headers: list[str], body: bytes, encoded: bool
) -> None:
    event = await event_of(client, "POST", "/tasks", *headers, body=body)
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


@pytest.mark.parametrize(
    ("method", "path", "served"),
    [
        ("GET", "/tasks/new", "New"),
        ("POST", "/tasks/new", "Task"),
        ("GET", "/tasks/1", "Task"),
        ("DELETE", "/tasks/1", "Delete"),
        ("PATCH", "/tasks/1", "Task"),
        ("GET", "/files/a/meta", "Meta"),
        ("PUT", "/files/a/meta", "Files"),
        ("GET", "/files/a/b/c/", "Files"),
    ],
)
async def test_full_match_beats_greedy_literal_beats_variable_and_any_takes_the_rest(
    client: Client, method: str, path: str, served: str
) -> None:
    assert (await client(method, path)).status == 200
    assert client.functions.names == [served]


@pytest.mark.parametrize("path", ["/tasks/", "/Tasks", "/files/", "/files", "//tasks", "/"])
async def test_a_trailing_slash_and_another_case_make_another_path(client: Client, path: str) -> None:
    answer = await client("GET", path)
    assert (answer.status, json.loads(answer.body)) == (404, {"message": "Not Found"})


async def test_the_default_route_takes_what_no_other_takes() -> None:
    async with serving(FakeFunctions(), routes=(*ROUTES, Route("ANY", "$default", "Rest"))) as client:
        for method, path in (("GET", "/tasks"), ("PUT", "/tasks"), ("GET", "/x/y/")):
            await client(method, path)
    assert client.functions.names == ["Tasks", "Rest", "Rest"]
    assert [event["routeKey"] for event in client.functions.events] == ["GET /tasks", "$default", "$default"]


@pytest.mark.parametrize(
    ("answer", "status", "kind", "body"),
    [
        ({"a": 1}, 200, "application/json", b'{"a": 1}'),
        ("hello", 200, "application/json", b"hello"),
        ([1, 2], 200, "application/json", b"[1, 2]"),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 204}, 204, "text/plain; charset=utf-8", b""),
        ({"statusCode": "201", "body": "x"}, 201, "text/plain; charset=utf-8", b"x"),
        ({"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": "<b>"}, 200, "text/html", b"<b>"),
    ],
)
async def test_what_an_answer_does_not_say_is_inferred(answer: Any, status: int, kind: str, body: bytes) -> None:
    async with serving(FakeFunctions(lambda _: asyncio.sleep(0, answer)), routes=ROUTES) as client:
        got = await client("GET", "/tasks")
    assert (got.status, got.body) == (status, body)
    assert got["content-type"] == kind


async def test_each_cookie_of_an_answer_is_one_set_cookie() -> None:
    answer = {"statusCode": 200, "cookies": ["a=1; Path=/", "b=2, 3"], "headers": {"Set-Cookie": "c=3"}}
    async with serving(FakeFunctions(lambda _: asyncio.sleep(0, answer)), routes=ROUTES) as client:
        got = await client("GET", "/tasks")
    assert [value for name, value in got.headers if name == "set-cookie"] == ["c=3", "a=1; Path=/", "b=2, 3"]


async def test_a_preflight_is_answered_with_no_options_route() -> None:
    cors = Cors((PAGE,), ("GET", "PUT"), ("x-a",), max_age=86_400, allow_credentials=True)
    async with serving(FakeFunctions(), cors, routes=(Route("GET", "/tasks", "Tasks"),)) as client:
        got = await client("OPTIONS", "/tasks", f"Origin: {PAGE}", "Access-Control-Request-Method: PUT")
        stranger = await client("OPTIONS", "/tasks", "Origin: https://x.example", "Access-Control-Request-Method: PUT")
        plain = await client("OPTIONS", "/tasks")
    assert {name: value for name, value in got.headers if name.startswith("access-control-")} == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "86400",
    }
    assert (got.status, stranger.status, plain.status) == (204, 204, 404)
    assert not [name for name, _ in stranger.headers if name.startswith("access-control-")]
    assert client.functions.events == []
