"""Programs in a layer's `extensions/`: they run beside the runtime, are told what goes on, and end with the sandbox."""

import asyncio
import json
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.model import Function
from samlet.runtime import Environments
from samlet.runtime.external_extensions import extension_variables
from samlet.runtime.layers import programs_in
from waiting import eventually_async

PROGRAM = """#!/usr/bin/env python3
import json, os, sys, time, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"
NAME = os.path.basename(sys.argv[0])
def note(*what):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps([NAME, *what]) + "\\n")
def call(path, body=None, **headers):
    request = urllib.request.Request(API + path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.urlopen(request) as answer:
        return answer.headers, json.loads(answer.read() or b"{}")
EVENTS = ["INVOKE", "SHUTDOWN"]
note("pid", os.getpid())
%s
wanted = json.dumps({"events": EVENTS}).encode()
me = call("/register", wanted, Lambda_Extension_Name=NAME)[0]["Lambda-Extension-Identifier"]
def fail(kind):
    call("/" + kind, b"{}", Lambda_Extension_Identifier=me, Lambda_Extension_Function_Error_Type="Extension.Mine")
%s
while True:
    event = call("/event/next", Lambda_Extension_Identifier=me)[1]
    note("event", event)
    if event["eventType"] == "SHUTDOWN":
        break
%s
"""
SHELL = """#!/bin/sh
url="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
me=$(curl -s -o /dev/null -D - -H "Lambda-Extension-Name: $(basename "$0")" -d '{"events": ["INVOKE", "SHUTDOWN"]}' \\
    "$url/register" | tr -d '\\r' | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
while :; do
    event=$(curl -s -H "Lambda-Extension-Identifier: $me" "$url/event/next")
    echo "[\\"shell\\", \\"event\\", $event]" >> "$NOTES"
    case $event in *SHUTDOWN*) exit 0 ;; esac
done
"""
NOTES = """
    import json, os, time
    def note(*what):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(json.dumps(["runtime", *what]) + "\\n")
    note("imported")
"""
ECHO = (
    NOTES
    + """
    def handler(event, context):
        note("handled", event)
        return os.getpid()
"""
)


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[], list[list[Any]]]:
    def read() -> list[list[Any]]:
        path = tmp_path / "notes"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read


@pytest.fixture
def beside(make: MakeFunction, tmp_path: Path) -> Callable[..., Function]:
    """A function with programs beside it, each in a layer of its own."""

    def make_both(source: str = ECHO, /, **properties: Any) -> Function:
        programs = properties.pop("programs")
        layers = []
        for name, text in programs.items():
            path = tmp_path / "layers" / name / "extensions" / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            path.chmod(0o755)
            layers.append(path.parent.parent)
        environment = {"NOTES": str(tmp_path / "notes")}
        return make(source, layers=tuple(layers), environment=environment, **properties)

    return make_both


def program(*, first: str = "", registered: str = "", invoked: str = "") -> str:
    return PROGRAM % (textwrap.dedent(first), textwrap.dedent(registered), textwrap.indent(invoked, "    "))


def events(notes: list[list[Any]], name: str) -> list[dict[str, Any]]:
    return [note[2] for note in notes if note[:2] == [name, "event"]]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


@pytest.mark.parametrize(
    "programs", [{"watcher.py": program()}, {"shell": SHELL}, {"shell": SHELL, "b": program(), "c": program()}]
)
async def test_an_extension_hears_of_each_invocation_and_of_the_end(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]], programs: dict[str, str]
) -> None:
    async with running(beside(programs=programs)) as functions:
        outcomes = [await functions.invoke("Echo", b"1") for _ in range(2)]
        assert [outcome.function_error for outcome in outcomes] == [None, None]
    for name in programs:
        *invoked, end = events(notes(), name)
        assert [event["eventType"] for event in invoked] == ["INVOKE", "INVOKE"]
        assert [event["requestId"] for event in invoked] == [outcome.request_id for outcome in outcomes]
        assert {event["invokedFunctionArn"] for event in invoked} == {
            "arn:aws:lambda:eu-central-1:000000000000:function:test-echo"
        }
        assert (end["eventType"], end["shutdownReason"]) == ("SHUTDOWN", "spindown")
        assert end["deadlineMs"] > invoked[-1]["deadlineMs"] - 900_000


