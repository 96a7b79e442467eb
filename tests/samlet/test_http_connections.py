"""The life of a connection to the hand-made server: in which order it answers, for whom it waits, how it ends."""

import asyncio
from dataclasses import replace

import pytest

from http_stage import CHUNKED, HEAD, LIMITS, QUICK, hello, in_either_loop, stage
from samlet.http_request import RawRequest
from samlet.http_response import HttpResponse
from waiting import eventually_async


@in_either_loop
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


@in_either_loop
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


@pytest.mark.parametrize("begun", [b"G", b"GET /" + HEAD, CHUNKED, CHUNKED + b"3\r\na"])
@in_either_loop
async def test_a_head_or_a_body_that_does_not_come_on_is_given_up(begun: bytes) -> None:
    async with stage(limits=QUICK) as here:
        status, line = await here.ask(begun)
        assert status == 408
        assert await line.ended()


@in_either_loop
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


@in_either_loop
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


@in_either_loop
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


@in_either_loop
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


@in_either_loop
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


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
    ],
)
@in_either_loop
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


@in_either_loop
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


@in_either_loop
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


@in_either_loop
async def test_another_protocol_is_not_spoken_and_the_request_that_asks_for_it_is_answered() -> None:
    upgrade = b"GET /1" + HEAD + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    async with stage() as here:
        line = await here.connect()
        line.send(upgrade + b"\x81\x05hello")
        answer = await line.answer()
        assert (answer.status, answer.body, answer["connection"]) == (200, b"/1", "close")
        assert len(here.seen) == 1
