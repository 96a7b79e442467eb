"""A debugger on a function in a real sandbox: breakpoints, and no time-out while somebody looks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from dap_client import DapClient
from functions_on_the_spot import MakeFunction, functions_of
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Environments, Functions
from samlet.runtime.debugger import Debugger
from waiting import eventually_async

SOURCE = """\
def handler(event, context):
    doubled = event * 2
    return [doubled, context.get_remaining_time_in_millis() > 0]
"""
LINE = 3

type Debugged = Callable[..., Any]
type Connect = Callable[[int], Awaitable[DapClient]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects clients; those that a test leaves open are closed."""
    clients: list[DapClient] = []

    async def connect_one(port: int) -> DapClient:
        clients.append(await DapClient.connect(port))
        return clients[-1]

    yield connect_one
    for client in clients:
        client.close()


@pytest.fixture
def debugged(environments: Environments, reaper: Reaper) -> Debugged:
    """Functions of which one has a debugger's port."""

    @asynccontextmanager
    async def run(function: Function, **settings: Any) -> AsyncIterator[tuple[Functions, Debugger]]:
        await environments.prepare([function])
        package = await environments.debugger_for(function)
        debugger = Debugger(function.name, package, lambda: made.warm(function.logical_id))
        await debugger.listen("127.0.0.1", 0)
        debuggers = {function.logical_id: debugger}
        made = functions_of(function, environments=environments, reaper=reaper, debuggers=debuggers, **settings)
        await made.start()
        try:
            yield made, debugger
        finally:
            await debugger.stop()
            await made.stop()

    return run


