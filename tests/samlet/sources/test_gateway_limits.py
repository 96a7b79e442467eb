"""Limits and malformed requests: never a 5xx, and always an answer in API Gateway's shape."""

import json
from collections.abc import AsyncIterator

import pytest

from gateway_client import Client, FakeFunctions, serving
from samlet.model import Route

HEAD = b"Host: a\r\nConnection: close\r\n"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(FakeFunctions()) as client:
        yield client


async def test_a_body_over_10_mb_is_a_413_before_it_is_read(client: Client) -> None:
    answer = await client("POST", "/echo", "Content-Length: 10485761")
    assert (answer.status, json.loads(answer.body)) == (413, {"message": "Request Too Long"})
    assert client.functions.events == []


async def test_a_chunked_body_over_10_mb_is_a_413_too(client: Client) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    answer = await client.raw(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 11)
    assert answer.status == 413


async def test_a_payload_that_no_function_takes_is_a_413(client: Client) -> None:
    assert (await client("POST", "/echo", "Content-Type: text/plain", body=b"x" * 7_000_000)).status == 413


async def test_a_body_of_4_mb_arrives_whole_and_compressed_ones_as_they_are(client: Client) -> None:
    assert (await client("POST", "/echo", "Content-Type: text/plain", body=b"x" * 4_000_000)).status == 200
    assert len(client.functions.events[0]["body"]) == 4_000_000
    answer = await client("POST", "/echo", "Content-Type: text/plain", "Content-Encoding: gzip", body=b"\x1f\x8b\xff")
    assert answer.status == 200
    assert client.functions.events[1]["isBase64Encoded"] is True


async def test_a_client_that_asks_first_is_told_to_go_on(client: Client) -> None:
    answer = await client("POST", "/echo", "Expect: 100-continue", body=b"abc")
    assert answer.status == 100
    assert client.functions.events == [] or client.functions.events[0]["body"]


@pytest.mark.parametrize("length", [10_300, 70_000])
async def test_a_head_over_10240_bytes_is_refused(client: Client, length: int) -> None:
    answer = await client("GET", "/echo", "X: " + "x" * length)
    assert (answer.status, json.loads(answer.body)) == (431, {"message": "Request Header Fields Too Large"})


@pytest.mark.parametrize("length", [10_300, 70_000])
async def test_a_request_line_over_10240_bytes_is_refused(client: Client, length: int) -> None:
    answer = await client("GET", "/echo?" + "x" * length)
    assert answer.status in {414, 431}
    assert "message" in json.loads(answer.body)


@pytest.mark.parametrize("count", [1, 400])
async def test_a_head_just_below_the_limit_passes(client: Client, count: int) -> None:
    headers = [f"X-{number}: {'x' * (9_000 // count - 10)}" for number in range(count)]
    assert (await client("GET", "/echo", *headers)).status == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /echo/%FF HTTP/1.1", 400),
        (b"GET /echo/\xff HTTP/1.1", 400),
        (b"GET /echo/%C3%A4 HTTP/1.1", 200),
        (b"GET /echo/\xc3\xa4 HTTP/1.1", 400),
        (b"GET /echo/%zz HTTP/1.1", 200),
        (b"GET /echo?a=%FF&b=%ff HTTP/1.1", 200),
        (b"GET /echo?a=\xff HTTP/1.1", 400),
        (b"GET http://a/echo HTTP/1.1", 200),
        (b"GET //echo HTTP/1.1", 404),
        (b"GET /echo/../x HTTP/1.1", 200),
        (b"OPTIONS * HTTP/1.1", 400),
        (b"CONNECT a:80 HTTP/1.1", 400),
        (b"GET http://[/echo HTTP/1.1", 400),
        (b"GET /echo HTTP/9.9", 400),
        (b"G\xffT /echo HTTP/1.1", 400),
        (b"nonsense", 400),
    ],
)
async def test_odd_request_lines_are_never_a_5xx(client: Client, line: bytes, status: int) -> None:
    answer = await client.raw(line + b"\r\n" + HEAD + b"\r\n")
    assert answer.status in {status, 400}
    assert answer.status == status
    if status >= 400:
        assert "message" in json.loads(answer.body)


@pytest.mark.parametrize("line", [b"CONNECT a:1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET ftp://a/b HTTP/1.1"])
async def test_what_is_no_path_reaches_no_function_though_one_serves_all(line: bytes) -> None:
    functions = FakeFunctions()
    async with serving(functions, routes=(Route("ANY", "$default", "Echo"),)) as client:
        assert (await client.raw(line + b"\r\n" + HEAD + b"\r\n")).status == 400
        assert (await client("GET", "/b")).status == 200
    assert [event["rawPath"] for event in functions.events] == ["/b"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"X: \xff\xfe", 200),
        (b"Cookie: \xff; b", 200),
        (b"Host: b", 400),
        (b"Content-Length: abc", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 1\r\nTransfer-Encoding: chunked", 400),
        (b"Bad Name: x", 400),
        (b"Expect: magic", 200),
        (b"Upgrade: websocket\r\nConnection: upgrade", 200),
    ],
)
async def test_odd_headers_are_never_a_5xx(client: Client, headers: bytes, status: int) -> None:
    answer = await client.raw(b"GET /echo HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n\r\n")
    assert answer.status == status


async def test_a_broken_chunked_body_is_a_400(client: Client) -> None:
    answer = await client.raw(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert answer.status == 400


async def test_a_request_that_nobody_can_make_out_is_counted_without_a_route(client: Client) -> None:
    assert (await client.raw(b"nonsense\r\n\r\n")).status == 400
    assert [(route, status) for route, status, _ in client.answered] == [("none", 400)]
