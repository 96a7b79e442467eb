"""A whole Samlet with a debugger on a function: from the command line to the answer over HTTP."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from dap_client import DapClient
from samlet.emulator import Options
from samlet.emulator.debugging import chosen
from samlet.errors import ProjectError
from samlet.model import Function
from toy import CODE, Toy
from waiting import eventually

pytestmark = pytest.mark.xdist_group("whole")

LINE = 1 + next(number for number, line in enumerate(CODE.splitlines()) if '"statusCode": 200' in line)


def port_of(toy: Toy, function: str) -> int:
    told = eventually(lambda: re.findall(rf"debugger of {function}: 127\.0\.0\.1:(\d+)", toy.log))
    return int(told[0])


async def test_a_request_waits_at_a_breakpoint_longer_than_its_integration_may_take_and_meets_a_saved_file(
    toy: Toy,
) -> None:
    template = toy.folder / "template.yaml"
    template.write_text(template.read_text().replace("Path: /hello}", "Path: /hello, TimeoutInMillis: 1000}"))
    toy.arguments = ("--debug-port", "0", "--debug-function", "Hello")
    await asyncio.to_thread(toy.start)
    client = await DapClient.connect(port_of(toy, "Hello"))
    await client.attach(toy.folder / "code" / "app.py", LINE)
    async with httpx.AsyncClient(timeout=30) as http:
        request = asyncio.create_task(http.get(f"{toy.addresses['api']}/hello"))
        assert await client.evaluate_where_it_stopped("event['rawPath']") == "'/hello'"
        done, _ = await asyncio.wait([request], timeout=2)
        assert not done
        await client.carry_on()
        assert (await request).text.startswith("hello ")

        (toy.folder / "code" / "app.py").write_text(CODE.replace('os.environ["GREETING"]', '"new "'))
        assert (await client.event("terminated"))["restart"] is True
        client.close()
        again = await DapClient.connect(port_of(toy, "Hello"))
        await again.attach(toy.folder / "code" / "app.py", LINE)
        request = asyncio.create_task(http.get(f"{toy.addresses['api']}/hello"))
        await again.event("stopped")
        await again.carry_on()
        assert (await request).text.startswith("new ")
        again.close()


def test_each_function_gets_the_port_after_the_one_before_and_those_of_on_start_none(toy: Toy) -> None:
    toy.arguments = ("--debug-port", "0")
    toy.start()
    assert port_of(toy, "Hello") != port_of(toy, "Tick")
    assert "debugger of Prepare" not in toy.log


def test_a_port_that_is_taken_is_told_before_anything_runs(toy: Toy) -> None:
    toy.start()
    other = Toy(toy.folder.parent / "other", arguments=("--debug-port", toy.addresses["api"].rpartition(":")[2]))
    other.launch()
    assert other.process.wait(60) == 1
    assert re.search(r"samlet: port \d+ for the debugger of Hello is taken; set --debug-port to another one", other.log)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("up", "--debug-port", "0", "--debug-function", "Nobody"), "samlet: --debug-function Nobody: there are Hello"),
        (("invoke", "Nobody", "--debug-port", "0"), "samlet: --debug-function Nobody: there are Hello"),
    ],
)
def test_what_cannot_be_debugged_is_one_clear_line(toy: Toy, arguments: tuple[str, ...], line: str) -> None:
    refused = toy.command(*arguments)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(line)


def test_a_running_samlet_cannot_be_debugged_afterwards(toy: Toy) -> None:
    toy.start()
    refused = toy.command("invoke", "Hello", "--debug-port", "0")
    assert refused.returncode == 1
    assert refused.stderr == "samlet: Samlet runs here already; stop it, or start it with --debug-port\n"


@pytest.fixture
def functions(tmp_path: Path) -> Mapping[str, Function]:
    python = Function("A", "a-name", "python3.13", "app.handler", tmp_path)
    return {
        "A": python,
        "B": replace(python, logical_id="B", name="b-name"),
        "Go": replace(python, logical_id="Go", name="go", runtime="provided.al2023"),
    }


def test_without_names_all_python_functions_are_debugged_but_those_of_on_start(
    functions: Mapping[str, Function],
) -> None:
    assert chosen(functions, Options(), []) == []
    assert chosen(functions, Options(debug_port=1), []) == ["A", "B"]
    assert chosen(functions, Options(debug_port=1), ["a-name"]) == ["B"]
    assert chosen(functions, Options(debug_port=1, debug_functions=("a-name", "B")), ["A"]) == ["A", "B"]


def test_only_python_can_be_debugged(functions: Mapping[str, Function]) -> None:
    with pytest.raises(ProjectError, match=r"Go: it runs on provided.al2023; only Python can be debugged"):
        chosen(functions, Options(debug_port=1, debug_functions=("Go",)), [])
