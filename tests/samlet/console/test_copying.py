"""A copied command, run in a shell against a server that tells what reached it."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from samlet.console.copying import Copied, Place, copied

BINARY = b"\x00\xff\x01 no text"
CONTROL = "bell \x07 and nul \x00, in what is text otherwise"
QUOTED = '{"it\'s": "$HOME `date` \\n !!"}\nümlaut'


class Echo:
    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.origin = ""

    async def answer(self, request: web.Request) -> web.Response:
        told = {
            "method": request.method, "path": request.raw_path, "body": await request.read(),
            "headers": [(name.lower(), value) for name, value in request.headers.items()],
        }  # fmt: skip
        self.seen.append(told)
        return web.Response(text="seen")


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo, app = Echo(), web.Application()
    app.router.add_route("*", "/{path:.*}", echo.answer)
    async with TestServer(app) as server:
        echo.origin = str(server.make_url("")).rstrip("/")
        yield echo


async def run(command: str) -> bytes:
    """What a shell prints for a command that somebody pastes; fails where the command does."""
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, errors.decode()
    return out


def event(
    method: str = "GET", path: str = "/a", *, query: str = "", headers: Mapping[str, str] | None = None, **more: Any
) -> bytes:
    context = {"http": {"method": method}, "apiId": more.pop("api", "Api")}
    fields = {"rawPath": path, "rawQueryString": query, "headers": headers or {}, "requestContext": context}
    return json.dumps(fields | more).encode()


def command(content: bytes, **addresses: str) -> Copied:
    return copied("Tick", content, Place(addresses, Path("/shop/.samlet"), Path("/shop/template.yaml")))


async def sent(echo: Echo, content: bytes) -> dict[str, Any]:
    """What reaches the server when the copy of an event is run, which is one request."""
    made = command(content, api=echo.origin)
    assert made.runs == "curl"
    await run(made.text)
    assert len(echo.seen) == 1
    return echo.seen[0]


@pytest.mark.parametrize("query", ["a[]=1&b={c,d}&e=[1-3]", "x=1&y=%20", "q='$HOME'"])
async def test_a_query_arrives_as_it_was(echo: Echo, query: str) -> None:
    assert (await sent(echo, event(query=query)))["path"] == f"/a?{query}"


@pytest.mark.parametrize(
    ("path", "raw"),
    [("/a b/é", "/a%20b/%C3%A9"), ("/x/../a", "/x/../a"), ("/./a", "/./a"), ("/{a}[1-2]", "/%7Ba%7D%5B1-2%5D")],
)
async def test_a_path_arrives_as_it_was(echo: Echo, path: str, raw: str) -> None:
    assert (await sent(echo, event(path=path)))["path"] == raw


@pytest.mark.parametrize(
    ("route", "parameters", "path", "raw"),
    [
        ("GET /hello/{name}", {"name": "a/b"}, "/hello/a/b", "/hello/a%2Fb"),
        ("ANY /a b/{x}/{y}", {"x": "/", "y": "../é"}, "/a b///../é", "/a%20b/%2F/..%2F%C3%A9"),
        ("GET /{x}/{rest+}", {"x": "1/2", "rest": "3"}, "/stage/1/2/3", "/stage/1%2F2/3"),
        ("GET /hello/{name}", {"name": ".."}, "/hello/..", "/hello/.."),
    ],
)
async def test_a_slash_inside_of_a_segment_arrives_encoded(
    echo: Echo, route: str, parameters: dict[str, str], path: str, raw: str
) -> None:
    fields = event(path=path, routeKey=route, pathParameters=parameters)
    assert (await sent(echo, fields))["path"] == raw
    assert command(fields, api=echo.origin).note == ""


@pytest.mark.parametrize(
    ("route", "parameters", "path", "said"),
    [
        ("GET /x/{rest+}", {"rest": "a/b"}, "/x/a/b", True),
        ("$default", {}, "/a/b", True),
        ("$default", {}, "/a/b/", True),
        ("$default", {}, "/a", False),
        ("GET /a/b", {}, "/a/b", False),
    ],
)
async def test_where_a_slash_may_have_been_encoded_it_is_said(
    echo: Echo, route: str, parameters: dict[str, str], path: str, said: bool
) -> None:
    fields = event(path=path, routeKey=route, pathParameters=parameters)
    assert (await sent(echo, fields))["path"] == path
    assert ("%2F" in command(fields, api=echo.origin).note) == said


async def test_a_head_request_ends(echo: Echo) -> None:
    assert (await sent(echo, event("HEAD")))["method"] == "HEAD"


@pytest.mark.parametrize("body", [QUOTED, "@/etc/hostname", CONTROL, "%s %d \\t"])
async def test_a_text_body_arrives_as_it_was(echo: Echo, body: str) -> None:
    told = await sent(echo, event("POST", body=body, isBase64Encoded=False))
    assert (told["method"], told["body"].decode()) == ("POST", body)


@pytest.mark.parametrize("body", [BINARY, b"plain text", b"-n"])
async def test_a_body_in_base64_arrives_decoded(echo: Echo, body: bytes) -> None:
    told = await sent(echo, event("PUT", body=base64.b64encode(body).decode(), isBase64Encoded=True))
    assert told["body"] == body


async def test_headers_arrive_as_they_were_and_no_others(echo: Echo) -> None:
    own = {"host": "x:1", "x-empty": "", "x-amzn-trace-id": "Root=1-2-3", "x-forwarded-for": "127.0.0.1", "x-a": "b; c"}
    told = await sent(echo, event("POST", headers=own, cookies=["a=1", "b=2"], body="{}"))
    left = [(name, value) for name, value in told["headers"] if name not in ("host", "content-length")]
    assert sorted(left) == [("cookie", "a=1; b=2"), ("x-a", "b; c"), ("x-empty", "")]


async def test_a_request_in_payload_format_1_is_one_too(echo: Echo) -> None:
    context = {"httpMethod": "DELETE", "path": "/stage/a/1", "apiId": "Api"}
    fields = {
        "version": "1.0", "httpMethod": "DELETE", "path": "/a", "requestContext": context, "body": None,
        "resource": "/{id}", "pathParameters": {"id": "a/1"},
        "multiValueHeaders": {"X-Two": ["1", "2"], "Accept": ["*/*"]},
        "multiValueQueryStringParameters": {"a": ["1", "2 3"]},
    }  # fmt: skip
    told = await sent(echo, json.dumps(fields).encode())
    assert (told["method"], told["path"]) == ("DELETE", "/stage/a%2F1?a=1&a=2+3")
    assert [value for name, value in told["headers"] if name == "x-two"] == ["1", "2"]


def test_a_request_goes_to_the_api_or_function_url_that_it_came_through() -> None:
    addresses = {"api": "http://x:1", "api Admin": "http://x:2", "url TickUrl": "http://x:3"}
    for api, origin in (("Api", "http://x:1"), ("Admin", "http://x:2"), ("TickUrl", "http://x:3")):
        assert re.findall(r"http://x:\d", command(event(api=api), **addresses).text) == [origin]


@pytest.mark.parametrize("content", [b'{"it\'s": "$HOME"}', QUOTED.encode(), BINARY, b'{"a": "\x7f"}', b"%s"])
async def test_any_other_event_reaches_samlet_invoke_byte_by_byte(content: bytes) -> None:
    made = command(content)
    assert made.runs == "samlet invoke"
    out = await run(f'samlet() {{ echo "$*"; cat; }}; {made.text}')
    words, _, given = out.partition(b"\n")
    assert (words, given) == (b"invoke Tick --event - --template /shop/template.yaml", content)


def test_an_authorizers_event_and_a_request_without_an_api_are_copied_as_invoke() -> None:
    assert command(event(type="REQUEST"), api="http://x:1").runs == "samlet invoke"
    assert command(event()).runs == "samlet invoke"
    assert command(b'{"requestContext": {"http": 3}, "headers": 1}', api="http://x").runs == "samlet invoke"


def test_a_state_folder_elsewhere_is_named() -> None:
    place = Place({}, Path("/else where"), Path("/shop/template.yaml"))
    assert "| SAMLET_STATE_DIR='/else where' samlet invoke Tick" in copied("Tick", b"{}", place).text