async def test_the_runtime_starts_when_all_have_registered_and_no_event_comes_before_all_are_ready(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]]
) -> None:
    slow = program(first="time.sleep(0.3)\nnote('registers')", registered="time.sleep(0.5)\nnote('ready')")
    async with running(beside(programs={"slow": slow})) as functions:
        assert (await functions.invoke("Echo", b"1")).ok
    order = [(note[0], note[1]) for note in notes() if note[1] in {"registers", "imported", "ready", "handled"}]
    assert order.index(("slow", "registers")) < order.index(("runtime", "imported"))
    assert order.index(("slow", "ready")) < order.index(("runtime", "handled"))


async def test_the_next_event_waits_for_an_extension_that_is_busy_with_the_last(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]]
) -> None:
    busy = program(invoked="time.sleep(0.3)\nnote('finished')")
    async with running(beside(programs={"busy": busy}), max_sandboxes=1) as functions:
        pids = [told(await functions.invoke("Echo", str(number).encode())) for number in range(2)]
    assert len(set(pids)) == 1
    assert [note[1:] for note in notes() if note[1] in {"handled", "finished"}][:3] == [
        ["handled", 0],
        ["finished"],
        ["handled", 1],
    ]


@pytest.mark.parametrize("at_once", [True, False], ids=["with an event waiting", "with none"])
async def test_an_extension_that_is_not_done_when_the_time_is_up_ends_its_sandbox_though_the_answer_was_given(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]], at_once: bool
) -> None:
    stuck = program(invoked="time.sleep(60)")
    function = beside(programs={"stuck": stuck, "fine": program()}, timeout=1)
    async with running(function, max_sandboxes=1) as functions:
        outcomes = [await functions.invoke("Echo", b"1")]
        if not at_once:
            await eventually_async(lambda: len(events(notes(), "fine")) == 2)
        outcomes.append(await functions.invoke("Echo", b"1"))
    assert [outcome.function_error for outcome in outcomes] == [None, None]
    assert told(outcomes[0]) != told(outcomes[1])
    reasons = [event["shutdownReason"] for event in events(notes(), "fine") if event["eventType"] == "SHUTDOWN"]
    assert reasons[0] == "timeout"


@pytest.mark.parametrize(
    ("line", "reason", "kind"),
    [("time.sleep(60)", "timeout", "Sandbox.Timedout"), ("os._exit(3)", "failure", "Runtime.ExitError")],
)
async def test_an_extension_is_told_why_a_sandbox_ends_and_comes_up_again_with_the_next(
    beside: Callable[..., Function],
    running: Running,
    notes: Callable[[], list[Any]],
    line: str,
    reason: str,
    kind: str,
) -> None:
    function = beside(
        NOTES + f"    def handler(event, context):\n        {line}\n", programs={"a": program()}, timeout=1
    )
    async with running(function) as functions:
        for count in (1, 2):
            assert told(await functions.invoke("Echo", b"1"))["errorType"] == kind
            assert [event["eventType"] for event in events(notes(), "a")] == ["INVOKE", "SHUTDOWN"] * count
    assert {event.get("shutdownReason", reason) for event in events(notes(), "a")} == {reason}


@pytest.mark.parametrize(
    ("text", "kind", "message", "state"),
    [
        (program(first="sys.exit(3)"), "Crash", "exit status 3", "Started"),
        (program(first="os.kill(os.getpid(), 9)"), "Crash", "signal: killed", "Started"),
        (program(registered="sys.exit(0)"), "Crash", "exit code 0", "Registered"),
        (program(registered="fail('init/error')\nsys.exit(0)"), "InitError", "exit code 0", "InitError"),
        (program(registered="fail('exit/error')\nsys.exit(4)"), "ExitError", "exit status 4", "ExitError"),
        ("no program\n", "LaunchError", "fork/exec {path}: exec format error", "LaunchError"),
        ("#!/no/shell\n", "LaunchError", "fork/exec {path}: no such file or directory", "LaunchError"),
    ],
    ids=["exits", "is killed", "leaves", "init/error", "exit/error", "no program", "no shell"],
)
async def test_an_extension_that_does_not_come_up_fails_the_initialisation_in_lambdas_words(
    beside: Callable[..., Function],
    running: Running,
    tmp_path: Path,
    text: str,
    kind: str,
    message: str,
    state: str,
) -> None:
    function = beside(programs={"bad": text})
    async with running(function, log_path=tmp_path / "logs") as functions:
        outcome = await functions.invoke("Echo", b"1")
    path = function.layers[0] / "extensions" / "bad"
    wanted = f"RequestId: {outcome.request_id} Error: {message.format(path=path)}"
    assert told(outcome) == {"errorType": f"Extension.{kind}", "errorMessage": wanted}
    log = (tmp_path / "logs" / f"{function.name}.log").read_text()
    assert f"EXTENSION\tName: bad\tState: {state}\tEvents: [" in log
    assert f"Phase: init\tStatus: error\tError Type: Extension.{kind}" in log
    assert f"Phase: invoke\tStatus: error\tError Type: Extension.{kind}" in log


