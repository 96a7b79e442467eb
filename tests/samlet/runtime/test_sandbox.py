"""How one invocation ends, told as AWS tells it."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime import Environments, Functions, Observer
from samlet.runtime.ending import describe_exit
from waiting import eventually_async

ECHO = "def handler(event, context):\n    return {'echo': event}\n"
OLDER_LOOP = """
import json, runtime_client
def run(app_root, handler, lambda_runtime_api_addr):
    while True:
        _, headers = runtime_client.next()
        answer = json.dumps([app_root, handler]).encode()
        runtime_client.post_invocation_result(headers["Lambda-Runtime-Aws-Request-Id"], answer, "application/json")
"""


def payload_of(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def pids(functions: Functions, name: str = "Echo") -> list[int]:
    return [sandbox["pid"] for sandbox in functions.status()[name]["sandboxes"] if sandbox["pid"]]


def states(functions: Functions, name: str = "Echo") -> list[str]:
    return [sandbox["state"] for sandbox in functions.status()[name]["sandboxes"]]


async def test_a_warm_sandbox_is_used_again(make: MakeFunction, running: Running) -> None:
    function = make("import os\ndef handler(event, context):\n    return os.getpid()\n")
    async with running(function) as functions:
        seen = {(await functions.invoke("Echo", b"{}")).payload for _ in range(5)}
        assert seen == {str(pids(functions)[0]).encode()}
        assert functions.status()["Echo"]["sandboxes"][0]["invocations"] == 5


async def test_a_time_out_kills_the_process_and_keeps_its_temporary_folder(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import pathlib, tempfile, time
        mark = pathlib.Path(tempfile.gettempdir(), "mark")
        def handler(event, context):
            if mark.exists():
                return "still there"
            mark.touch()
            time.sleep(60)
    """
    async with running(make(source, timeout=1)) as functions:
        outcome = await functions.invoke("Echo", b"{}")
        assert payload_of(outcome) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {outcome.request_id} Error: Task timed out after 1.00 seconds",
        }
        assert 900 < outcome.duration_ms < 5000
        assert b"Task timed out after 1.00 seconds" in outcome.log_tail
        assert pids(functions) == []
        assert payload_of(await functions.invoke("Echo", b"{}")) == "still there"


