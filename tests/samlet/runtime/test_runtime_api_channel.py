"""The Runtime API over the socket that a Python function's process inherits: an answer, and what is sent behind it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import pytest

from samlet.runtime.answers import LARGEST_RESPONSE
from samlet.runtime.extensions import Extensions
from samlet.runtime.runtime_api import RuntimeApi
from samlet.runtime.runtime_call import Event, Reply
from waiting import eventually_async

from .messages import message

EVENT = Event("id-1", b"{}", "arn:f", 1234, "nonce-1")


NEXT = message("next")
NULL = message("response\n\nid-1\nnonce-1\napplication/json", b"null")
ACCEPTED = message("accepted")


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


async def take(api: RuntimeApi, channel: socket.socket, event: Event = EVENT) -> asyncio.Future[Reply | None]:
    """Have the process get an event."""
    channel.sendall(NEXT)
    await api.idle.wait()
    reply = api.hand_over(event)
    await eventually_async(lambda: received(channel))
    return reply


def received(channel: socket.socket) -> bytes:
    try:
        return channel.recv(1 << 16)
    except BlockingIOError:
        return b""


async def is_closed(channel: socket.socket) -> bool:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(channel, 1), 10) == b""


async def test_an_event_comes_with_all_that_is_known_of_it(api: RuntimeApi, channel: socket.socket) -> None:
    channel.sendall(NEXT)
    await api.idle.wait()
    api.hand_over(Event("id-1", b"[1]", "arn:f", 1234, "nonce-1", "Root=1", '{"custom":\n"é"}'))
    told = 'event\nid-1\n1234\narn:f\nRoot=1\nnonce-1\n{"custom":\n"é"}'
    assert received(channel) == message(told, b"[1]")


async def test_an_answer_that_wants_no_confirmation_wakes_the_process_by_the_next_event_only(
    api: RuntimeApi, channel: socket.socket
) -> None:
    reply = await take(api, channel)
    channel.sendall(NULL + NEXT)
    await eventually_async(api.idle.is_set)
    assert reply.result() == Reply(b"null")
    assert received(channel) == b""
    api.hand_over(Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    assert received(channel).startswith(message("event\nid-2\n1234\narn:f\n\nnonce-2\n", b"{}"))


async def test_an_answer_that_is_to_be_confirmed_is_accepted_at_once(api: RuntimeApi, channel: socket.socket) -> None:
    await take(api, channel)
    channel.sendall(message("response\nconfirm\nid-1\nnonce-1\napplication/json", b"null"))
    await eventually_async(lambda: received(channel) == ACCEPTED)


async def test_a_failure_is_one(api: RuntimeApi, channel: socket.socket) -> None:
    reply = await take(api, channel)
    channel.sendall(message('error\n\nid-1\n\n{"cause": 1}', b"{}"))
    assert await reply == Reply(b"{}", failed=True)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 50])
async def test_messages_are_put_together_wherever_they_were_cut(
    api: RuntimeApi, channel: socket.socket, size: int
) -> None:
    reply = await take(api, channel)
    sent = NULL + NEXT
    for begin in range(0, len(sent), size):
        channel.sendall(sent[begin : begin + size])
        await asyncio.sleep(0)
    assert await asyncio.wait_for(reply, 10) == Reply(b"null")
    await asyncio.wait_for(api.idle.wait(), 10)


async def test_a_large_answer_comes_whole(api: RuntimeApi, channel: socket.socket) -> None:
    reply = await take(api, channel)
    body = b"x" * LARGEST_RESPONSE
    large = message("response\nconfirm\nid-1\nnonce-1\napplication/json", body)
    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(channel, large), 10)
    assert await asyncio.wait_for(reply, 10) == Reply(body)


async def test_an_answer_that_is_too_large_is_refused_before_it_is_there(
    api: RuntimeApi, channel: socket.socket
) -> None:
    reply = await take(api, channel)
    begun = message("response\nconfirm\nid-1\nnonce-1\napplication/json", b"x" * (LARGEST_RESPONSE + 1))[:100]
    channel.sendall(begun)
    refused = await asyncio.wait_for(reply, 10)
    assert refused is not None
    assert json.loads(refused.payload)["errorType"] == "Function.ResponseSizeTooLarge"
    await eventually_async(lambda: received(channel) == message("refused\nRequestEntityTooLarge"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (message("response\n\nid-0\nnonce-1\napplication/json", b"null"), "InvalidRequestID"),
        (message("response\n\nid-1\nnonce-0\napplication/json", b"null"), "InvokeTimeout"),
        (NULL + NULL, "InvalidStateTransition"),
        (NEXT, "InvalidStateTransition"),
    ],
    ids=["of no event", "of another attempt", "twice", "none"],
)
async def test_a_process_whose_answer_is_refused_gets_no_event_for_the_call_that_it_sent_with_it(
    api: RuntimeApi, channel: socket.socket, answer: bytes, why: str
) -> None:
    await take(api, channel)
    channel.sendall(answer + NEXT)
    await eventually_async(lambda: received(channel) == message(f"refused\n{why}"))
    channel.sendall(NEXT)
    # What was sent has been read once the other end of another connection has answered.
    with await api.channel() as other:
        other.setblocking(False)
        other.sendall(message("response\n\nnobody's\n\n"))
        await eventually_async(lambda: received(other))
    assert not api.idle.is_set()


async def test_a_process_whose_second_answer_is_refused_gets_no_event_for_a_call_sent_before(
    api: RuntimeApi, channel: socket.socket
) -> None:
    reply = await take(api, channel)
    channel.sendall(NULL + NEXT + NULL + NEXT)
    assert await asyncio.wait_for(reply, 10) == Reply(b"null")
    await eventually_async(lambda: received(channel) == message("refused\nInvalidStateTransition"))
    assert not api.idle.is_set()


AGAIN = message("response\nagain\nid-1\nnonce-1\napplication/json")


async def test_an_event_that_a_process_with_a_second_answer_has_not_begun_is_told_to_be_unread(
    api: RuntimeApi, channel: socket.socket
) -> None:
    await take(api, channel)
    channel.sendall(NULL + NEXT)
    await eventually_async(api.idle.is_set)
    reply = api.hand_over(Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    await eventually_async(lambda: received(channel))
    assert not api.unread
    channel.sendall(AGAIN + NEXT)
    assert await asyncio.wait_for(reply, 10) is None
    assert api.unread
    await eventually_async(lambda: received(channel) == message("refused\nInvalidStateTransition"))
    assert not api.idle.is_set()


async def test_a_second_answer_before_there_is_another_event_takes_the_call_for_it_back(
    api: RuntimeApi, channel: socket.socket
) -> None:
    reply = await take(api, channel)
    channel.sendall(NULL + NEXT + AGAIN)
    assert await asyncio.wait_for(reply, 10) == Reply(b"null")
    await eventually_async(lambda: received(channel) == message("refused\nInvalidStateTransition"))
    assert not api.idle.is_set()
    assert not api.unread


async def test_a_second_answer_of_one_process_takes_no_event_from_another(
    api: RuntimeApi, channel: socket.socket
) -> None:
    await take(api, channel)
    channel.sendall(NULL)
    with await api.channel() as other:
        other.setblocking(False)
        reply = await take(api, other, Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
        channel.sendall(AGAIN)
        await eventually_async(lambda: received(channel) == message("refused\nInvalidStateTransition"))
        assert not reply.done()


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\1\0\0\0\0\xff", message("response\nto"), message("hello")],
    ids=["too long a head", "no text", "too few fields", "no call"],
)
async def test_what_is_no_message_is_refused_at_once(api: RuntimeApi, channel: socket.socket, sent: bytes) -> None:
    channel.sendall(NEXT)
    await api.idle.wait()
    channel.sendall(sent)
    await eventually_async(lambda: received(channel) == message("refused\nInvalidRequest"))
    assert not api.idle.is_set()


async def test_an_answer_beside_one_that_is_being_posted_over_http_is_refused(
    api: RuntimeApi, channel: socket.socket
) -> None:
    host, _, port = (await api.start()).rpartition(":")
    reply = await take(api, channel)
    with socket.create_connection((host, int(port))) as posting:
        head = b"POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: here\r\n"
        posting.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nodd\r\n")
        await eventually_async(lambda: api._incoming is not None)
        channel.sendall(NULL + NEXT)
        await eventually_async(lambda: received(channel) == message("refused\nInvalidStateTransition"))
    assert not reply.done()


async def test_a_process_that_is_gone_while_it_waits_gets_no_event(api: RuntimeApi, channel: socket.socket) -> None:
    channel.sendall(NEXT)
    await api.idle.wait()
    channel.close()
    await eventually_async(lambda: not api.idle.is_set())
    with await api.channel() as anew:
        anew.setblocking(False)
        await take(api, anew)


async def test_a_process_that_is_gone_after_it_has_asked_anew_elsewhere_changes_nothing(
    api: RuntimeApi, channel: socket.socket
) -> None:
    channel.sendall(NEXT)
    await api.idle.wait()
    with await api.channel() as anew:
        anew.setblocking(False)
        anew.sendall(NEXT)
        await eventually_async(lambda: received(channel) == message("refused\nInvalidStateTransition"))
        channel.close()
        await eventually_async(lambda: len(api._channels) == 1)
        assert api.idle.is_set()
        api.hand_over(EVENT)
        assert received(anew).startswith(message("event\nid-1\n1234\narn:f\n\nnonce-1\n", b"{}"))


async def test_the_runtime_apis_port_speaks_as_the_socket_does_once_it_is_asked_to(api: RuntimeApi) -> None:
    host, _, port = (await api.start()).rpartition(":")
    with socket.create_connection((host, int(port))) as connected:
        connected.setblocking(False)
        ask = b"GET /samlet/channel HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: samlet\r\n\r\n"
        connected.sendall(ask)
        await eventually_async(lambda: received(connected).startswith(b"HTTP/1.1 101 "))
        reply = await take(api, connected)
        connected.sendall(NULL + NEXT)
        assert await asyncio.wait_for(reply, 10) == Reply(b"null")
        await api.stop()
        assert await is_closed(connected)


async def test_the_end_of_the_runtime_api_ends_its_sockets(api: RuntimeApi, channel: socket.socket) -> None:
    await take(api, channel)
    await api.stop()
    assert await is_closed(channel)
