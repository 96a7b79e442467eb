"""What is run for a `provided` runtime, and what is said of a bootstrap that can't be."""

import asyncio
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
import uvloop

from functions_on_the_spot import MakeFunction, Running
from samlet.errors import EnvironmentFailed
from samlet.runtime import Environments, Observer, Outcome
from samlet.runtime.entrypoint import fault, is_program, not_for

SHELL = """\
#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  curl -sS -D "$TMPDIR/headers" -o "$TMPDIR/event" "$api/invocation/next" || exit 3
  id=$(tr -d '\\r' < "$TMPDIR/headers" | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
  curl -sS -o /dev/null "$api/invocation/$id/response" -d "\\"$_HANDLER $(cat "$TMPDIR/event")\\""
done
"""
PYTHON = """\
#!{python}
import json, os
from http.client import HTTPConnection
connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    asked = connection.getresponse()
    event, name = json.loads(asked.read()), asked.headers["Lambda-Runtime-Aws-Request-Id"]
    answer = json.dumps([os.environ["_HANDLER"], event, "AWS_EXECUTION_ENV" in os.environ])
    connection.request("POST", f"/2018-06-01/runtime/invocation/{{name}}/response", answer)
    connection.getresponse().read()
"""


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def write(path: Path, text: str | bytes, mode: int = 0o755) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def elf(machine: int) -> bytes:
    """The head of a program for Linux, little-endian, 64 bits."""
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(100)


async def test_a_shell_script_that_speaks_the_runtime_api_is_a_function(make: MakeFunction, running: Running) -> None:
    function = make("", runtime="provided.al2023", handler="hello")
    write(function.code / "bootstrap", SHELL)
    async with running(function) as functions:
        assert [told(await functions.invoke("Echo", event)) for event in (b"1", b"2")] == ["hello 1", "hello 2"]


async def test_a_python_script_that_speaks_the_runtime_api_is_a_function_that_is_not_told_its_runtime(
    make: MakeFunction, running: Running
) -> None:
    function = make("", runtime="provided.al2", handler="hello")
    write(function.code / "bootstrap", PYTHON.format(python=sys.executable))
    async with running(function) as functions:
        assert told(await functions.invoke("Echo", b"[1]")) == ["hello", [1], False]


async def test_what_a_runtime_prints_before_it_asks_again_belongs_to_no_event(
    make: MakeFunction, running: Running
) -> None:
    class Printed(Observer):
        def printed(self, function: str, request_id: str, line: str) -> None:
            lines.append((request_id, line))

    lines: list[tuple[str, str]] = []
    function = make("", runtime="provided.al2", handler="hello")
    slow = PYTHON + '    import time; time.sleep(0.2); print("after", event, flush=True)\n'
    write(function.code / "bootstrap", slow.format(python=sys.executable))
    async with running(function, observer=Printed(), max_sandboxes=1) as functions:
        await functions.invoke("Echo", b"1")
        await functions.invoke("Echo", b"2")  # which has to wait for it
    assert ("", "after 1") in lines


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0, "Couldn't find valid bootstrap(s): [{code}/bootstrap]"),
        (SHELL, 0o644, "fork/exec {code}/bootstrap: permission denied"),
        ("echo hello\n", 0o755, "fork/exec {code}/bootstrap: exec format error"),
    ],
)
async def test_a_bootstrap_that_cannot_be_started_is_an_invalid_entrypoint(
    make: MakeFunction, running: Running, content: str | None, mode: int, words: str
) -> None:
    function = make("", runtime="provided.al2023", handler="hello")
    if content:
        write(function.code / "bootstrap", content, mode)
    async with running(function) as functions:
        outcome = await functions.invoke("Echo", b"1")
        assert outcome.function_error == "Unhandled"
        assert told(outcome) == {
            "errorType": "Runtime.InvalidEntrypoint",
            "errorMessage": f"RequestId: {outcome.request_id} Error: {words.format(code=function.code)}",
        }
        tail = outcome.log_tail.decode()
        assert "Phase: invoke\tStatus: error\tError Type: Runtime.InvalidEntrypoint" in tail
        assert f"{told(outcome)['errorMessage']}\nRuntime.InvalidEntrypoint\nEND " in tail
        write(function.code / "bootstrap", SHELL)
        assert told(await functions.invoke("Echo", b"1")) == "hello 1"


