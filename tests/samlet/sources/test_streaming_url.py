"""A function URL that streams: what its client sees while the function still makes its answer, and how that ends."""

import asyncio
import json
import operator
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from samlet.errors import Throttled
from samlet.model import Cors, HttpApi, IamAuthorizer, Route
from samlet.runtime.answers import AnswerStream
from samlet.runtime.outcome import Outcome
from samlet.sources.gateway_port import GatewayPort
from samlet.sources.streaming_url import StreamingUrl
from waiting import eventually_async

PRELUDE = "application/vnd.awslambda.http-integration-response"
FAILED = Outcome("id", b'{"errorType": "Late"}', "Unhandled")
GOOD = Outcome("id", b"")


@dataclass
class FakeStreams:
    """Functions whose answers the test makes."""

    streams: list[AnswerStream] = field(default_factory=list)
    outcomes: list[asyncio.Future[Outcome]] = field(default_factory=list)
    payloads: list[Any] = field(default_factory=list)

    def invoke_stream(
        self, name: str, payload: bytes, *, trace_id: str | None = None, request_id: str | None = None
    ) -> AnswerStream:
        stream, outcome = AnswerStream(request_id or "none"), asyncio.get_running_loop().create_future()
        stream.follow(outcome)
        self.streams.append(stream)
        self.outcomes.append(outcome)
        self.payloads.append(json.loads(payload))
        return stream

    def invoke(
        self, name: str, payload: bytes, *, trace_id: str | None = None, request_id: str | None = None
    ) -> Awaitable[Outcome]:
        raise NotImplementedError

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError


