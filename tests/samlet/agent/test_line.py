"""The line between runtime and agent, with the agent's end of it played by the test."""

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from agents import TOKEN, Runtime, StartRuntime
from functions_on_the_spot import MakeFunction
from samlet.agent.outgoing import Outgoing
from samlet.errors import Throttled
from samlet.model import Function
from samlet.runtime import wire
from waiting import eventually_async

HEADERS = {"Authorization": f"Bearer {TOKEN}", wire.VERSION_HEADER: wire.VERSION}

type Line = aiohttp.ClientWebSocketResponse


@pytest.fixture
def function(make: MakeFunction) -> Function:
    return make("def handler(event, context): return event", timeout=30)


@asynccontextmanager
async def dialled(running: Runtime, function: str = "Echo", **headers: str) -> AsyncIterator[Line]:
    """A connection as an agent makes it."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"http://127.0.0.1:{running.port}/agents/{function}",
            headers=HEADERS | headers,
            max_msg_size=wire.LARGEST_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.1),
        ) as line,
    ):
        yield line


@asynccontextmanager
async def attached(running: Runtime) -> AsyncIterator[Line]:
    """An agent that has said that it is ready, and says nothing more by itself."""
    before = len(running.functions.status()["Echo"]["sandboxes"])
    async with dialled(running) as line:
        assert (await line.receive_json())["type"] == "configure"
        await line.send_json({"type": "ready", "pid": 7})
        await eventually_async(lambda: len(running.functions.status()["Echo"]["sandboxes"]) == before + 1)
        yield line


def answer(event: dict[str, Any], payload: bytes = b'"done"') -> dict[str, Any]:
    return {
        "type": "outcome",
        "request_id": event["request_id"],
        "payload": base64.b64encode(payload).decode(),
        "function_error": None,
        "log_tail": "",
        "duration_ms": 1.0,
        "init_ms": None,
        "memory_used": 1,
        "pid": 7,
    }


@pytest.mark.parametrize(
    ("function_name", "headers", "status"),
    [
        ("Echo", {"Authorization": ""}, 403),
        ("Echo", {"Authorization": TOKEN}, 403),
        ("Echo", {"Authorization": f"Bearer {TOKEN}x"}, 403),
        ("Echo", {"Authorization": "Bearer ü\udcff"}, 403),
        ("Nobody", {"Authorization": ""}, 403),
        ("Nobody", {}, 404),
        ("Echo", {"Origin": "http://127.0.0.1:8080"}, 403),
        ("Echo", {wire.VERSION_HEADER: "0"}, 426),
    ],
    ids=str,
)
async def test_who_is_no_agent_of_ours_is_told_nothing(
    runtime: StartRuntime, function: Function, function_name: str, headers: dict[str, str], status: int
) -> None:
    async with runtime(function) as running:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with dialled(running, function_name, **headers):
                pass
    assert refused.value.status == status


async def test_an_agent_that_leaves_between_events_is_let_go_at_once(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running, attached(running) as line:
        await line.send_json({"type": "leaving"})
        assert (await asyncio.wait_for(line.receive(), 5)).type is aiohttp.WSMsgType.CLOSE
        assert running.sandboxes(function) == []


async def test_an_agent_that_leaves_during_an_event_is_let_go_after_it(
    runtime: StartRuntime, function: Function
) -> None:
    async with runtime(function) as running, attached(running) as line:
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", b"{}"))
        event = await line.receive_json()
        await line.send_json({"type": "leaving"})
        await line.send_json(answer(event))
        assert (await under_way).payload == b'"done"'
        assert (await asyncio.wait_for(line.receive(), 5)).type is aiohttp.WSMsgType.CLOSE
        assert running.sandboxes(function) == []


async def test_an_event_that_crosses_a_leaving_is_handled(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        agent = await running.agent(function)
        await running.attached(function)
        agent.terminate()
        while running.sandboxes(function):
            try:
                assert (await running.functions.invoke("Echo", b"{}")).ok
            except Throttled:
                break
        assert await asyncio.wait_for(agent.wait(), 20) == 0


async def test_an_agent_that_leaves_counts_for_the_reserved_concurrency_until_its_event_is_over(
    runtime: StartRuntime, make: MakeFunction
) -> None:
    function = make("", reserved_concurrency=1)
    async with runtime(function) as running, attached(running) as first:
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", b"{}"))
        event = await first.receive_json()
        async with attached(running):
            await first.send_json({"type": "leaving"})
            await first.send_json(wire.line("so that the word before it was heard"))
            with pytest.raises(Throttled, match="reserved concurrency"):
                await asyncio.wait_for(running.functions.invoke("Echo", b"{}"), 5)
            await first.send_json(answer(event))
            assert (await under_way).ok


async def test_an_agent_from_before_there_were_streams_answers_who_asks_for_one(
    runtime: StartRuntime, function: Function
) -> None:
    async with runtime(function) as running, attached(running) as line:
        stream = running.functions.invoke_stream("Echo", b"{}")
        await line.send_json(answer(await line.receive_json()))
        assert await stream.read() == b'"done"'
        assert await stream.read() == b""
        assert stream.content_type == "application/json"


async def test_a_part_of_another_events_answer_is_not_taken_for_one_of_this(
    runtime: StartRuntime, function: Function
) -> None:
    async with runtime(function) as running, attached(running) as line:
        stream = running.functions.invoke_stream("Echo", b"{}")
        event = await line.receive_json()
        for said in (wire.begun("another", "a/b"), wire.part("another", b"wrong")):
            await line.send_json(said)
        await line.send_json(answer(event))
        assert await stream.read() == b'"done"'


async def test_the_answer_to_another_event_is_not_taken_for_this_one(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running, attached(running) as line:
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", b"{}"))
        event = await line.receive_json()
        await line.send_json(answer(event | {"request_id": "another"}, b'"wrong"'))
        await line.send_json(answer(event))
        assert (await under_way).payload == b'"done"'


async def test_an_answer_as_long_as_a_stream_may_be_gets_through(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running, attached(running) as line:
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", b"{}"))
        event = await line.receive_json()
        await line.send_json(answer(event, b"x" * 40_000_000))
        assert len((await under_way).payload) == 40_000_000


@pytest.mark.parametrize("size", [2, 30_000_000])
async def test_an_event_for_an_agent_that_is_frozen_fails_as_after_a_crash(
    runtime: StartRuntime, function: Function, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(wire, "HEARTBEAT", 0.4)
    async with runtime(function) as running:
        agent = await running.agent(function)
        await running.attached(function)
        agent.send_signal(signal.SIGSTOP)
        outcome = await asyncio.wait_for(running.functions.invoke("Echo", json.dumps("x" * size).encode()), 10)
        assert json.loads(outcome.payload)["errorType"] == "Runtime.ExitError"
        assert running.sandboxes(function) == []


async def test_stopping_does_not_wait_for_an_agent_that_is_frozen(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        agent = await running.agent(function)
        await running.attached(function)
        agent.send_signal(signal.SIGSTOP)
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", json.dumps("x" * 30_000_000).encode()))
        await eventually_async(lambda: running.sandboxes(function)[0]["state"] == "busy")
        await asyncio.wait_for(running.functions.stop(), 5)
        with pytest.raises(asyncio.CancelledError):
            await under_way


async def test_a_function_that_changes_while_an_agent_comes_up_is_run_as_changed(
    runtime: StartRuntime, function: Function
) -> None:
    async with runtime(function) as running, dialled(running) as line:
        assert (await line.receive_json())["function"]["timeout"] == 30
        await running.functions.replace({"Echo": replace(function, timeout=20)})
        await line.send_json({"type": "ready", "pid": 7})
        assert (await asyncio.wait_for(line.receive(), 5)).type is aiohttp.WSMsgType.CLOSE
        assert running.sandboxes(function) == []
        async with dialled(running) as again:
            assert (await again.receive_json())["function"]["timeout"] == 20


async def test_lines_that_come_too_fast_are_counted_and_everything_else_is_kept_in_order() -> None:
    sent: list[str] = []
    open_now = asyncio.Event()

    async def send(message: wire.Message) -> None:
        await open_now.wait()
        sent.append(str(message.get("text", message["type"])))

    outgoing = Outgoing(send, most=1000)
    sending = asyncio.create_task(outgoing.send())
    for number in range(20):
        outgoing.line(f"{number}")
    outgoing.tell({"type": "outcome"})
    outgoing.line("x" * 1000)
    open_now.set()
    await outgoing.sent()
    outgoing.line("again")
    await outgoing.sent()
    sending.cancel()
    kept = sent.index("outcome") - 1
    assert 0 < kept < 20
    assert sent[:kept] == [str(number) for number in range(kept)]
    assert sent[kept].startswith(f"{20 - kept} lines are left out")
    assert sent[kept + 1 :] == ["outcome", sent[-2], "again"]
    assert sent[-2].startswith("1 lines are left out")