async def test_a_process_killed_in_the_middle_is_an_exit_by_signal(make: MakeFunction, running: Running) -> None:
    async with running(make("import time\ndef handler(event, context):\n    time.sleep(60)\n")) as functions:
        invocation = asyncio.ensure_future(functions.invoke("Echo", b"{}"))
        await eventually_async(lambda: states(functions) == ["busy"])
        os.kill(pids(functions)[0], signal.SIGKILL)
        told = payload_of(await invocation)
    assert told["errorType"] == "Runtime.ExitError"
    assert told["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


async def test_a_warm_process_killed_between_events_costs_no_event(make: MakeFunction, running: Running) -> None:
    async with running(make(ECHO)) as functions:
        await functions.invoke("Echo", b"{}")
        os.kill(pids(functions)[0], signal.SIGKILL)
        await eventually_async(lambda: states(functions) == ["reset"])
        assert (await functions.invoke("Echo", b"1")).ok


async def test_a_response_over_six_megabytes_is_refused(make: MakeFunction, running: Running) -> None:
    async with running(make("def handler(event, context):\n    return 'x' * (6 * 1024 * 1024 + 101)\n")) as functions:
        outcome = await functions.invoke("Echo", b"{}")
        assert payload_of(outcome)["errorType"] == "Function.ResponseSizeTooLarge"


async def test_the_log_tail_holds_what_the_function_printed_between_the_lines_of_the_platform(
    make: MakeFunction, running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    source = """
        import logging, sys
        def handler(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            logging.warning("to the log")
    """
    async with running(make(source)) as functions:
        outcome = await functions.invoke("Echo", b"{}")
    lines = outcome.log_tail.decode().splitlines()
    assert lines[0] == f"START RequestId: {outcome.request_id} Version: $LATEST"
    assert {"to stdout", "to stderr"} <= set(lines)
    assert any(line.startswith("[WARNING]") and line.endswith("to the log") for line in lines)
    assert lines[-2] == f"END RequestId: {outcome.request_id}"
    for figure in ("Duration: ", "Billed Duration: ", "Memory Size: 256 MB", "Max Memory Used: ", "Init Duration: "):
        assert figure in lines[-1]
    assert "test-echo" in capfd.readouterr().err


async def test_the_log_tail_is_the_last_four_kilobytes(make: MakeFunction, running: Running) -> None:
    source = "def handler(event, context):\n    for n in range(2000):\n        print('line', n)\n"
    async with running(make(source)) as functions:
        tail = (await functions.invoke("Echo", b"{}")).log_tail
    assert len(tail) == 4096
    assert b"line 1999\n" in tail
    assert b"REPORT RequestId" in tail


@pytest.mark.parametrize("text", ["x" * 79 + "\\n", "x" * 79])
async def test_a_function_that_prints_without_a_pause_is_timed_out_all_the_same(
    make: MakeFunction, running: Running, tmp_path: Path, text: str
) -> None:
    lengths: list[int] = []

    class Lengths(Observer):
        def printed(self, function: str, request_id: str, line: str) -> None:
            lengths.append(len(line))

    source = f"""
        import os
        def handler(event, context):
            while True:
                os.write(1, b"{text}")
    """
    async with running(make(source, timeout=1), log_path=tmp_path / "logs", observer=Lengths()) as functions:
        outcome = await functions.invoke("Echo", b"{}")
    assert "Task timed out after 1.00 seconds" in payload_of(outcome)["errorMessage"]
    assert 0 < max(lengths) < 400_000, "a line without an end is shown in pieces"


async def test_the_context_tells_of_the_invocation(make: MakeFunction, running: Running) -> None:
    source = """
        def handler(event, context):
            return [context.aws_request_id, context.invoked_function_arn, context.get_remaining_time_in_millis(),
                    context.client_context.custom]
    """
    async with running(make(source)) as functions:
        outcome = await functions.invoke("Echo", b"{}", client_context='{"custom": {"a": 1}}')
    request_id, arn, remaining, custom = payload_of(outcome)
    assert request_id == outcome.request_id
    assert arn == "arn:aws:lambda:eu-central-1:000000000000:function:test-echo"
    assert 8000 < remaining <= 10_000
    assert custom == {"a": 1}


async def test_a_failure_of_a_long_text_is_told_as_one(make: MakeFunction, running: Running) -> None:
    source = """
        def handler(event, context):
            raise ValueError("x" * 200_000 if event == "long" else "short")
    """
    async with running(make(source)) as functions:
        first = await functions.invoke("Echo", b'"short"')
        long = payload_of(await functions.invoke("Echo", b'"long"'))
        assert (long["errorType"], len(long["errorMessage"])) == ("ValueError", 200_000)
        assert functions.status()["Echo"]["sandboxes"][0]["invocations"] == 2
        assert (await functions.invoke("Echo", b'"short"')).init_ms is None
        assert first.init_ms is not None


async def test_a_function_may_close_every_descriptor_that_it_finds(make: MakeFunction, running: Running) -> None:
    source = """
        import os
        def handler(event, context):
            os.closerange(3, 4096)
            return [os.getpid(), "x" * event]
    """
    async with running(make(source)) as functions:
        answers = [payload_of(await functions.invoke("Echo", size)) for size in (b"1", b"100000", b"2")]
        assert [len(text) for _, text in answers] == [1, 100_000, 2]
        assert len({pid for pid, _ in answers}) == 1


async def test_a_forked_process_speaks_for_itself_and_is_refused(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    source = """
        import os, sys, time
        from pathlib import Path
        release, channel = Path(os.environ["RELEASE"]), int(sys.argv[2])
        child = None
        def handler(event, context):
            global child
            if event == "fork":
                child = os.fork()
                while child == 0 and not release.exists():
                    time.sleep(0.01)
                if child == 0 and os.path.exists(f"/dev/fd/{channel}"):
                    os._exit(9)
            if event == "reap":
                release.touch()
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
            return os.getpid()
    """
    async with running(make(source, environment={"RELEASE": str(tmp_path / "release")})) as functions:
        events = [b'"fork"', b'"reap"', b'"more"']
        answers = [payload_of(await functions.invoke("Echo", event)) for event in events]
        assert answers == [pids(functions)[0]] * 3


@pytest.mark.parametrize("name", ["socket", "select", "selectors", "errno"])
async def test_a_function_may_have_a_module_named_as_one_of_pythons_that_the_launcher_could_do_with(
    make: MakeFunction, running: Running, name: str
) -> None:
    function = make(ECHO)
    (function.code / f"{name}.py").write_text("raise AttributeError('this is no module of Python')")
    async with running(function) as functions:
        assert payload_of(await functions.invoke("Echo", b"1")) == {"echo": 1}


async def test_after_an_answer_that_was_refused_the_next_event_is_for_a_new_process(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import os, urllib.request
        def handler(event, context):
            path = f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response"
            address = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + path
            urllib.request.urlopen(urllib.request.Request(address, b'"answered by itself"', method="POST")).read()
            return "answered again"
    """
    async with running(make(source), max_sandboxes=1) as functions:
        answers = await asyncio.gather(*[functions.invoke("Echo", b"1") for _ in range(3)])
        assert [payload_of(answer) for answer in answers] == ["answered by itself"] * 3


async def test_an_older_release_of_awss_client_that_a_function_requires_is_started_as_it_expects(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    function = make(ECHO, environment={"PYTHONPATH": str(tmp_path)})
    package = tmp_path / "awslambdaric"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "lambda_runtime_client.py").write_text("class LambdaRuntimeClient: ...\n")
    (package / "bootstrap.py").write_text(OLDER_LOOP)
    async with running(function) as functions:
        answers = [payload_of(await functions.invoke("Echo", b"1")) for _ in range(2)]
        assert answers == [[str(function.code), "app.handler"]] * 2


async def test_without_awss_client_the_loop_in_pure_python_serves(
    make: MakeFunction, running: Running, tmp_path: Path, environments: Environments
) -> None:
    source = """
        import sys
        def handler(event, context):
            if event == "fail":
                raise ValueError("no")
            if event == "set":
                return {1}
            if context.client_context:
                return context.client_context.custom
            return ["awslambdaric" in sys.modules, event, context.get_remaining_time_in_millis() > 0]
    """
    function = make(source, environment={"PYTHONPATH": str(tmp_path)})
    (tmp_path / "awslambdaric.py").write_text("raise ImportError('as on macOS')")
    async with running(function) as functions:
        assert payload_of(await functions.invoke("Echo", '"é"'.encode())) == [False, "é", True]
        failed = await functions.invoke("Echo", b'"fail"')
        assert payload_of(failed)["errorType"] == "ValueError"
        assert b"ValueError: no" in failed.log_tail
        assert payload_of(await functions.invoke("Echo", b'"set"'))["errorType"] == "Runtime.MarshalError"
        assert payload_of(await functions.invoke("Echo", b"1", client_context='{"custom": {"a": 1}}')) == {"a": 1}
        (function.code / "app.py").write_text("import not_there\n")
        functions.outdate(["Echo"])
        assert payload_of(await functions.invoke("Echo", b"1"))["errorType"] == "Runtime.ImportModuleError"


async def test_children_of_a_function_end_with_its_process(make: MakeFunction, running: Running) -> None:
    source = """
        import subprocess
        def handler(event, context):
            return subprocess.Popen(["sleep", "600"]).pid
    """
    async with running(make(source)) as functions:
        child = payload_of(await functions.invoke("Echo", b"{}"))
        os.kill(child, 0)
    await eventually_async(lambda: not _alive(child))


def _alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_an_exit_is_described_in_awss_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


async def test_an_answer_is_there_before_the_runtime_asks_again_and_the_next_event_waits_for_that(
    make: MakeFunction, running: Running
) -> None:
    function = make("", runtime="provided.al2023", handler="hello")
    bootstrap = function.code / "bootstrap"
    bootstrap.write_text(slowly_asking(f"while [ ! -e {function.code}/go ]; do sleep 0.02; done"))
    bootstrap.chmod(0o755)
    async with running(function, max_sandboxes=1) as functions:
        assert payload_of(await functions.invoke("Echo", b"1")) == 1
        [pid] = pids(functions)
        second = asyncio.ensure_future(functions.invoke("Echo", b"2"))
        await eventually_async(lambda: functions._pools["Echo"]._free == [])
        assert not second.done()
        (function.code / "go").touch()
        assert payload_of(await second) == 2
        assert pids(functions) == [pid]


async def test_a_runtime_that_answers_and_never_asks_again_is_ended_with_its_events_time(
    make: MakeFunction, running: Running
) -> None:
    function = make("", runtime="provided.al2023", handler="hello", timeout=1)
    bootstrap = function.code / "bootstrap"
    bootstrap.write_text(slowly_asking("sleep 600"))
    bootstrap.chmod(0o755)
    async with running(function) as functions:
        assert payload_of(await functions.invoke("Echo", b"1")) == 1
        await eventually_async(lambda: states(functions) == ["reset"])
        assert pids(functions) == []
        assert payload_of(await functions.invoke("Echo", b"2")) == 2


async def test_a_runtime_that_ends_between_answer_and_asking_costs_the_next_event_nothing(
    make: MakeFunction, running: Running
) -> None:
    function = make("", runtime="provided.al2023", handler="hello")
    bootstrap = function.code / "bootstrap"
    bootstrap.write_text(slowly_asking("sleep 0.2; exit 1"))
    bootstrap.chmod(0o755)
    async with running(function, max_sandboxes=1) as functions:
        for number in range(3):
            assert payload_of(await functions.invoke("Echo", b"%d" % number)) == number


def slowly_asking(pause: str) -> str:
    """A runtime that returns each event and does something between that and asking for the next one."""
    return (
        "#!/bin/sh\n"
        'api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"\n'
        "while true; do\n"
        '  curl -sS -D "$TMPDIR/headers" -o "$TMPDIR/event" "$api/invocation/next" || exit 3\n'
        "  id=$(tr -d '\\r' < \"$TMPDIR/headers\" | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')\n"
        '  curl -sS -o /dev/null "$api/invocation/$id/response" -d "@$TMPDIR/event"\n'
        f"  {pause}\n"
        "done\n"
    )
