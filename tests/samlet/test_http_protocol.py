"""The hand-made server, spoken to byte by byte: what is refused, what is waited for, and in which order it answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import pytest

from gateway_client import Answer, read_answer
from samlet.http_protocol import HttpResponse, HttpServer, Limits, RawRequest
from samlet.http_response import head_of
from waiting import eventually_async

HEAD = b" HTTP/1.1\r\nHost: a\r\n"
LIMITS = Limits(head=1_000, body=100_000)
CHUNKED = b"POST /" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        return await read_answer(self.reader)

    async def ended(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 10) == b""


@dataclass
class Stage:
    server: HttpServer
    port: int
    seen: list[RawRequest] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    async def connect(self) -> Line:
        self.lines.append(Line(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.lines[-1]

    async def ask(self, data: bytes) -> tuple[int, Line]:
        line = await self.connect()
        line.send(data)
        return (await line.answer()).status, line


_loops: list[Any] = [None]


@pytest.fixture(params=["asyncio", "uvloop"], autouse=True)
def loop(request: pytest.FixtureRequest) -> None:
    """Both loops, since either may be what somebody runs."""
    _loops[0] = None if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop


def in_a_loop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs), loop_factory=_loops[0])

    return run


type Serve = Callable[[RawRequest], Awaitable[HttpResponse]]


async def hello(request: RawRequest) -> HttpResponse:
    return HttpResponse(413 if request.body is None else 200, [], request.target.encode() + (request.body or b""))


@asynccontextmanager
async def stage(serve: Serve = hello, limits: Limits = LIMITS) -> AsyncIterator[Stage]:
    async def handler(request: RawRequest) -> HttpResponse:
        here.seen.append(request)
        return await serve(request)

    server = HttpServer(handler, lambda status, words: HttpResponse(status, [], words.encode()), limits)
    here = Stage(server, (await server.listen())[1])
    try:
        yield here
    finally:
        for line in here.lines:
            line.writer.close()
        await server.close()


# Each is one request to one server, and two or another one to the next: that is how requests are smuggled.
AMBIGUOUS = [
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    b"Content-Length: 3\r\nContent-Length: 4\r\n",
    b"Content-Length: 3\r\nContent-Length: 3\r\n",
    b"Content-Length: 3, 3\r\n",
    b"Content-Length: +3\r\n",
    b"Content-Length: 0x3\r\n",
    b"Content-Length : 3\r\n",
    b"Content-Length: 3\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"X: a\r\n folded\r\n",
    b"X: a\r\n\tfolded\r\n",
    b"X: a\0b\r\n",
    b"X: a\rb\r\n",
    b": empty\r\n",
    b"Host: b\r\n",
]


@pytest.mark.parametrize("headers", AMBIGUOUS)
@in_a_loop
async def test_what_could_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(headers: bytes) -> None:
    async with stage() as here:
        status, line = await here.ask(
            b"POST /" + HEAD + headers + b"\r\n3\r\nabc\r\n0\r\n\r\nGET /second" + HEAD + b"\r\n"
        )
        assert status == 400
        assert await line.ended()
        assert here.seen == []


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/1.1\r\n", b"GET / HTTP/2.0\r\nHost: a\r\n", b"GET /\r\nHost: a\r\n"]
)
@in_a_loop
async def test_a_request_without_a_host_or_of_another_version_is_refused(request_line: bytes) -> None:
    async with stage() as here:
        assert (await here.ask(request_line + b"\r\n"))[0] == 400


@pytest.mark.parametrize(
    "header",
    [
        ("x", "a\r\nset-cookie: b"),
        ("x", "a\nset-cookie: b"),
        ("x", "a\rb"),
        ("x\r\ny", "a"),
        ("x", "a\r\n\r\n<script>"),
        ("x", "a\0"),
    ],
)
@in_a_loop
async def test_a_header_that_would_begin_another_line_is_a_500_and_never_sent(header: tuple[str, str]) -> None:
    async def inject(_: RawRequest) -> HttpResponse:
        return HttpResponse(200, [header])

    async with stage(inject) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        answer = await line.answer()
        assert (answer.status, answer["set-cookie"]) == (500, None)
    assert head_of(HttpResponse(200, [header]), "1.1", "now", keep_alive=True) is None


@in_a_loop
async def test_requests_that_are_sent_ahead_are_answered_in_their_order_and_one_at_a_time() -> None:
    at_once: list[int] = []

    async def slow(request: RawRequest) -> HttpResponse:
        at_once.append(len(here.seen))
        await asyncio.sleep(0)
        return await hello(request)

    async with stage(slow) as here:
        line = await here.connect()
        line.send(b"".join(b"GET /%d" % number + HEAD + b"\r\n" for number in range(50)))
        assert [(await line.answer()).body for _ in range(50)] == [b"/%d" % number for number in range(50)]
        assert at_once == list(range(1, 51))


@in_a_loop
async def test_a_client_that_sends_ahead_is_not_read_from_while_it_is_served() -> None:
    gate = asyncio.Event()

    async def wait(request: RawRequest) -> HttpResponse:
        await gate.wait()
        return await hello(request)

    async with stage(wait) as here:
        line = await here.connect()
        flood = (b"GET /" + HEAD + b"X: " + b"x" * 900 + b"\r\n\r\n") * 20_000
        line.send(flood)
        # What is neither in our hands nor in the kernel's is still in the client's.
        await eventually_async(lambda: here.seen != [])
        [connection] = here.server.connections
        await eventually_async(lambda: not connection._transport.is_reading())
        assert len(connection._queue) < 2_000
        gate.set()
        assert (await line.answer()).status == 200


@in_a_loop
async def test_a_request_that_comes_byte_by_byte_is_understood() -> None:
    async with stage() as here:
        line = await here.connect()
        for byte in b"POST /a" + HEAD + b"Content-Length: 2\r\n\r\nhi":
            line.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await line.answer()).body == b"/ahi"
        assert here.seen[0].headers == [(b"host", b"a"), (b"content-length", b"2")]


@in_a_loop
async def test_a_chunked_body_is_put_together_and_its_trailers_are_dropped() -> None:
    async with stage() as here:
        status, line = await here.ask(CHUNKED + b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nHost: evil\r\n\r\n")
        assert (status, here.seen[0].body) == (200, b"abcde")
        assert (b"host", b"evil") not in here.seen[0].headers
        line.send(b"GET /next" + HEAD + b"\r\n")
        assert (await line.answer()).body == b"/next"


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"5;" + b"x" * 300_000, 400),
        (b"1\r\na\r\n0\r\nT: " + b"x" * 300_000, 400),
        (b"zz\r\n", 400),
        (b"fffffffffffffffff\r\n", 400),
        (b"3\r\nabcd\r\n", 400),
        (b"3\nabc\n0\n\n", 400),
        (b"10000\r\n" + b"x" * 0x10000 + b"\r\n10000\r\n" + b"x" * 0x10000 + b"\r\n0\r\n\r\n", 413),
    ],
    ids=["extension", "trailer", "no number", "huge number", "more than it says", "bare line feeds", "too large"],
)
@in_a_loop
async def test_a_chunked_body_that_is_broken_endless_or_too_large_is_refused(rest: bytes, status: int) -> None:
    async with stage() as here:
        assert (await here.ask(CHUNKED + rest))[0] == status


@in_a_loop
async def test_a_body_over_the_limit_is_answered_before_it_has_come_and_the_rest_is_dropped() -> None:
    async with stage() as here:
        status, line = await here.ask(b"POST /" + HEAD + b"Content-Length: 50000000\r\n\r\n")
        assert (status, here.seen[0].body) == (413, None)
        for _ in range(20):  # the sender does not stop at once, and must not be cut off before it has read
            line.send(b"x" * 100_000)
            await line.writer.drain()
        assert await line.ended()


@in_a_loop
async def test_endless_headers_and_an_endless_request_line_are_refused() -> None:
    async with stage() as here:
        assert (await here.ask(b"GET /" + HEAD + b"X: " + b"x" * 300_000))[0] == 431
        assert (await here.ask(b"GET /" + b"x" * 2_000 + HEAD + b"\r\n"))[0] == 414
        assert (await here.ask(b"GET /" + HEAD + b"X: " + b"x" * 2_000 + b"\r\n\r\n"))[0] == 431


QUICK = replace(LIMITS, head_seconds=0.2, idle_seconds=0.2, stall_seconds=0.2)


@pytest.mark.parametrize("begun", [b"G", b"GET /" + HEAD, CHUNKED, CHUNKED + b"3\r\na"])
@in_a_loop
async def test_a_head_or_a_body_that_does_not_come_on_is_given_up(begun: bytes) -> None:
    async with stage(limits=QUICK) as here:
        status, line = await here.ask(begun)
        assert status == 408
        assert await line.ended()


@in_a_loop
async def test_a_head_that_comes_in_drops_is_given_up_all_the_same() -> None:
    async with stage(limits=replace(LIMITS, head_seconds=0.2)) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD)

        async def drip() -> None:
            while True:
                line.send(b"X: y\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert (await line.answer()).status == 408
        dripping.cancel()


@in_a_loop
async def test_a_connection_on_which_nothing_is_asked_is_closed_and_one_that_waits_is_not() -> None:
    gate = asyncio.Event()

    async def wait(request: RawRequest) -> HttpResponse:
        await gate.wait()
        return await hello(request)

    async with stage(wait, QUICK) as here:
        waiting, silent = await here.connect(), await here.connect()
        waiting.send(b"GET /" + HEAD + b"\r\n")
        assert await silent.ended()
        gate.set()
        assert (await waiting.answer()).status == 200


@in_a_loop
async def test_a_client_that_has_begun_its_next_request_is_not_given_up_while_it_is_served() -> None:
    gate = asyncio.Event()

    async def wait(request: RawRequest) -> HttpResponse:
        await gate.wait()
        return await hello(request)

    async with stage(wait, QUICK) as here:
        line = await here.connect()
        line.send(b"GET /1" + HEAD + b"\r\nGET /2" + HEAD)
        await eventually_async(lambda: here.seen != [])
        [connection] = here.server.connections
        # It is looked at four times in that time.
        await eventually_async(lambda: connection._deadline + QUICK.head_seconds < connection._loop.time())
        gate.set()
        assert (await line.answer()).body == b"/1"
        assert connection._deadline > connection._loop.time(), "its time begins anew"
        line.send(b"\r\n")
        assert (await line.answer()).body == b"/2"


@in_a_loop
async def test_a_client_that_does_not_take_its_answers_is_given_up() -> None:
    async def large(_: RawRequest) -> HttpResponse:
        return HttpResponse(200, [], b"x" * 20_000_000)

    async with stage(large, QUICK) as here:
        line = await here.connect()
        line.reader._transport.pause_reading()  # type: ignore[attr-defined]
        line.send((b"GET /" + HEAD + b"\r\n") * 3)
        await eventually_async(lambda: len(here.seen) == 1)
        await eventually_async(lambda: not here.server.connections)
        assert len(here.seen) == 1, "no further answer is made for a client that takes none"


@in_a_loop
async def test_a_client_that_has_ended_its_half_gets_what_it_asked_for() -> None:
    async def slow(request: RawRequest) -> HttpResponse:
        await asyncio.sleep(0.01)
        return await hello(request)

    async with stage(slow) as here:
        line = await here.connect()
        line.send(b"GET /1" + HEAD + b"\r\nGET /2" + HEAD + b"\r\n")
        line.writer.write_eof()
        assert [(await line.answer()).body for _ in range(2)] == [b"/1", b"/2"]
        assert await line.ended()


@in_a_loop
async def test_a_client_that_asks_first_is_told_to_go_on_and_one_with_too_much_is_not() -> None:
    asks = b"POST /" + HEAD + b"Expect: 100-continue\r\nContent-Length: "
    async with stage() as here:
        status, line = await here.ask(asks + b"2\r\n\r\n")
        assert (status, here.seen) == (100, [])
        line.send(b"hi")
        assert (await line.answer()).body == b"/hi"
        assert (await here.ask(asks + b"200000\r\n\r\n"))[0] == 413


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
    ],
)
@in_a_loop
async def test_a_connection_is_kept_as_its_version_and_its_header_say(
    version: bytes, header: bytes, stays: bool
) -> None:
    request = b"GET / HTTP/" + version + b"\r\nHost: a\r\n" + header + b"\r\n"
    async with stage() as here:
        line = await here.connect()
        line.send(request)
        told = (await line.answer())["connection"]
        if stays:
            assert told == (None if version == b"1.1" else "keep-alive")
            line.send(request)
            assert (await line.answer()).status == 200
        else:
            assert told == "close"
            assert await line.ended()


@in_a_loop
async def test_another_protocol_is_not_spoken_and_the_request_that_asks_for_it_is_answered() -> None:
    upgrade = b"GET /1" + HEAD + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    async with stage() as here:
        line = await here.connect()
        line.send(upgrade + b"\x81\x05hello")
        answer = await line.answer()
        assert (answer.status, answer.body, answer["connection"]) == (200, b"/1", "close")
        assert len(here.seen) == 1


@in_a_loop
async def test_an_answer_without_a_body_says_so_in_its_own_way() -> None:
    async def bare(request: RawRequest) -> HttpResponse:
        return HttpResponse(int(request.target[1:]), [], b"not for you")

    async with stage(bare) as here:
        line = await here.connect()
        for target in (b"GET /204", b"GET /304", b"HEAD /200"):
            line.send(target + HEAD + b"\r\n")
            head = await asyncio.wait_for(line.reader.readuntil(b"\r\n\r\n"), 10)
            assert (b"content-length: 11" in head) == target.startswith(b"HEAD")
        line.send(b"GET /200" + HEAD + b"\r\n")
        assert (await line.answer()).body == b"not for you"


@in_a_loop
async def test_an_error_of_the_handler_is_a_500_and_the_next_request_is_served() -> None:
    async def fail_once(request: RawRequest) -> HttpResponse:
        if len(here.seen) == 1:
            raise RuntimeError("no")
        return await hello(request)

    async with stage(fail_once) as here:
        status, line = await here.ask(b"GET /" + HEAD + b"\r\n")
        assert status == 500
        line.send(b"GET /" + HEAD + b"\r\n")
        assert (await line.answer()).status == 200


@in_a_loop
async def test_closing_lets_a_request_under_way_end_and_takes_no_further_one() -> None:
    async def slow(request: RawRequest) -> HttpResponse:
        await asyncio.sleep(0.05)
        return await hello(request)

    async with stage(slow) as here:
        idle, line = await here.connect(), await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        await eventually_async(lambda: here.seen != [])
        closing = asyncio.create_task(here.server.close(grace=3600))
        answer = await line.answer()
        assert (answer.status, answer["connection"]) == (200, "close")
        assert await idle.ended()
        await closing
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", here.port)
