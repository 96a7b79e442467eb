"""The variables and the folders that a function finds."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running

TELL = """
    import os, tempfile
    def handler(event, context):
        return {"variables": dict(os.environ), "folder": os.getcwd(), "temporary": tempfile.gettempdir(),
                "there": os.path.isdir(tempfile.gettempdir())}
"""
# Lambda's own, as its documentation has them; a runtime's client adds _X_AMZN_TRACE_ID for each event.
LAMBDAS = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LANG", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "TZ",
    "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS",
}  # fmt: skip
# What stands in for folders that only root can make, and where compiled modules go.
OURS = {"HOME", "TMPDIR", "PYTHONPYCACHEPREFIX", *(["no_proxy"] if sys.platform == "darwin" else [])}
# What an interpreter sets for itself, on some systems and for some locales.
INTERPRETERS = {"LC_CTYPE", "__CF_USER_TEXT_ENCODING", "__PYVENV_LAUNCHER__"}


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def there(path: str) -> bool:
    return Path(path).exists()


async def test_a_function_finds_lambdas_variables_and_declared_ones_and_nothing_else(
    make: MakeFunction, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_OF_THE_SHELL", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "AWS_PROFILE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "the developer's")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the developer's")
    function = make(TELL, environment={"COLOUR": "blue"})
    async with running(function, extra_environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}) as functions:
        seen = told(await functions.invoke("Echo", b"{}"))["variables"]
    assert seen.keys() - INTERPRETERS == LAMBDAS | OURS | {"COLOUR", "AWS_ENDPOINT_URL"}
    assert not [name for name, value in seen.items() if "the developer's" in value]


async def test_lambdas_variables_have_lambdas_values(make: MakeFunction, running: Running) -> None:
    function = make(TELL, environment={"COLOUR": "blue"}, memory=512)
    async with running(function, region="eu-west-1") as functions:
        seen = told(await functions.invoke("Echo", b"{}"))["variables"]
    expected = {
        "_HANDLER": "app.handler",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "test-echo",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/test-echo",
        "AWS_ACCESS_KEY_ID": "local",
        "LAMBDA_TASK_ROOT": str(function.code),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LD_LIBRARY_PATH": f"{function.code}:{function.code}/lib",
        "PYTHONPATH": seen["LAMBDA_RUNTIME_DIR"],
        "COLOUR": "blue",
    }
    assert expected.items() <= seen.items()
    assert seen["PATH"].endswith(":/usr/local/bin:/usr/bin:/bin")
    assert seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert "/[$LATEST]" in seen["AWS_LAMBDA_LOG_STREAM_NAME"]


async def test_a_function_begins_in_its_code_and_leaves_no_compiled_file_there(
    make: MakeFunction, running: Running
) -> None:
    function = make(TELL)
    async with running(function) as functions:
        assert Path(told(await functions.invoke("Echo", b"{}"))["folder"]) == function.code
    assert not list(function.code.rglob("__pycache__"))


async def test_each_sandbox_has_a_temporary_folder_that_is_home_too_and_goes_with_it(
    make: MakeFunction, running: Running
) -> None:
    async with running(make(TELL)) as functions:
        seen = told(await functions.invoke("Echo", b"{}"))
        assert seen["temporary"] == seen["variables"]["HOME"] == seen["variables"]["TMPDIR"]
        assert seen["there"]
        functions.outdate(["Echo"])
        assert told(await functions.invoke("Echo", b"{}"))["temporary"] != seen["temporary"]
    assert not there(seen["temporary"])


async def test_what_the_template_declares_wins_over_defaults_and_never_over_lambdas_own(
    make: MakeFunction, running: Running
) -> None:
    declared = {"TZ": "Europe/Berlin", "LANG": "C", "PATH": "/bin", "AWS_REGION": "moon-1", "_HANDLER": "other"}
    async with running(make(TELL, environment=declared)) as functions:
        seen = told(await functions.invoke("Echo", b"{}"))["variables"]
    assert {name: seen[name] for name in declared} == {
        **declared,
        "AWS_REGION": "eu-central-1",
        "_HANDLER": "app.handler",
    }


async def test_what_the_project_declares_wins_over_the_template_and_may_be_credentials(
    make: MakeFunction, running: Running
) -> None:
    ours = {"COLOUR": "red", "AWS_ACCESS_KEY_ID": "test"}
    async with running(make(TELL, environment={"COLOUR": "blue"}), extra_environment=ours) as functions:
        seen = told(await functions.invoke("Echo", b"{}"))["variables"]
    assert ours.items() <= seen.items()


async def test_with_json_as_log_format_lambdas_client_logs_json_from_the_level_on(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import logging, os
        def handler(event, context):
            logging.getLogger().info("hidden")
            logging.getLogger().warning("shown")
            return os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
    """
    declared = {
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
        "AWS_LAMBDA_LOG_GROUP_NAME": "mine",
    }
    async with running(make(source, environment=declared)) as functions:
        outcome = await functions.invoke("Echo", b"{}")
    assert told(outcome) == "mine"
    logged = [json.loads(line) for line in outcome.log_tail.decode().splitlines() if line.startswith("{")]
    assert [(line["level"], line["message"], line["requestId"]) for line in logged] == [
        ("WARNING", "shown", outcome.request_id)
    ]