async def test_a_program_that_is_not_executable_is_named_before_the_first_event_and_fails_it(
    beside: Callable[..., Function],
    running: Running,
    environments: Environments,
    capfd: pytest.CaptureFixture[str],
) -> None:
    function = beside(programs={"plain": program()})
    path = function.layers[0] / "extensions" / "plain"
    path.chmod(0o644)
    async with running(function) as functions:
        await environments.prepare([function])
        outcome = await functions.invoke("Echo", b"1")
    assert told(outcome)["errorType"] == "Extension.LaunchError"
    assert f"{path}: permission denied" in told(outcome)["errorMessage"]
    assert f"{path} is not executable: chmod +x {path}" in capfd.readouterr().err


async def test_an_extension_that_never_registers_uses_up_the_time_of_the_initialisation(
    beside: Callable[..., Function], running: Running
) -> None:
    function = beside(programs={"mute": program(first="time.sleep(60)")}, timeout=1)
    async with running(function, init_limit=0.5) as functions:
        outcome = await functions.invoke("Echo", b"1")
    assert told(outcome)["errorType"] == "Sandbox.Timedout"


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [("sys.exit(5)", "Crash", "exit status 5"), ("fail('exit/error')\nsys.exit(0)", "ExitError", "exit code 0")],
)
async def test_an_extension_that_ends_in_the_middle_of_an_event_fails_it_and_the_next_event_starts_anew(
    beside: Callable[..., Function], running: Running, tmp_path: Path, lines: str, kind: str, message: str
) -> None:
    once = f"if not os.path.exists('{tmp_path}/gone'):\n    open('{tmp_path}/gone', 'w')\n"
    source = NOTES + (
        "    def handler(event, context):\n"
        f"        while not os.path.exists('{tmp_path}/gone') or event == 1:\n"
        "            time.sleep(0.01)\n"
    )
    function = beside(source, programs={"bad": program(invoked=once + textwrap.indent(lines, "    "))}, timeout=900)
    async with running(function) as functions:
        failed = await asyncio.wait_for(functions.invoke("Echo", b"1"), 20)
        assert (await functions.invoke("Echo", b"2")).ok
    wanted = f"RequestId: {failed.request_id} Error: {message}"
    assert told(failed) == {"errorType": f"Extension.{kind}", "errorMessage": wanted}


async def test_when_an_extension_ends_between_events_the_next_one_starts_anew_and_succeeds(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]]
) -> None:
    function = beside(programs={"a": program()}, timeout=900)
    async with running(function, max_sandboxes=1) as functions:
        first = told(await functions.invoke("Echo", b"1"))
        extension = next(note[2] for note in notes() if note[1] == "pid")
        os.kill(extension, 9)
        await eventually_async(lambda: is_gone(first))
        second = await functions.invoke("Echo", b"2")
    assert second.ok
    assert told(second) != first


async def test_the_caller_has_its_answer_while_an_extension_is_still_busy(
    beside: Callable[..., Function], running: Running, tmp_path: Path, notes: Callable[[], list[Any]]
) -> None:
    waits = program(invoked=f"while not os.path.exists('{tmp_path}/answered'): time.sleep(0.01)\nnote('finished')")
    async with running(beside(programs={"waits": waits}, timeout=10), max_sandboxes=1) as functions:
        assert (await functions.invoke("Echo", b"1")).ok
        (tmp_path / "answered").touch()
        await eventually_async(lambda: ["waits", "finished"] in notes())


