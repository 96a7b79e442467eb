"""`samlet invoke`: runs one function once, in the running Samlet, or in one that is started for it alone."""

import argparse
import sys
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from samlet.cli.remote import Remote, address_of, log_text
from samlet.cli.selection import Commands, add_options, selected
from samlet.errors import FunctionNotFound, ProjectError, SamletError
from samlet.log import say

_INTERRUPTED = 130


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("invoke", help="run a function once and print its answer")
    parser.add_argument("function", metavar="FUNCTION", help="logical id, name or ARN")
    parser.add_argument("--event", metavar="FILE|-", help="the event, - for standard input (default: {})")
    add_options(parser)
    parser.add_argument("--python", type=Path, metavar="PATH", help="the interpreter, where nothing runs yet")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Invoke the function and print its answer; its log goes to standard error, a failure ends with 1."""
    payload = _event(arguments.event)
    address = address_of(arguments, "lambda")
    if address:
        answer, failed, log = _through_api(Remote(address), arguments.function, payload)
        sys.stderr.write(log)
    else:
        say("samlet", "nothing runs here: starting the services and functions for this one invocation")
        outcome = _alone(arguments, payload)
        if outcome is None:
            return _INTERRUPTED
        answer, failed = outcome
    print(answer.decode(errors="replace"))
    return 1 if failed else 0


def _event(source: str | None) -> bytes:
    if source is None:
        return b"{}"
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ProjectError(f"the event {source} cannot be read: {error.strerror}") from error


def _through_api(api: Remote, function: str, payload: bytes) -> tuple[bytes, bool, str]:
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    response = api.open("POST", path, payload, {"X-Amz-Log-Type": "Tail"})
    body = response.read()
    if response.status == HTTPStatus.NOT_FOUND:
        raise FunctionNotFound(function)
    if response.status != HTTPStatus.OK:
        raise SamletError(f"the Invoke API answered {response.status}: {body.decode(errors='replace')}")
    log = response.headers.get("X-Amz-Log-Result", "")
    return body, "X-Amz-Function-Error" in response.headers, log_text(log)


def _alone(arguments: argparse.Namespace, payload: bytes) -> tuple[bytes, bool] | None:
    """Start services and functions, invoke, stop; None when interrupted."""
    from samlet.cli.foreground import interruptible  # not at the top: see up.py
    from samlet.emulator import Emulator, Options

    project, settings, _ = selected(arguments)
    # Nobody else needs to find it, and another project may have the usual ports.
    anywhere = replace(settings, ports=dict.fromkeys(settings.ports, 0))
    emulator = Emulator(project, anywhere, Options(sources=False, python=arguments.python))

    async def once() -> tuple[bytes, bool]:
        async with emulator.running():
            outcome = await emulator.invoke(arguments.function, payload)
        return outcome.payload, not outcome.ok

    return interruptible(once())
