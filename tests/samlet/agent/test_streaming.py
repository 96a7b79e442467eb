"""Answers that are streamed by a function in a container, through its agent and the runtime."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from agents import Runtime, StartRuntime
from functions_on_the_spot import MakeFunction
from samlet.http_parts import BrokenOff
from samlet.model import Function
from samlet.runtime.answers import LARGEST_KEPT, AnswerStream
from streaming_bootstrap import write_bootstrap
from waiting import eventually_async


@pytest.fixture
def function(make: MakeFunction) -> Function:
    made = make("", runtime="provided.al2023", memory=512, timeout=30)
    write_bootstrap(made.code)
    return made


async def begun(running: Runtime, function: Function) -> Any:
    agent = await running.agent(function, "--bootstrap", str(function.code / "bootstrap"))
    await running.attached(function)
    return agent


def asked(running: Runtime, **event: Any) -> AnswerStream:
    return running.functions.invoke_stream("Echo", json.dumps(event).encode())


async def rest(stream: AnswerStream) -> bytes:
    parts = []
    while part := await stream.read():
        parts.append(part)
    return b"".join(parts)


async def test_a_part_comes_from_an_agent_before_the_next_one_is_made(
    runtime: StartRuntime, function: Function, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with runtime(function) as running:
        await begun(running, function)
        stream = asked(running, say=["one", "two"], gates=[None, str(gate)], type="text/x")
        assert await stream.read() == b"one"
        assert (stream.content_type, stream.outcome.done()) == ("text/x", False)
        gate.touch()
        assert await rest(stream) == b"two"
        outcome = await stream.outcome
        assert (outcome.ok, outcome.payload, outcome.size) == (True, b"onetwo", 6)


@pytest.mark.parametrize(("end", "kind"), [("trailers", "Late"), ("exit", "Runtime.ExitError"), ("error", "Early")])
async def test_a_failure_at_an_agent_breaks_off_the_answer_and_the_next_event_is_served(
    runtime: StartRuntime, function: Function, end: str, kind: str
) -> None:
    async with runtime(function) as running:
        await begun(running, function)
        stream = asked(running, say=["one"], end=end)
        if end != "error":
            assert await stream.read() == b"one"
        with pytest.raises(BrokenOff):
            await stream.read()
        assert json.loads((await stream.outcome).payload)["errorType"] == kind
        assert await rest(asked(running, say=["again"])) == b"again"
        whole = await running.functions.invoke("Echo", b'{"say": ["who", "le"]}')
        assert (whole.payload, whole.streamed) == (b"whole", None)


async def test_a_reader_who_does_not_read_holds_up_a_function_at_an_agent(
    runtime: StartRuntime, function: Function
) -> None:
    size = 24 * 1024 * 1024
    async with runtime(function) as running:
        await begun(running, function)
        stream = asked(running, size=size)
        await eventually_async(lambda: stream._paused)
        assert stream.size < 1024 * 1024
        assert not stream.outcome.done()
        assert len(await rest(stream)) == size
        outcome = await stream.outcome
        assert (outcome.size, len(outcome.payload)) == (size, LARGEST_KEPT)


async def test_a_function_at_an_agent_goes_on_to_its_end_for_a_reader_who_has_gone(
    runtime: StartRuntime, function: Function
) -> None:
    size = 24 * 1024 * 1024
    async with runtime(function) as running:
        await begun(running, function)
        stream = asked(running, size=size)
        await eventually_async(lambda: stream._paused)
        stream.drop()
        assert (await stream.outcome).size == size


async def test_an_agent_that_vanishes_breaks_off_what_it_streams(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        agent = await begun(running, function)
        stream = asked(running, say=["one"], end="hang")
        assert await stream.read() == b"one"
        await running.end(agent, signal.SIGKILL)
        with pytest.raises(BrokenOff):
            await stream.read()
