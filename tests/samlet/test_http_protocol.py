"""What the hand-made server makes of bytes: what it understands, what it refuses, and how it writes its answers."""

import asyncio

import pytest

from http_stage import CHUNKED, HEAD, in_either_loop, stage
from samlet.http_request import RawRequest
from samlet.http_response import HttpResponse, head_of

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
@in_either_loop
async def test_what_could_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(headers: bytes) -> None:
    async with stage() as here:
        status, line = await here.ask(
            b"POST /" + HEAD + headers + b"\r\n3\r\nabc\r\n0\r\n\r\nGET /second" + HEAD + b"\r\n"
        )
        assert status == 400
        assert await line.ended()
        assert here.seen == []


@in_either_loop
async def test_blanks_around_the_value_of_a_header_are_none_of_it() -> None:
    async with stage() as here:
        given = b"Accept-Encoding: \t gzip ,br \t \r\nX-Empty:  \r\nTransfer-Encoding: chunked \r\n"
        status, _ = await here.ask(b"POST /" + HEAD + given + b"\r\n3\r\nabc\r\n0\r\n\r\n")
        assert status == 200
        [seen] = here.seen
    assert dict(seen.headers)[b"accept-encoding"] == b"gzip ,br"
    assert (dict(seen.headers)[b"x-empty"], seen.body) == (b"", b"abc")


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/1.1\r\n", b"GET / HTTP/2.0\r\nHost: a\r\n", b"GET /\r\nHost: a\r\n"]
)
@in_either_loop
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
@in_either_loop
async def test_a_header_that_would_begin_another_line_is_a_500_and_never_sent(header: tuple[str, str]) -> None:
    async def inject(_: RawRequest) -> HttpResponse:
        return HttpResponse(200, [header])

    async with stage(inject) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        answer = await line.answer()
        assert (answer.status, answer["set-cookie"]) == (500, None)
    assert head_of(HttpResponse(200, [header]), "1.1", "now", keep_alive=True) is None


@in_either_loop
async def test_a_request_that_comes_byte_by_byte_is_understood() -> None:
    async with stage() as here:
        line = await here.connect()
        for byte in b"POST /a" + HEAD + b"Content-Length: 2\r\n\r\nhi":
            line.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await line.answer()).body == b"/ahi"
        assert here.seen[0].headers == [(b"host", b"a"), (b"content-length", b"2")]


@in_either_loop
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
@in_either_loop
async def test_a_chunked_body_that_is_broken_endless_or_too_large_is_refused(rest: bytes, status: int) -> None:
    async with stage() as here:
        assert (await here.ask(CHUNKED + rest))[0] == status


@in_either_loop
async def test_a_body_over_the_limit_is_answered_before_it_has_come_and_the_rest_is_dropped() -> None:
    async with stage() as here:
        status, line = await here.ask(b"POST /" + HEAD + b"Content-Length: 50000000\r\n\r\n")
        assert (status, here.seen[0].body) == (413, None)
        for _ in range(20):  # the sender does not stop at once, and must not be cut off before it has read
            line.send(b"x" * 100_000)
            await line.writer.drain()
        assert await line.ended()


@in_either_loop
async def test_endless_headers_and_an_endless_request_line_are_refused() -> None:
    async with stage() as here:
        assert (await here.ask(b"GET /" + HEAD + b"X: " + b"x" * 300_000))[0] == 431
        assert (await here.ask(b"GET /" + b"x" * 2_000 + HEAD + b"\r\n"))[0] == 414
        assert (await here.ask(b"GET /" + HEAD + b"X: " + b"x" * 2_000 + b"\r\n\r\n"))[0] == 431


@in_either_loop
async def test_a_client_that_asks_first_is_told_to_go_on_and_one_with_too_much_is_not() -> None:
    asks = b"POST /" + HEAD + b"Expect: 100-continue\r\nContent-Length: "
    async with stage() as here:
        status, line = await here.ask(asks + b"2\r\n\r\n")
        assert (status, here.seen) == (100, [])
        line.send(b"hi")
        assert (await line.answer()).body == b"/hi"
        assert (await here.ask(asks + b"200000\r\n\r\n"))[0] == 413


@in_either_loop
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