async def test_a_time_out_is_held_while_the_function_stands_at_a_line(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make(SOURCE, timeout=1, memory=128)
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        running = asyncio.ensure_future(functions.invoke("Echo", b"21"))
        assert await client.evaluate_where_it_stopped("doubled") == "42"
        await eventually_async(lambda: debugger.held() > 1.5)
        assert not running.done()
        await client.carry_on()
        assert json.loads((await running).payload) == [42, True]


async def test_the_time_that_does_not_stand_still_counts_as_ever(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    source = "import time\ndef handler(event, context):\n    pass\n    time.sleep(30)\n"
    function = make(source, timeout=1)
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", 3)
        running = asyncio.ensure_future(functions.invoke("Echo", b"0"))
        await client.event("stopped")
        await eventually_async(lambda: debugger.held() > 1.2)
        await client.carry_on()
        assert json.loads((await running).payload)["errorType"] == "Sandbox.Timedout"


async def test_the_initialisation_waits_for_a_client_beyond_its_limit_and_says_so(
    make: MakeFunction, debugged: Debugged, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    function = make("VALUE = 7\ndef handler(event, context):\n    return VALUE\n")
    async with debugged(function, init_limit=3.0) as (functions, debugger):
        running = asyncio.ensure_future(functions.invoke("Echo", b"0"))
        await eventually_async(lambda: debugger.held() > 3.5)
        assert f"waiting for a debugger to attach to 127.0.0.1:{debugger.port}" in capsys.readouterr().err
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", 1)
        await client.event("stopped")  # while the module is loaded
        await client.carry_on()
        assert (await running).payload == b"7"


async def test_events_queue_for_the_one_sandbox_and_none_is_throttled_meanwhile(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make(SOURCE)
    async with debugged(function, queue_seconds=1.0) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        first, second = (asyncio.ensure_future(functions.invoke("Echo", event)) for event in (b"1", b"2"))
        await client.event("stopped")
        at = debugger.held()
        await eventually_async(lambda: debugger.held() > at + 1.5)
        assert len(functions.status()["Echo"]["sandboxes"]) == 1
        await client.carry_on()
        assert json.loads((await first).payload)[0] == 2
        await client.event("stopped")
        await client.carry_on()
        assert json.loads((await second).payload)[0] == 4


async def test_over_a_reload_the_client_is_asked_to_come_again_to_the_same_port(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make(SOURCE)
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        # Of another length: nobody watches files here, so what Python has compiled within the same second would count.
        (function.code / "app.py").write_text(SOURCE.replace("* 2", "* 3  # thrice"))
        functions.outdate(["Echo"])
        assert (await client.event("terminated"))["restart"] is True
        client.close()
        again = await connect(debugger.port)
        await again.attach(function.code / "app.py", LINE)
        running = asyncio.ensure_future(functions.invoke("Echo", b"21"))
        assert await again.evaluate_where_it_stopped("doubled") == "63"
        await again.carry_on()
        assert json.loads((await running).payload)[0] == 63


async def test_who_detaches_is_not_waited_for_and_may_come_back(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make(SOURCE)
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        await client.leave()
        assert json.loads((await functions.invoke("Echo", b"1")).payload)[0] == 2
        functions.outdate(["Echo"])
        assert json.loads((await functions.invoke("Echo", b"2")).payload)[0] == 4
        again = await connect(debugger.port)
        await again.attach(function.code / "app.py", LINE)
        running = asyncio.ensure_future(functions.invoke("Echo", b"3"))
        assert await again.evaluate_where_it_stopped("event") == "3"
        await again.carry_on()
        await running


async def test_a_client_that_vanishes_at_a_line_lets_the_event_go_on(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make(SOURCE, timeout=5)
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        running = asyncio.ensure_future(functions.invoke("Echo", b"1"))
        await client.event("stopped")
        client.close()
        assert json.loads((await running).payload)[0] == 2


async def test_a_second_client_is_refused_while_one_is_attached(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make(SOURCE)
    async with debugged(function) as (_, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        second = await connect(debugger.port)
        assert await second.at_end()
        assert (await client.ask("threads"))["threads"]


async def test_a_web_page_cannot_reach_the_debugger(make: MakeFunction, debugged: Debugged, connect: Connect) -> None:
    body = b'{"seq": 1, "type": "request", "command": "initialize", "arguments": {}}'
    request = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with debugged(make(SOURCE)) as (functions, debugger):
        reader, writer = await asyncio.open_connection("127.0.0.1", debugger.port)
        writer.write(request)
        assert await reader.read() == b""
        writer.close()
        assert functions.status()["Echo"]["sandboxes"] == []


async def test_the_memory_limit_is_not_enforced_on_a_function_with_a_debugger(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    source = """
        import time
        def handler(event, context):
            block = bytearray(150_000_000)
            time.sleep(0.6)
            return len(block)
    """
    function = make(source, memory=128)
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", 0)
        assert (await functions.invoke("Echo", b"0")).payload == b"150000000"


async def test_nothing_of_the_debugger_is_left_behind(make: MakeFunction, debugged: Debugged, connect: Connect) -> None:
    function = make(SOURCE)
    async with debugged(function) as (_, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        greeter = str(debugger._greeter_port)
        package = str(debugger.package)

        def ours() -> list[psutil.Process]:
            found = []
            for process in psutil.process_iter(["cmdline"]):
                line = process.info["cmdline"] or []
                if any(package in word for word in line):
                    found.append(process)
            return found

        before = ours()
        assert any(greeter in process.info["cmdline"] for process in before)
    mine = [process for process in before if process in ours()]
    await eventually_async(lambda: not any(process.is_running() for process in mine))
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", debugger.port)


async def test_a_function_does_not_see_the_debuggers_package(
    make: MakeFunction, debugged: Debugged, connect: Connect
) -> None:
    function = make("import os, sys\ndef handler(event, context):\n    return [sys.path, dict(os.environ)]\n")
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", 0)
        path, variables = json.loads((await functions.invoke("Echo", b"0")).payload)
        assert str(debugger.package) not in path
        assert not [value for value in variables.values() if str(debugger.package) in value]


def test_a_debugged_function_waits_in_line_and_is_not_tried_again(make: MakeFunction) -> None:
    from samlet.emulator.debugging import adapted

    function = make(SOURCE, reserved_concurrency=5)
    off = replace(make(SOURCE, "Off"), reserved_concurrency=0)
    found = adapted({"Echo": function, "Off": off, "Other": function}, ["Echo", "Off"])
    assert (found["Echo"].reserved_concurrency, found["Echo"].asynchronous.max_retries) == (None, 0)
    assert found["Off"].reserved_concurrency == 0
    assert found["Other"] == function


EXTENSION = """#!/usr/bin/env python3
import json, os, sys, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"
def call(path, headers, body=None):
    return urllib.request.urlopen(urllib.request.Request(API + path, body, headers))
known = call("/register", {"Lambda-Extension-Name": "beside"}, b'{"events": ["INVOKE", "SHUTDOWN"]}').headers
me = {"Lambda-Extension-Identifier": known["Lambda-Extension-Identifier"]}
while json.load(call("/event/next", me))["eventType"] == "INVOKE":
    print("heard of it", flush=True)
"""


async def test_an_external_extension_runs_beside_a_function_that_stands_at_a_line(
    make: MakeFunction, debugged: Debugged, connect: Connect, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "layer" / "extensions" / "beside"
    program.parent.mkdir(parents=True)
    program.write_text(EXTENSION)
    program.chmod(0o755)
    function = make(SOURCE, timeout=1, layers=(tmp_path / "layer",))
    async with debugged(function) as (functions, debugger):
        client = await connect(debugger.port)
        await client.attach(function.code / "app.py", LINE)
        for _ in range(2):
            at = debugger.held()
            running = asyncio.ensure_future(functions.invoke("Echo", b"21"))
            await client.event("stopped")
            await eventually_async(lambda: debugger.held() > at + 1.2)  # noqa: B023  # awaited here
            assert not running.done()
            await client.carry_on()
            assert json.loads((await running).payload) == [42, True]
    assert capfd.readouterr().err.count("heard of it") == 2
