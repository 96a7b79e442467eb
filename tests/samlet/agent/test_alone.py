"""The agent by itself: the runtime's end of the line is played by the test, or there is none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from agents import Agents, Play
from functions_on_the_spot import MakeFunction
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import wire
from samlet.runtime.request import Request
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.services.ports import free_port
from waiting import eventually_async

SLOW = """
    import time
    time.sleep(1.5)
    def handler(event, context):
        time.sleep(event)
        print("the last line")
        return event
"""


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[Agents]:
    """A port that nobody listens on."""
    agents = Agents(free_port(), tmp_path, [])
    yield agents
    await agents.end_all()


async def until(line: web.WebSocketResponse, kind: str) -> wire.Message:
    """The next message of a kind; the test fails if the line ends before."""
    while True:
        message: wire.Message = await line.receive_json()
        if message["type"] == kind:
            return message


def configuration(function: Function) -> wire.Message:
    return wire.configure(function, SandboxSettings(Reaper()))


async def test_pings_are_answered_while_a_sandbox_comes_up_and_while_an_event_runs(
    play: Play, make: MakeFunction
) -> None:
    function, heard = make(SLOW), asyncio.get_running_loop().create_future()

    async def part(line: web.WebSocketResponse) -> None:
        await line.send_json(configuration(function))
        await until(line, "ready")
        await line.send_json(wire.invoke(Request("one", b"1.5")))
        heard.set_result(wire.outcome_of(await until(line, "outcome")))

    async with play(part) as agents:
        await agents.agent(function)
        outcome = await asyncio.wait_for(heard, 20)
    assert (outcome.request_id, outcome.payload) == ("one", b"1.5")


async def test_an_event_that_crosses_the_agents_leaving_is_handled(play: Play, make: MakeFunction) -> None:
    function, ready, heard = make(SLOW), asyncio.Event(), asyncio.get_running_loop().create_future()

    async def part(line: web.WebSocketResponse) -> None:
        await line.send_json(configuration(function))
        await until(line, "ready")
        ready.set()
        await until(line, "leaving")
        await line.send_json(wire.invoke(Request("one", b"0.5")))
        heard.set_result(wire.outcome_of(await until(line, "outcome")))

    async with play(part) as agents:
        agent = await agents.agent(function)
        await asyncio.wait_for(ready.wait(), 20)
        status, _ = await agents.end(agent)
        assert status == 0
        assert (await asyncio.wait_for(heard, 5)).payload == b"0.5"


async def test_an_event_of_its_own_is_heard_to_the_last_line(play: Play, make: MakeFunction) -> None:
    function, lines = make(SLOW), list[str]()

    async def part(line: web.WebSocketResponse) -> None:
        await line.send_json(configuration(function))
        async for message in line:
            lines.append(message.json()["text"])

    async with play(part) as agents:
        agent = await agents.agent(function, "--invoke", "1.5")
        output, _ = await asyncio.wait_for(agent.communicate(), 20)
        assert agent.returncode == 0, output
        await eventually_async(lambda: "the last line" in lines)


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--invoke", "{}"), 1)])
async def test_sigterm_ends_an_agent_that_waits_for_a_runtime(
    nobody: Agents, make: MakeFunction, options: tuple[str, ...], status: int
) -> None:
    agent = await nobody.agent(make(""), *options)
    assert agent.stdout
    assert b"not attached" in await asyncio.wait_for(agent.stdout.readline(), 20)
    assert (await nobody.end(agent))[0] == status


async def test_sigterm_ends_an_agent_whose_function_comes_up(play: Play, make: MakeFunction) -> None:
    function, configured = make("import time; time.sleep(600)"), asyncio.Event()

    async def part(line: web.WebSocketResponse) -> None:
        await line.send_json(configuration(function))
        configured.set()
        async for _ in line:
            """It says nothing worth hearing."""

    async with play(part) as agents:
        agent = await agents.agent(function)
        await configured.wait()
        assert (await asyncio.wait_for(agents.end(agent), 5))[0] == 0


async def test_a_ready_file_of_a_former_life_is_removed(nobody: Agents, make: MakeFunction, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.touch()
    await nobody.agent(make(""), "--ready-file", str(ready))
    await eventually_async(lambda: not ready.exists())


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
async def test_a_token_file_that_says_nothing_ends_the_agent_with_its_name(
    nobody: Agents, make: MakeFunction, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "another-token"
    if content is not None:
        file.write_bytes(content)
    agent = await nobody.agent(make(""), "--token-file", str(file))
    output, _ = await asyncio.wait_for(agent.communicate(), 20)
    assert agent.returncode == 2
    assert str(file).encode() in output
    assert len(output.splitlines()) == 1


async def test_a_bootstrap_that_is_not_there_ends_the_agent_with_its_name(nobody: Agents, make: MakeFunction) -> None:
    agent = await nobody.agent(make(""), "--bootstrap", "/nowhere/bootstrap")
    output, _ = await asyncio.wait_for(agent.communicate(), 20)
    assert agent.returncode == 2
    assert b"/nowhere/bootstrap is no file" in output


async def test_a_bootstrap_that_cannot_be_run_is_said_and_tried_again(
    play: Play, make: MakeFunction, tmp_path: Path
) -> None:
    function, dialled = make(""), list[int]()
    bootstrap = tmp_path / "not-executable"
    bootstrap.touch(mode=0o600)

    async def part(line: web.WebSocketResponse) -> None:
        dialled.append(1)
        await line.send_json(configuration(function))
        assert (await line.receive()).type is web.WSMsgType.CLOSE

    async with play(part) as agents:
        agent = await agents.agent(function, "--bootstrap", str(bootstrap))
        await eventually_async(lambda: len(dialled) > 1, timeout=20)
        _, output = await agents.end(agent)
        assert "Permission denied" in output
        once = await agents.agent(function, "--bootstrap", str(bootstrap), "--invoke", "{}")
        told, _ = await asyncio.wait_for(once.communicate(), 20)
    assert once.returncode == 1
    assert b"Permission denied" in told
    assert b"Traceback" not in told
