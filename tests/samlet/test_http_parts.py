"""Bodies that the hand-made server hands on while they come, and answers that it sends in parts."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from http_stage import CHUNKED, HEAD, LIMITS, Line, Serve, hello, in_either_loop, stage
from samlet.http_parts import BrokenOff, StreamedResponse
from samlet.http_request import RawRequest
from samlet.http_response import HttpResponse
from waiting import eventually_async

END = b"0\r\n\r\n"


class Taken:
    """A sink that takes no more than it is told to."""

    def __init__(self, room: int = 1_000_000, enough: int = 1_000_000) -> None:
        self.room, self.enough = room, enough
        self.body, self.trailers, self.is_cut = b"", list[tuple[bytes, bytes]](), False
        self.resume: Callable[[], None] = lambda: None

    def flow(self, resume: Callable[[], None]) -> None:
        self.resume = resume

    def take(self, part: bytes) -> bool:
        self.body += part
        return len(self.body) < self.enough

    def trailer(self, name: bytes, value: bytes) -> None:
        self.trailers.append((name, value))

    def cut(self) -> None:
        self.is_cut = True


class Said:
    """The parts of an answer; those that are None wait for the gate."""

    def __init__(self, *parts: bytes | None, broken: bool = False, endless: bool = False) -> None:
        self.parts, self.broken, self.endless = list(parts), broken, endless
        self.gate = asyncio.Event()
        self.dropped = False
        self.read_bytes = 0

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        if self.endless and not self.dropped:
            self.read_bytes += 65536
            return b"x" * 65536
        if self.parts and (part := self.parts.pop(0)) is not None:
            return part
        if self.parts:
            await self.gate.wait()
            return await self.read()
        if self.broken:
            raise BrokenOff
        return b""

    def drop(self) -> None:
        self.dropped = True


def answering(said: Said, status: int = 200) -> Serve:
    async def serve(_: RawRequest) -> HttpResponse:
        return StreamedResponse(status, [("x-one", "1")], parts=said)

    return serve


async def until(line: Line, end: bytes) -> bytes:
    return await asyncio.wait_for(line.reader.readuntil(end), 10)


async def everything(line: Line) -> bytes:
    return await asyncio.wait_for(line.reader.read(), 10)


@in_either_loop
async def test_a_body_in_parts_reaches_its_sink_before_its_end_with_trailers_and_not_the_request() -> None:
    sink = Taken()
    async with stage() as here:
        here.server.open_body = lambda _: sink
        line = await here.connect()
        line.send(CHUNKED + b"3\r\nabc\r\n")
        await eventually_async(lambda: sink.body == b"abc")
        assert here.seen == []
        line.send(b"2\r\nde\r\n0\r\nX-Late:  1 \r\n\r\n")
        assert (await line.answer()).body == b"/"
        assert (sink.body, sink.trailers, sink.is_cut) == (b"abcde", [(b"x-late", b"1")], False)
        assert here.seen[0].header(b"x-late") is None


@in_either_loop
async def test_a_body_whose_length_is_known_and_one_that_nobody_takes_are_kept() -> None:
    sink = Taken()
    async with stage() as here:
        here.server.open_body = lambda _: sink
        line = await here.connect()
        line.send(b"POST /" + HEAD + b"Content-Length: 3\r\n\r\nabc")
        assert (await line.answer()).body == b"/abc"
        here.server.open_body = lambda _: None
        line.send(CHUNKED + b"3\r\nabc\r\n" + END)
        assert (await line.answer()).body == b"/abc"
        assert sink.body == b""


@in_either_loop
async def test_who_sends_a_body_waits_while_its_sink_takes_no_more() -> None:
    sink = Taken(room=1 << 40, enough=100_000)
    async with stage() as here:
        here.server.open_body = lambda _: sink
        line = await here.connect()
        part = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        line.send(CHUNKED + part * 500 + END)
        await eventually_async(lambda: len(sink.body) >= sink.enough)
        [connection] = here.server.connections
        assert not connection._transport.is_reading()
        assert len(sink.body) < 2_000_000
        sink.enough = 1 << 40
        sink.resume()
        assert (await line.answer()).status == 200
        assert len(sink.body) == 500 * 65536


@in_either_loop
async def test_a_sink_that_is_full_at_the_end_of_a_body_does_not_hold_up_the_next_request() -> None:
    sink = Taken(enough=1)
    async with stage() as here:
        here.server.open_body = lambda _: sink
        line = await here.connect()
        line.send(CHUNKED + b"3\r\nabc\r\n" + END)
        assert (await line.answer()).status == 200
        line.send(b"GET /next" + HEAD + b"\r\n")
        assert (await line.answer()).body == b"/next"


@pytest.mark.parametrize("wrong", [b"zz\r\n", None])
@in_either_loop
async def test_a_body_that_comes_to_no_end_is_cut(wrong: bytes | None) -> None:
    sink = Taken()
    async with stage() as here:
        here.server.open_body = lambda _: sink
        line = await here.connect()
        line.send(CHUNKED + b"3\r\nabc\r\n")
        await eventually_async(lambda: sink.body == b"abc")
        if wrong:
            line.send(wrong)
        else:
            line.writer.close()
        await eventually_async(lambda: sink.is_cut)
        assert bool(here.server.connections) == bool(wrong), "what is malformed is cut at once, not with its connection"
        assert here.seen == []


@in_either_loop
async def test_a_body_over_the_room_of_its_sink_is_refused() -> None:
    sink = Taken(room=5)
    async with stage() as here:
        here.server.open_body = lambda _: sink
        status, _ = await here.ask(CHUNKED + b"3\r\nabc\r\n3\r\ndef\r\n")
        assert (status, sink.body) == (413, b"abc")


@in_either_loop
async def test_a_body_that_is_sent_ahead_of_its_turn_is_kept() -> None:
    sink, gate = Taken(), asyncio.Event()

    async def wait(request: RawRequest) -> HttpResponse:
        await gate.wait()
        return await hello(request)

    async with stage(wait) as here:
        here.server.open_body = lambda _: sink
        line = await here.connect()
        line.send(b"GET /first" + HEAD + b"\r\n" + CHUNKED + b"3\r\nabc\r\n" + END)
        await eventually_async(lambda: here.seen != [])
        gate.set()
        assert [(await line.answer()).body for _ in range(2)] == [b"/first", b"/abc"]
        assert sink.body == b""


@in_either_loop
async def test_the_parts_of_an_answer_are_sent_as_they_come_and_its_connection_ends_with_it() -> None:
    said = Said(b"one", None, b"two")
    async with stage(answering(said)) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        head = await until(line, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\nx-one: 1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n")
        assert b"content-length" not in head
        assert await until(line, b"one\r\n") == b"3\r\none\r\n"
        said.gate.set()
        assert await everything(line) == b"3\r\ntwo\r\n0\r\n\r\n"
        assert said.dropped


@in_either_loop
async def test_an_answer_that_breaks_off_ends_without_an_end() -> None:
    async with stage(answering(Said(b"one", broken=True))) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        assert (await everything(line)).endswith(b"\r\n\r\n3\r\none\r\n")


@in_either_loop
async def test_a_client_of_an_older_version_gets_the_parts_as_they_are_and_a_reset_if_they_break_off() -> None:
    ask = b"GET / HTTP/1.0\r\n\r\n"
    async with stage(answering(Said(b"one", b"two"))) as here:
        line = await here.connect()
        line.send(ask)
        got = await everything(line)
        assert got.endswith(b"\r\n\r\nonetwo")
        assert b"transfer-encoding" not in got
    said = Said(b"one", None, b"two", broken=True)
    async with stage(answering(said)) as here:
        line = await here.connect()
        line.send(ask)
        await until(line, b"one")
        said.gate.set()
        with pytest.raises(ConnectionResetError):
            await everything(line)


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
@in_either_loop
async def test_an_answer_that_has_no_body_is_sent_without_parts(method: bytes, status: int) -> None:
    said = Said(b"one")
    async with stage(answering(said, status)) as here:
        line = await here.connect()
        line.send(method + b" /" + HEAD + b"\r\n")
        assert (await everything(line)).endswith(b"GMT\r\n\r\n")
        assert said.dropped


@in_either_loop
async def test_a_header_that_would_end_its_line_makes_an_answer_in_parts_a_500() -> None:
    said = Said(b"one")

    async def serve(_: RawRequest) -> HttpResponse:
        return StreamedResponse(200, [("x", "a\r\nb: c")], parts=said)

    async with stage(serve) as here:
        assert (await here.ask(b"GET /" + HEAD + b"\r\n"))[0] == 500
        assert said.dropped


@in_either_loop
async def test_an_answer_in_parts_is_made_no_faster_than_its_client_takes_it() -> None:
    said = Said(endless=True)
    async with stage(answering(said)) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        await until(line, b"\r\n\r\n")
        [connection] = here.server.connections
        await eventually_async(lambda: connection._sending is not None and connection._sending._gate is not None)
        before = said.read_bytes
        assert connection._transport.get_write_buffer_size() < 300_000
        for _ in range(200):
            await line.reader.readexactly(65536)
        assert said.read_bytes > before
        assert not said.dropped
        line.writer.close()
        await eventually_async(lambda: said.dropped)


@in_either_loop
async def test_a_client_that_takes_nothing_more_of_an_answer_is_given_up() -> None:
    said = Said(endless=True)
    async with stage(answering(said), replace(LIMITS, stall_seconds=0.2)) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        await until(line, b"\r\n\r\n")
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a reading one, too
        await eventually_async(lambda: said.dropped)
        await eventually_async(lambda: not here.server.connections)


@in_either_loop
async def test_an_answer_whose_next_part_takes_long_is_not_given_up() -> None:
    said = Said(b"x" * 20_000_000, None, b"two")
    quick = replace(LIMITS, head_seconds=0.1, idle_seconds=0.1, stall_seconds=10)
    async with stage(answering(said), quick) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        await until(line, b"\r\n\r\n")
        [connection] = here.server.connections
        await asyncio.wait_for(line.reader.readexactly(20_000_000), 20)
        looked: list[float] = []
        check = connection.check

        def watched(now: float) -> None:
            looked.append(now)
            check(now)

        connection.check = watched  # type: ignore[method-assign]  # what it is asked is only listened to
        await eventually_async(lambda: len(looked) > 8)
        said.gate.set()
        assert (await everything(line)).endswith(b"two\r\n0\r\n\r\n")


@in_either_loop
async def test_a_client_that_resets_its_connection_is_noticed_while_there_is_nothing_to_send() -> None:
    said = Said(b"one", None, b"two")
    async with stage(answering(said)) as here:
        line = await here.connect()
        line.send(b"GET /" + HEAD + b"\r\n")
        await until(line, b"one\r\n")
        line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.writer.transport.abort()
        await eventually_async(lambda: said.dropped)
