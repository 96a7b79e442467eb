"""`samlet invoke`: runs one function once, in the running Samlet, or in one that is started for it alone."""

import argparse
import contextlib
import json
import sys
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from samlet.batches import flush_all
from samlet.cli import event_file, known, overrides, sam_settings
from samlet.cli.overrides import add_overrides
from samlet.cli.remote import Remote, address_of, log_text
from samlet.cli.selection import Commands, add_debug, add_options, add_parameter, given_parameters, selected
from samlet.cli.usage import add_command
from samlet.errors import FunctionNotFound, ProjectError, SamletError
from samlet.log import say

_INTERRUPTED = 130


@dataclass(frozen=True)
class _Answer:
    """How an invocation ended; `error` is Lambda's kind of error, `log` what it printed where that is not shown yet."""

    payload: bytes
    error: str | None
    request_id: str
    log: str = ""


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "invoke",
        "run a function once and print its answer",
        about="In the running Samlet if there is one, else services and functions are started for this one "
        "invocation. The log goes to standard error. Fails if the function failed.",
        examples="""
            samlet invoke Hello --event event.json
            samlet generate-event http --path /hello | samlet invoke Hello --event -
            samlet invoke Hello -e event.json --env-vars env.json --profile dev
        """,
    )
    parser.add_argument(
        "function", metavar="FUNCTION", nargs="?", help="logical id, name or ARN (default: the template's only one)"
    )
    events = parser.add_mutually_exclusive_group()
    events.add_argument("-e", "--event", metavar="FILE|-", help="the event, - for standard input (default: {})")
    events.add_argument("--no-event", action="store_true", help="the event {}, as if none were named")
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object: answer, error, request id, log")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="append the log to FILE instead of showing it")
    alone = parser.add_argument_group("where nothing runs yet")
    alone.add_argument("--python", type=Path, metavar="PATH", help="run Python functions with this interpreter")
    add_parameter(alone)
    add_overrides(alone)
    add_debug(alone, functions=False)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Invoke the function and print its answer; a failure ends with 1."""
    payload = event_file.read(arguments.event)
    function = arguments.function or _only_one(arguments)
    with contextlib.ExitStack() as stack:
        if arguments.log_file:
            stack.enter_context(contextlib.redirect_stderr(stack.enter_context(_opened(arguments.log_file))))
            stack.callback(flush_all)  # lines that wait belong into that file
        try:
            answer = _answer(arguments, function, payload)
        except FunctionNotFound as unknown:
            raise ProjectError(f"{unknown}{known.why_not(arguments, function)}") from unknown
        if answer is None:
            return _INTERRUPTED
        if not arguments.json:
            sys.stderr.write(answer.log)
    text = answer.payload.decode(errors="replace")
    print(json.dumps(_as_json(function, answer, text), indent=2, ensure_ascii=False) if arguments.json else text)
    return 1 if answer.error else 0


def _answer(arguments: argparse.Namespace, function: str, payload: bytes) -> _Answer | None:
    address = address_of(arguments, "lambda")
    if address is None:
        say("samlet", "nothing runs here: starting the services and functions for this one invocation")
        return _alone(arguments, function, payload)
    if arguments.debug_port is not None:
        raise ProjectError("Samlet runs here already; stop it, or start it with --debug-port")
    if unheard := [*overrides.given(arguments), *(["--parameter"] if arguments.parameter else [])]:
        raise ProjectError(
            f"{', '.join(unheard)}: a Samlet runs here already, and its functions have their variables; give this to "
            "`samlet start`, or set SAMLET_STATE_DIR to another folder for a Samlet of its own"
        )
    return _through_api(Remote(address), function, payload)


def _only_one(arguments: argparse.Namespace) -> str:
    names = sorted(known.function_names(arguments))
    if len(names) != 1:
        raise ProjectError(f"say which function to invoke: {', '.join(names) or 'the template has none'}")
    return names[0]


def _through_api(api: Remote, function: str, payload: bytes) -> _Answer:
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    response = api.open("POST", path, payload, {"X-Amz-Log-Type": "Tail"})
    body = response.read()
    if response.status == HTTPStatus.NOT_FOUND:
        raise FunctionNotFound(function)
    if response.status != HTTPStatus.OK:
        raise SamletError(_refusal(response.status, body))
    headers = response.headers
    log = log_text(headers.get("X-Amz-Log-Result", ""))
    return _Answer(body, headers.get("X-Amz-Function-Error"), headers.get("X-Amzn-RequestId", ""), log)


def _refusal(status: int, body: bytes) -> str:
    """What the Invoke API says of why it does not run the function."""
    try:
        told = json.loads(body)
        return str(told["message"]) + (f" ({told['Reason']})" if "Reason" in told else "")
    except (ValueError, KeyError, TypeError):
        return f"the Invoke API answered {status}: {body.decode(errors='replace').strip()}"


def _alone(arguments: argparse.Namespace, function: str, payload: bytes) -> _Answer | None:
    """Start services and functions, invoke, stop; None when interrupted."""
    from samlet.cli.foreground import interruptible  # not at the top: see up.py
    from samlet.emulator import Emulator, Options

    project, settings, _ = selected(arguments)
    # Nobody else needs to find it, and another project may have the usual ports.
    anywhere = replace(settings, ports=dict.fromkeys(settings.ports, 0))
    variables, region = overrides.read(arguments, sam_settings.read(project, arguments.config_env).env_vars)
    options = Options(
        sources=False,
        python=arguments.python,
        parameters=given_parameters(arguments),
        config_env=arguments.config_env,
        overrides=variables,
        region=region,
        debug_port=arguments.debug_port,
        debug_functions=() if arguments.debug_port is None else (function,),
    )
    emulator = Emulator(project, anywhere, options)

    async def once() -> _Answer:
        async with emulator.running():
            outcome = await emulator.invoke(function, payload)
        error = outcome.function_error or (None if outcome.ok else "Unhandled")
        log = outcome.log_tail.decode(errors="replace").replace("\r", "\n")
        return _Answer(outcome.payload, error, outcome.request_id, log if arguments.json else "")

    return interruptible(once())


def _as_json(function: str, answer: _Answer, text: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except ValueError:
        payload = text
    told = {"function": function, "ok": answer.error is None, "error": answer.error, "payload": payload}
    return {**told, "request_id": answer.request_id, "log": answer.log}


def _opened(path: Path) -> Any:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"--log-file {path} cannot be written: {error.strerror}") from error