def test_a_bootstrap_that_names_no_shell_is_run_by_none_and_its_log_tells_the_remedy(
    make: MakeFunction, running: Running
) -> None:
    function = make("", runtime="provided.al2023", handler="hello")
    path = write(function.code / "bootstrap", "echo hello\n")

    async def invoked() -> Outcome:
        async with running(function) as functions:
            outcome: Outcome = await functions.invoke("Echo", b"1")
            return outcome

    # The loop that `samlet start` has; it starts programs otherwise than asyncio's.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(invoked())
    assert told(outcome)["errorMessage"].endswith(f"fork/exec {path}: exec format error")
    tail = outcome.log_tail.decode()
    assert tail.count(f"{path} is neither a program nor a script: the first line of a script names its shell") == 1
    assert "\nhello\n" not in tail


async def test_a_bootstrap_that_cannot_run_is_named_before_the_first_event_and_is_an_error_when_strict(
    make: MakeFunction, environments: Environments, capfd: pytest.CaptureFixture[str]
) -> None:
    function = make("", runtime="provided.al2023", handler="hello")
    await environments.prepare([function])
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert f"there is no file {function.code}/bootstrap" in line
    environments.strict = True
    with pytest.raises(EnvironmentFailed, match="test-echo: there is no file"):
        await environments.prepare([function])
    write(function.code / "bootstrap", SHELL)
    await environments.prepare([function])
    assert capfd.readouterr().err == ""


def test_a_bootstrap_without_the_right_to_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "bootstrap", SHELL, 0o644)
    assert fault(tmp_path, None) == f"{path} is not executable: chmod +x {path}"


def test_a_bootstrap_in_a_layer_will_do(tmp_path: Path) -> None:
    code, opt = tmp_path / "code", tmp_path / "opt"
    code.mkdir()
    opt.mkdir()
    write(opt / "bootstrap", SHELL)
    assert fault(code, opt) is None
    write(code / "bootstrap", "no shell\n")
    assert "neither a program nor a script" in str(fault(code, opt)), "the code comes first"


def test_the_interpreter_that_runs_these_tests_is_a_program_for_this_machine() -> None:
    with Path(sys.executable).open("rb") as file:
        assert not_for(file.read(256), sys.platform, platform.machine()) is None
    assert os.access(sys.executable, os.X_OK)


@pytest.mark.parametrize(
    ("head", "system", "machine", "words"),
    [
        (elf(62), "linux", "x86_64", None),
        (elf(62), "linux", "AMD64", None),
        (elf(183), "linux", "aarch64", None),
        (elf(183), "linux", "x86_64", "built for arm64, and this machine is x86_64"),
        (elf(62), "linux", "aarch64", "built for x86_64, and this machine is arm64"),
        (elf(62), "darwin", "arm64", "is a program for Linux, and this is darwin"),
        (b"\xcf\xfa\xed\xfe", "darwin", "arm64", None),
        (b"\xcf\xfa\xed\xfe", "linux", "x86_64", "is a program for macOS"),
        (b"MZ\x90", "linux", "x86_64", "is a program for Windows"),
        (b"#!/bin/sh\necho", "linux", "x86_64", None),
        (b"#!/usr/bin/env python3\n", "linux", "x86_64", None),
        (b"#!/bin/sh\r\necho", "linux", "x86_64", "Windows line ends"),
        (b"#!/no/such/shell\n", "linux", "x86_64", "is to be run by /no/such/shell, which is not on this machine"),
        (b"#!\n", "linux", "x86_64", "is to be run by nothing"),
        (b"echo hello\n", "linux", "x86_64", "neither a program nor a script"),
        (b"", "linux", "x86_64", "neither a program nor a script"),
    ],
)
def test_a_program_for_another_machine_is_told_by_its_first_bytes(
    head: bytes, system: str, machine: str, words: str | None
) -> None:
    reason = not_for(head, system, machine)
    assert reason is None if words is None else words in str(reason)


@pytest.mark.parametrize(
    ("head", "program"),
    [
        (b"#!/bin/sh\n", True),
        (b"\x7fELF\x02", True),
        (b"\xcf\xfa\xed\xfe\x07", True),
        (b"echo hi\n", False),
        (b"", False),
    ],
)
def test_a_file_that_a_kernel_would_not_run_is_no_program(tmp_path: Path, head: bytes, program: bool) -> None:
    (tmp_path / "file").write_bytes(head)
    assert is_program(tmp_path / "file") is program
