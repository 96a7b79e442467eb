"""The Runtime API over the socket that a Python function's process inherits: an answer, and what is sent behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from samlet.runtime.extensions import Extensions
from samlet.runtime.runtime_api import Event, Reply, RuntimeApi
from waiting import eventually_async

EVENT = Event("id-1", b"{}", "arn:f", 1234, "nonce-1")
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: here\r\n\r\n"
NULL = b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nnull"


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    api = RuntimeApi(Extensions("echo", "app.handler"))
    yield api
    await api.stop()


@pytest.fixture
async def channel(api: RuntimeApi) -> AsyncIterator[socket.socket]:
    """A process's end of it."""
    with await api.channel() as channel:
        channel.setblocking(False)
        yield channel


async def take(api: RuntimeApi, channel: socket.socket) -> asyncio.Future[Reply | None]:
    """Have the process get an event."""
    channel.sendall(NEXT)
    await api.idle.wait()
    reply = api.hand_over(EVENT)
    await eventually_async(lambda: received(channel).startswith(b"HTTP/1.1 200 "))
    return reply


def received(channel: socket.socket) -> bytes:
    try:
        return channel.recv(1 << 16)
    except BlockingIOError:
        return b""


async def test_an_answer_sent_with_the_call_for_the_next_event_is_accepted_together_with_that(
    api: RuntimeApi, channel: socket.socket
) -> None:
    await take(api, channel)
    channel.sendall(NULL % b"id-1" + NEXT)
    await eventually_async(api.idle.is_set)
    assert received(channel) == b"", "to be told so alone would wake it for nothing"
    api.hand_over(Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    both = received(channel)
    assert both.startswith(b"HTTP/1.1 202 ")
    assert b"Lambda-Runtime-Aws-Request-Id: id-2" in both


@pytest.mark.parametrize(
    ("behind", "status"), [(b"GARBAGE\r\n\r\n", b"400"), (b"GET /nothing HTTP/1.1\r\nHost: here\r\n\r\n", b"404")]
)
async def test_an_answer_is_accepted_whatever_was_sent_behind_it(
    api: RuntimeApi, channel: socket.socket, behind: bytes, status: bytes
) -> None:
    reply = await take(api, channel)
    channel.sendall(NULL % b"id-1" + behind)
    assert await reply == Reply(b"null")
    told = b""
    async with asyncio.timeout(10):
        while b"HTTP/1.1 " + status not in told:
            told += await asyncio.get_running_loop().sock_recv(channel, 1 << 16)
    assert told.startswith(b"HTTP/1.1 202 ")
    assert told.count(b"HTTP/1.1 ") == 2


async def test_an_answer_sent_alone_is_accepted_at_once(api: RuntimeApi, channel: socket.socket) -> None:
    await take(api, channel)
    channel.sendall(NULL % b"id-1")
    await eventually_async(lambda: received(channel).startswith(b"HTTP/1.1 202 "))


async def test_a_process_whose_answer_is_refused_gets_no_event_for_the_call_that_it_sent_with_it(
    api: RuntimeApi, channel: socket.socket
) -> None:
    await take(api, channel)
    channel.sendall(NULL % b"id-0" + NEXT)
    await eventually_async(lambda: received(channel).startswith(b"HTTP/1.1 400 "))
    end = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(channel, 1), 10)
    assert end == b"", "the connection goes with it"
    assert not api.idle.is_set()
