"""How a process comes up, what is said when it doesn't, and what of it outlives an invocation that went wrong."""

import errno
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime.ending import not_started, refused

ONCE = """
    import pathlib, tempfile, time
    mark = pathlib.Path(tempfile.gettempdir(), "mark")
    if not mark.exists():
        mark.touch()
        {first}
    def handler(event, context):
        return "second try"
"""


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def lines(logs: Path) -> list[str]:
    """The platform's lines in the function's log, without what changes from run to run."""
    text = (logs / "test-echo.log").read_text()
    text = re.sub(r"\d+\.\d\d ms", "N ms", re.sub(r"RequestId: [0-9a-f-]+", "RequestId: ID", text))
    return [line for line in text.splitlines() if re.match(r"INIT_REPORT|START|END|REPORT|Runtime\.", line)]


async def test_a_process_that_comes_up_is_told_of_on_the_report_line_of_its_first_event_only(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    async with running(make("def handler(event, context):\n    return 1\n"), log_path=tmp_path) as functions:
        first, second = [await functions.invoke("Echo", b"{}") for _ in range(2)]
    assert first.init_ms
    assert second.init_ms is None
    report = re.compile(
        r"\nREPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
        r"\tMax Memory Used: \d+ MB(\tInit Duration: [\d.]+ ms)?\n$"
    )
    assert [bool(found and found[1]) for found in map(report.search, map(_tail, (first, second)))] == [True, False]
    assert not any(line.startswith("INIT_REPORT") for line in lines(tmp_path))


def _tail(outcome: Any) -> str:
    tail: bytes = outcome.log_tail
    return tail.decode()


async def test_a_cold_start_loads_nothing_that_neither_the_handler_nor_lambdas_client_needs(
    make: MakeFunction, running: Running
) -> None:
    source = "import sys\ndef handler(event, context):\n    return sorted(sys.modules)\n"
    async with running(make(source)) as functions:
        loaded = told(await functions.invoke("Echo", b"{}"))
    if "awslambdaric" in loaded:
        assert not {"http.client", "socket", "ssl", "typing", "argparse"} & set(loaded)


async def test_an_initialisation_over_its_limit_is_reported_and_repeated_on_the_events_time(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    source = ONCE.format(first="time.sleep(60)")
    async with running(make(source), init_limit=1.5, log_path=tmp_path) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == "second try"
    reported = lines(tmp_path)
    assert reported[0] == "INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: timeout"
    assert reported[1:3] == ["START RequestId: ID Version: $LATEST", "END RequestId: ID"]
    assert "Status" not in reported[3]


async def test_an_initialisation_that_exits_is_reported_and_repeated(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    source = ONCE.format(first="import os; os._exit(7)")
    async with running(make(source), log_path=tmp_path) as functions:
        assert told(await functions.invoke("Echo", b"{}")) == "second try"
    expected = "INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError"
    assert lines(tmp_path)[0] == expected


async def test_an_initialisation_that_never_ends_has_the_functions_own_time_at_the_second_attempt(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    never = make("import time\ntime.sleep(60)\n", timeout=1)
    async with running(never, init_limit=0.5, log_path=tmp_path) as functions:
        outcome = await functions.invoke("Echo", b"{}")
    assert told(outcome) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {outcome.request_id} Error: Task timed out after 1.00 seconds",
    }
    reported = lines(tmp_path)
    assert [line.split("Phase: ")[1] for line in reported if line.startswith("INIT_REPORT")] == [
        "init\tStatus: timeout",
        "invoke\tStatus: timeout",
    ]
    assert reported[-1].endswith("\tStatus: timeout")


async def test_a_module_that_cannot_be_imported_is_reported_by_its_type_in_both_phases(
    make: MakeFunction, running: Running, tmp_path: Path
) -> None:
    async with running(make("import not_there\n"), log_path=tmp_path) as functions:
        outcome = await functions.invoke("Echo", b"{}")
    assert told(outcome)["errorType"] == "Runtime.ImportModuleError"
    verdict = "Status: error\tError Type: Runtime.ImportModuleError"
    reported = lines(tmp_path)
    assert [line.split("Phase: ")[1] for line in reported if line.startswith("INIT_REPORT")] == [
        f"init\t{verdict}",
        f"invoke\t{verdict}",
    ]
    assert reported[-1].endswith(verdict)
    assert "No module named 'not_there'" in _tail(outcome)


@pytest.mark.parametrize("client", ["AWS's client", "the loop in pure Python"])
@pytest.mark.parametrize(
    ("source", "handler", "kind", "words"),
    [
        ("import not_there\n", "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module"),
        ("def handler(:\n", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("other = 1\n", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("import sys\nsys.exit(3)\n", "app.handler", "Runtime.ExitError", "exit status 3"),
        ("1 / 0\n", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
async def test_the_caller_is_told_the_type_of_an_init_error(
    make: MakeFunction, running: Running, client: str, source: str, handler: str, kind: str, words: str
) -> None:
    function = make(source, handler=handler)
    if client != "AWS's client":
        (function.code / "runtime_client.py").write_text("raise ImportError('as on macOS')")
    async with running(function) as functions:
        outcome = await functions.invoke("Echo", b"{}")
        assert outcome.function_error == "Unhandled"
        assert told(outcome)["errorType"] == kind
        assert words in told(outcome)["errorMessage"]


@pytest.mark.parametrize(
    ("ending", "words", "verdict"),
    [
        ("sys.exit(42)", "Runtime exited with error: exit status 42", "error\tError Type: Runtime.ExitError"),
        ("os._exit(0)", "Runtime exited without providing a reason", "error\tError Type: Runtime.ExitError"),
        ("os.abort()", "Runtime exited with error: signal: aborted", "error\tError Type: Runtime.ExitError"),
        ("os.kill(os.getpid(), 11)", "signal: segmentation fault", "error\tError Type: Runtime.ExitError"),
        ("time.sleep(60)", "Task timed out after 2.00 seconds", "timeout"),
    ],
)
async def test_what_ends_a_process_resets_it_and_keeps_its_folder(
    make: MakeFunction, running: Running, ending: str, words: str, verdict: str
) -> None:
    source = f"""
        import os, pathlib, sys, tempfile, time
        seen = []
        kept = pathlib.Path(tempfile.gettempdir(), "kept")
        def handler(event, context):
            seen.append(event)
            if event == "end":
                kept.write_text("kept")
                {ending}
            return [seen, kept.read_text() if kept.exists() else None, os.getpid()]
    """
    async with running(make(source, timeout=2), max_sandboxes=1) as functions:
        pid = told(await functions.invoke("Echo", b'"first"'))[2]
        ended = await functions.invoke("Echo", b'"end"')
        assert ended.function_error == "Unhandled"
        assert told(ended)["errorMessage"].endswith(words)
        assert _tail(ended).endswith(f"\tStatus: {verdict}\n")
        seen, kept, new = told(await functions.invoke("Echo", b'"again"'))
        assert seen == ["again"], "what the module held is gone"
        assert kept == "kept"
        assert new != pid


async def test_an_exception_is_an_answer_and_resets_nothing(make: MakeFunction, running: Running) -> None:
    source = """
        import os
        def handler(event, context):
            if event:
                raise ValueError("no")
            return os.getpid()
    """
    async with running(make(source), max_sandboxes=1) as functions:
        before = told(await functions.invoke("Echo", b"0"))
        failed = await functions.invoke("Echo", b"1")
        assert told(failed)["errorType"] == "ValueError"
        assert told(failed)["stackTrace"]
        assert "Status" not in _tail(failed).splitlines()[-1]
        assert told(await functions.invoke("Echo", b"0")) == before


@pytest.mark.parametrize("runtime", ["python3.13", "provided.al2023"])
@pytest.mark.parametrize("in_its_place", [None, "a file"])
async def test_an_event_without_its_code_folder_fails_by_the_name_of_the_folder(
    make: MakeFunction, running: Running, tmp_path: Path, runtime: str, in_its_place: str | None
) -> None:
    function = make("def handler(event, context):\n    return 1\n", runtime=runtime)
    async with running(function) as functions:
        function.code.rename(tmp_path / "away")
        if in_its_place:
            function.code.write_text(in_its_place)
        failed = await functions.invoke("Echo", b"{}")
    reason = "not a directory" if in_its_place else "no such file or directory"
    assert told(failed)["errorType"] == "Runtime.InvalidEntrypoint"
    assert f"Error: the code folder {function.code} cannot be entered: {reason}" in told(failed)["errorMessage"]
    assert f"the code folder {function.code} cannot be entered" in _tail(failed)
    assert "fork/exec" not in _tail(failed)


def test_the_code_folder_is_named_also_where_the_event_loop_names_no_file(tmp_path: Path) -> None:
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    python, folders = Path(sys.executable), (tmp_path / "gone", tmp_path)
    gone, there = (not_started(error, python, [code / "bootstrap"], "1") for code in folders)
    assert f"Error: the code folder {tmp_path / 'gone'} cannot be entered: no such file" in gone.lines[-2]
    assert f"Error: fork/exec {sys.executable}: no such file" in there.lines[-2]


@pytest.mark.parametrize("payload", [b"", b"no JSON", b"[]", b"{}", b'{"errorType": null}'])
def test_an_init_error_without_a_type_is_an_unknown_one(payload: bytes) -> None:
    assert refused(payload).words == "Status: error\tError Type: Runtime.Unknown"
    assert refused(payload).payload == payload