@pytest.mark.parametrize("wanted", ["['INVOKE', 'SHUTDOWN']", "['INVOKE']", "[]"])
async def test_no_extension_nor_what_it_has_started_outlives_its_sandbox(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]], wanted: str
) -> None:
    first = f"""
        import signal, subprocess
        EVENTS = {wanted}
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("pid", subprocess.Popen(["sleep", "600"]).pid)
        def note(*what):
            if what[1:] and what[1].get("eventType") == "SHUTDOWN":
                time.sleep(600)
    """
    async with running(beside(programs={"tough": program(first=first)})) as functions:
        assert (await functions.invoke("Echo", b"1")).ok
        pids = [note[2] for note in notes() if note[1] == "pid"]
        assert [is_gone(pid) for pid in pids] == [False, False]
    await eventually_async(lambda: all(is_gone(pid) for pid in pids))


async def test_at_the_end_those_that_did_not_ask_to_hear_of_it_are_killed_while_the_others_wind_up(
    beside: Callable[..., Function], running: Running, tmp_path: Path, notes: Callable[[], list[Any]]
) -> None:
    deaf = program(first=f"EVENTS = ['INVOKE']\nopen('{tmp_path}/deaf', 'w').write(str(os.getpid()))")
    hears = """
        def note(*what, note=note):
            note(*what)
            while what[0] == "event" and what[1]["eventType"] == "SHUTDOWN":
                try:
                    os.kill(int(open("%s").read()), 0)
                except ProcessLookupError:
                    return note("the other is gone")
                time.sleep(0.01)
    """
    async with running(
        beside(programs={"deaf": deaf, "hears": program(first=hears % (tmp_path / "deaf"))})
    ) as functions:
        assert (await functions.invoke("Echo", b"1")).ok
    assert ["hears", "the other is gone"] in notes()


async def test_what_an_extension_holds_counts_as_memory_of_the_function(
    beside: Callable[..., Function], running: Running
) -> None:
    greedy = program(registered="hoard = b'x' * 300_000_000")
    async with running(beside(programs={"greedy": greedy}, memory=256)) as functions:
        outcome = await functions.invoke("Echo", b"1")
    assert told(outcome)["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in told(outcome)["errorMessage"]


async def test_what_an_extension_prints_is_in_the_functions_log_and_on_the_terminal_with_its_name(
    beside: Callable[..., Function], running: Running, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    function = beside(programs={"talks": program(invoked="print('tick', flush=True)")})
    async with running(function, log_path=tmp_path / "logs") as functions:
        assert (await functions.invoke("Echo", b"1")).ok
        await functions.invoke("Echo", b"1")
    log = (tmp_path / "logs" / f"{function.name}.log").read_text()
    assert "\ntick\n" in log
    assert "EXTENSION\tName: talks\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n" in log
    assert f"{function.name}/talks tick" in capfd.readouterr().err.replace("  ", " ")


async def test_extensions_of_several_sandboxes_go_at_the_same_time(
    beside: Callable[..., Function], running: Running, notes: Callable[[], list[Any]]
) -> None:
    source = NOTES + "    def handler(event, context):\n        time.sleep(0.5)\n        return os.getpid()\n"
    async with running(beside(source, programs={"a": program()})) as functions:
        outcomes = await asyncio.gather(*(functions.invoke("Echo", b"1") for _ in range(2)))
    assert len({told(outcome) for outcome in outcomes}) == 2
    assert [event["eventType"] for event in events(notes(), "a")].count("SHUTDOWN") == 2


def test_extensions_have_the_functions_variables_without_the_runtimes_own() -> None:
    own = ["AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "_HANDLER"]
    own += ["LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_XRAY_DAEMON_ADDRESS", "AWS_XRAY_CONTEXT_MISSING"]
    kept = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "MINE": "1", "AWS_REGION": "r", "LAMBDA_OPT_ROOT": "/layers"}
    assert extension_variables(dict.fromkeys(own, "x") | kept) == kept


def test_every_file_directly_in_the_folder_is_a_program_and_nothing_else_is(tmp_path: Path) -> None:
    assert programs_in(None) == []
    assert programs_in(tmp_path) == []
    (tmp_path / "extensions" / "lib").mkdir(parents=True)
    for name in ("b", "a", "lib/c"):
        (tmp_path / "extensions" / name).touch()
    assert [path.name for path in programs_in(tmp_path)] == ["a", "b"]
