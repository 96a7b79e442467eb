"""`samlet logs`: what was logged, by whom, and what belongs to one request; also after Samlet has ended."""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from samlet import log
from samlet.cli import log_file, log_lines
from samlet.cli.known import function_names
from samlet.cli.log_lines import Line
from samlet.cli.remote import Remote, address_of
from samlet.cli.selection import Commands, add_options, selected
from samlet.cli.usage import add_command
from samlet.errors import NotRunning, SamletError


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "logs",
        "show the log, follow it, or pick out one request",
        about="Reads the state folder, so it works after Samlet has ended, too. --trace takes a Lambda request id, "
        "a correlation id or an X-Ray trace id, and shows every invocation that names it, across functions; while "
        "Samlet runs, also those whose event has it, and the apigw-requestid of a response.",
        examples="""
            samlet logs -f
            samlet logs --function Hello --since 10m
            samlet logs --trace 1-5759e988-bd862e3fe1be46a994272793 --json
        """,
    )
    add_options(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="stay and print what comes")
    parser.add_argument("--function", metavar="NAME", help="this function's lines alone: its logical id or name")
    parser.add_argument("--trace", metavar="ID", help="the lines of one request, in order of time")
    parser.add_argument("--since", metavar="TIME", help="from then on: 30s, 10m, 2h, 1d, or an ISO 8601 time")
    parser.add_argument("--json", action="store_true", help="an object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the log."""
    first = log_lines.since(arguments.since, datetime.now(UTC)) if arguments.since else ""
    told = _requests(arguments) if arguments.trace is not None else None
    _, _, state = selected(arguments)
    if not arguments.follow and not state.log.exists():
        raise NotRunning(f"nothing has been logged in {state.folder}; start with `samlet up`, or name the --template")
    raw = log_file.follow(state.log) if arguments.follow else log_file.read(state.log)
    lines = (line for line in map(log_lines.parse, raw) if line)
    if arguments.since:
        lines = (line for line in lines if line.time >= first)
    if arguments.function:
        names = _names(arguments)
        lines = (line for line in lines if line.source in names)
    shown = 0
    for line in _traced(lines, arguments, told) if arguments.trace else lines:
        print(_as_json(line) if arguments.json else _readable(line), flush=arguments.follow)
        shown += 1
    if not shown and (arguments.trace or arguments.function):
        missed = f"no line of {arguments.trace or arguments.function} is in {state.log}"
        raise SamletError(missed + (_whence(told) if arguments.trace else ""))
    return 0


def _traced(lines: Iterable[Line], arguments: argparse.Namespace, told: dict[str, Any] | None) -> Iterator[Line]:
    requests = told["requests"] if told else ()
    if not arguments.follow:
        return log_lines.of_trace(lines, arguments.trace, requests)
    picker = log_lines.Trace(arguments.trace, requests)
    return (found for line in lines for _, found in picker.take(line))


def _requests(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """What the running Samlet tells of the requests that belong to an id; None where none runs."""
    query = urlencode([("id", form) for form in sorted(log_lines.forms(arguments.trace))])
    with contextlib.suppress(SamletError):
        if console := address_of(arguments, "console"):
            told: dict[str, Any] = Remote(console).get(f"/api/requests?{query}")
            return told
    return None


def _whence(told: dict[str, Any] | None) -> str:
    """Where else an id was looked for."""
    if told is None:
        return "; an id that functions do not log is known only while Samlet runs"
    return f", and none of the {told['kept']} newest invocations came with it"


def _names(arguments: argparse.Namespace) -> set[str]:
    """What a function calls itself in the log, by its logical id or its name."""
    wanted = arguments.function
    return {wanted} | {name for logical_id, name in function_names(arguments).items() if logical_id == wanted}


def _as_json(line: Line) -> str:
    return json.dumps({"time": line.time, "source": line.source, "text": line.text}, ensure_ascii=False)


def _readable(line: Line) -> str:
    source = log.painted(f"{line.source:<16}", log.colour_of(line.source), sys.stdout)
    local = datetime.fromisoformat(line.time).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03} {source} {line.text}"