@dataclass
class Stage:
    functions: FakeStreams
    port: int
    answered: list[tuple[str, int]]
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def ask(self, *headers: str, method: str = "GET") -> asyncio.StreamReader:
        """Send a request; returns when the function has it, or there is an answer without one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write("\r\n".join([f"{method} /a/b?c=1 HTTP/1.1", "Host: a", *headers, "", ""]).encode())
        return reader

    async def asked(self, *headers: str, method: str = "GET") -> tuple[asyncio.StreamReader, AnswerStream]:
        count = len(self.functions.streams)
        reader = await self.ask(*headers, method=method)
        await eventually_async(lambda: len(self.functions.streams) > count)
        return reader, self.functions.streams[-1]

    def end(self, outcome: Outcome = GOOD) -> None:
        self.functions.outcomes[-1].set_result(outcome)


@asynccontextmanager
async def serving(cors: Cors | None = None, authorizer: IamAuthorizer | None = None) -> AsyncIterator[Stage]:
    functions, answered = FakeStreams(), list[tuple[str, int]]()
    route = Route("ANY", "$default", "F", 900_000, authorizer)
    api = HttpApi("Url", (route,), cors, function_url=True, streamed=True)
    port = GatewayPort(StreamingUrl(api, functions, answered=lambda route, status, _: answered.append((route, status))))
    stage = Stage(functions, (await port.serve())[1], answered)
    try:
        yield stage
    finally:
        for writer in stage.writers:
            writer.close()
        await port.stop()


def started(stream: AnswerStream, *parts: bytes, kind: str | None = PRELUDE) -> None:
    stream.begin(kind)
    for part in parts:
        stream.take(part)


async def head(reader: asyncio.StreamReader) -> list[str]:
    text = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    return text.decode().strip().split("\r\n")


async def rest(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), 10)


async def test_status_headers_and_cookies_of_the_prelude_are_sent_before_there_is_a_body() -> None:
    prelude = {
        "statusCode": 201,
        "headers": {"X-One": "1", "Content-Type": "text/event-stream", "Content-Length": "9"},
        "cookies": ["a=1", "b=2"],
        "multiValueHeaders": {"X-Many": ["1", "2"]},  # of REST APIs alone
    }
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, json.dumps(prelude).encode() + bytes(8))
        status, *lines = await head(reader)
        assert status == "HTTP/1.1 201 Created"
        assert lines[:4] == ["x-one: 1", "content-type: text/event-stream", "set-cookie: a=1", "set-cookie: b=2"]
        assert "transfer-encoding: chunked" in lines
        assert not any(line.startswith(("content-length", "x-many")) for line in lines)
        stream.take(b"one")
        assert await asyncio.wait_for(reader.readexactly(8), 10) == b"3\r\none\r\n"
        stream.take(b"two")
        stage.end()
        assert await rest(reader) == b"3\r\ntwo\r\n0\r\n\r\n"
        [event] = stage.functions.payloads
        assert (event["rawPath"], event["queryStringParameters"]) == ("/a/b", {"c": "1"})


async def test_a_prelude_may_come_in_any_pieces_and_with_the_beginning_of_the_body() -> None:
    whole = b'{"statusCode": 404}' + bytes(8) + b"gone"
    async with serving() as stage:
        for cut in range(1, len(whole)):
            reader, stream = await stage.asked()
            started(stream, whole[:cut])
            await eventually_async(partial(operator.not_, stream._unread))
            stream.take(whole[cut:])
            stage.end()
            assert (await head(reader))[0] == "HTTP/1.1 404 Not Found"
            assert b"".join((await rest(reader)).split(b"\r\n")[1::2]) == b"gone"


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_an_error_that_the_function_streams_itself_is_its_own(status: int) -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, json.dumps({"statusCode": status}).encode() + bytes(8), b"own")
        stage.end()
        assert f" {status} " in (await head(reader))[0]
        assert await rest(reader) == b"3\r\nown\r\n0\r\n\r\n"
        assert stage.answered == [("$default", status)]


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        (PRELUDE, b"{}" + bytes(8), "application/json"),
        (PRELUDE.upper() + "; x=1", b'{"headers": {"content-type": "a/b"}}' + bytes(8), "a/b"),
        (None, b"", "application/octet-stream"),
        ("text/plain; charset=utf-8", b'{"statusCode": 404}' + bytes(8), "text/plain; charset=utf-8"),
        ("application/json", b'{"statusCode": 404, "body": "x"}', "application/json"),
    ],
)
async def test_the_type_of_an_answer_is_that_of_its_prelude_or_its_own_or_none(
    kind: str | None, sent: bytes, expected: str
) -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, sent, b"body", kind=kind)
        stage.end()
        status, *lines = await head(reader)
        assert status == "HTTP/1.1 200 OK"
        assert f"content-type: {expected}" in lines
        body = b"".join((await rest(reader)).split(b"\r\n")[1::2])
        assert body == (b"body" if PRELUDE in (kind or "").lower() else sent + b"body")


@pytest.mark.parametrize(
    "prelude",
    [
        b"not json" + bytes(8),
        b"[1]" + bytes(8),
        b'{"statusCode": 99}' + bytes(8),
        b'{"headers": [1]}' + bytes(8),
        b'{"headers": {"a b": "c"}}' + bytes(8),
        b'{"statusCode": 200}' + bytes(7),
        b"x" * 70_000,
        b"",
    ],
)
async def test_a_prelude_that_is_none_is_a_502_and_the_function_goes_on(prelude: bytes) -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, prelude)
        if len(prelude) < 70_000:
            stage.end()
        status, *_ = await head(reader)
        assert status == "HTTP/1.1 502 Bad Gateway"
        await eventually_async(lambda: stream._dropped)


@pytest.mark.parametrize("kind", [PRELUDE, None])
async def test_a_function_that_fails_before_its_first_byte_is_a_502(kind: str | None) -> None:
    async with serving() as stage:
        reader, _ = await stage.asked()
        stage.end(FAILED)
        assert (await head(reader))[0] == "HTTP/1.1 502 Bad Gateway"
        reader, stream = await stage.asked()
        started(stream, kind=kind)
        stage.end(FAILED)
        assert (await head(reader))[0] == "HTTP/1.1 502 Bad Gateway"
        assert [status for _, status in stage.answered] == [502, 502]


async def test_the_id_of_the_request_is_the_invocations_and_its_trace_is_named() -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, b"one", kind=None)
        headers = dict(line.split(": ", 1) for line in (await head(reader))[1:])
        stage.end()
    [event] = stage.functions.payloads
    assert headers["x-amzn-requestid"] == stream.request_id == event["requestContext"]["requestId"]
    assert headers["x-amzn-trace-id"] == event["headers"]["x-amzn-trace-id"]


async def test_a_function_that_no_sandbox_is_free_for_is_a_429() -> None:
    async with serving() as stage:
        reader, _ = await stage.asked()
        stage.functions.outcomes[-1].set_exception(Throttled("Reason", "Rate Exceeded"))
        assert (await head(reader))[0] == "HTTP/1.1 429 Too Many Requests"


async def test_an_answer_that_fails_in_the_middle_breaks_off_after_what_there_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, b"one", kind=None)
        assert (await head(reader))[0] == "HTTP/1.1 200 OK"
        stage.end(FAILED)
        assert await rest(reader) == b"3\r\none\r\n"
        await eventually_async(lambda: stage.answered == [("$default", 200)])
    assert "the answer of F broke off after 3 bytes" in capsys.readouterr().err


async def test_an_answer_is_logged_and_counted_once_and_when_it_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, b"one", kind=None)
        await head(reader)
        assert stage.answered == []
        assert "GET /a/b" not in capsys.readouterr().err
        stage.end()
        await rest(reader)
        await eventually_async(lambda: stage.answered == [("$default", 200)])
        assert capsys.readouterr().err.count("GET /a/b 200") == 1


async def test_a_client_that_goes_away_leaves_the_function_to_its_end() -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, b"one", kind=None)
        await head(reader)
        stage.writers[-1].transport.abort()

        def noticed() -> bool:
            """It is by writing that one hears of it."""
            stream.take(b"more")
            return stream._dropped

        await eventually_async(noticed)
        assert stream.take(b"x" * 1_000_000)
        assert stage.answered == [("$default", 200)]


async def test_a_client_that_does_not_read_holds_the_function_up() -> None:
    async with serving() as stage:
        reader, stream = await stage.asked()
        started(stream, b"one", kind=None)
        await head(reader)
        resumed: list[int] = []
        stream.flow(lambda: resumed.append(stream.size))

        async def fill() -> bool:
            """Give what is taken, until no more is."""
            full = not stream.take(b"x" * 65536) and not stream.take(b"x")
            for _ in range(3):
                await asyncio.sleep(0)
            return full and bool(stream._unread)

        await eventually_async(fill, every=0)
        sent = stream.size
        assert sent < 50_000_000
        resumed.clear()
        taken = 0
        while not resumed:
            taken += len(await asyncio.wait_for(reader.read(65536), 10))
        assert taken > 0


async def test_an_answer_to_a_head_request_has_the_head_alone(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as stage:
        reader, stream = await stage.asked(method="HEAD")
        started(stream, b'{"statusCode": 200}' + bytes(8), b"body")
        assert (await head(reader))[0] == "HTTP/1.1 200 OK"
        assert await rest(reader) == b""
        await eventually_async(lambda: stage.answered == [("$default", 200)])
    assert capsys.readouterr().err.count("HEAD /a/b 200") == 1


async def test_cors_is_answered_as_by_any_other_url() -> None:
    async with serving(Cors(("https://a.example",))) as stage:
        reader, stream = await stage.asked("Origin: https://a.example")
        started(stream, b'{"headers": {"access-control-allow-origin": "own"}}' + bytes(8), b"body")
        stage.end()
        lines = await head(reader)
        assert [line for line in lines if line.startswith("access-control")] == [
            "access-control-allow-origin: https://a.example"
        ]
        assert await rest(reader) == b"4\r\nbody\r\n0\r\n\r\n"


async def test_who_has_to_sign_and_does_not_reaches_no_function() -> None:
    async with serving(authorizer=IamAuthorizer("lambda")) as stage:
        reader = await stage.ask()
        assert (await head(reader))[0] == "HTTP/1.1 403 Forbidden"
        assert stage.functions.streams == []


async def test_a_port_that_closes_lets_go_of_the_function() -> None:
    async with serving() as stage:
        _, stream = await stage.asked()
    await eventually_async(lambda: stream._dropped)
