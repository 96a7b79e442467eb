"""`samlet validate`: reads a template like `start` does, and lists what of it is run and what is not."""

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from samlet import project, settings
from samlet.cli import stand_ins
from samlet.cli.columns import padded
from samlet.cli.selection import Commands, add_options, add_parameter, given_parameters
from samlet.cli.usage import add_command
from samlet.errors import ProjectError, TemplateError
from samlet.model import Template, Unsupported
from samlet.project import Project
from samlet.settings import Settings

if TYPE_CHECKING:
    from samlet.template import Lines


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "validate",
        "check a template, and list what of it is run",
        about="Nothing is started and nothing is asked of AWS. Errors and what isn't run are named with their line. "
        "Values that only a running Samlet knows, such as ports and secrets, are stood in for. What moto "
        "itself refuses to make shows at start.",
        examples="""
            samlet validate
            samlet validate --template template.yaml --parameter Stage=prod
            samlet validate --strict --json       # for CI: 1 where something can't be run
        """,
    )
    add_options(parser)
    add_parameter(parser)
    parser.add_argument("--strict", action="store_true", help="fail where a part of the template isn't run")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Checked:
    """A template that could be read, the lines of its resources and the times that its schedules have."""

    template: Template
    line_of: Callable[[str], int | None]
    following: dict[str, datetime | None]


def run(arguments: argparse.Namespace) -> int:
    """Check the template; 1 if it is wrong, and with --strict if a part of it isn't run."""
    chosen = settings.read(os.environ)
    found = project.find(template=arguments.template, config=arguments.config)
    try:
        checked = check(found, chosen, given_parameters(arguments), arguments.config_env)
    except (TemplateError, ProjectError) as error:
        if not arguments.json:
            raise
        line = re.match(rf"{re.escape(str(found.template))}:(\d+): ", str(error))
        told = {"error": str(error), "file": str(found.template), "line": int(line[1]) if line else None}
        print(json.dumps({"valid": False, **told}, indent=2))
        return 1
    failed = arguments.strict and bool(checked.template.unsupported)
    print(json.dumps(_as_json(checked, valid=not failed), indent=2) if arguments.json else "\n".join(_text(checked)))
    return 1 if failed else 0


def check(found: Project, chosen: Settings, given: dict[str, str], config_env: str | None) -> Checked:
    """Read the template whole, with the expressions of its schedules; TemplateError where it is wrong."""
    from samlet.sources.timetable import timetable  # not at the top: see up.py
    from samlet.template import Lines

    template, now = stand_ins.template(found, chosen, given, config_env), datetime.now(UTC)
    lines = Lines(template.path.read_text("utf-8"))
    following = {}
    for schedule in template.schedules:
        try:
            table = timetable(schedule, now)
        except TemplateError as error:
            line = lines.of_resource(schedule.logical_id)
            raise TemplateError(f"{template.path}{f':{line}' if line else ''}: {error}") from error
        following[schedule.name] = table.next_after(now) if schedule.enabled else None
    return Checked(_with_runtimes(template, lines), lines.of_resource, following)


def _with_runtimes(template: Template, lines: "Lines") -> Template:
    """The template; Pythons that no machine has for it are among what isn't run, as `start --strict` refuses them."""
    from samlet.runtime.interpreters import never_here

    found = [
        Unsupported(logical_id, "AWS::Lambda::Function", f"Runtime: {reason}")
        for logical_id, function in template.functions.items()
        if (reason := never_here(function.runtime))
    ]
    parts = [*template.unsupported, *(replace(part, line=lines.of_part(part)) for part in found)]
    return replace(template, unsupported=tuple(sorted(parts, key=lambda part: (part.line or 0, part.logical_id))))


def _as_json(checked: Checked, *, valid: bool) -> dict[str, Any]:
    template = checked.template
    return {
        "valid": valid,
        "template": str(template.path),
        "functions": _functions(checked),
        "routes": [
            {"api": api.logical_id, "route": route.key, "function": route.function}
            for api in template.apis
            for route in api.routes
        ],
        "schedules": _schedules(checked),
        **_mappings(template),
        "made_in_moto": [
            {"logical_id": logical_id, "type": kind, "line": checked.line_of(logical_id)}
            for logical_id, kind, standing in template.resources
            if standing == "elsewhere"
        ],
        "unsupported": [
            {"logical_id": part.logical_id, "type": part.type, "reason": part.reason, "line": part.line}
            for part in template.unsupported
        ],
    }


def _functions(checked: Checked) -> list[dict[str, Any]]:
    """The functions in the order of their lines."""
    rows = [
        {
            "logical_id": logical_id,
            "name": function.name,
            "runtime": function.runtime,
            "handler": function.handler,
            "line": checked.line_of(logical_id),
        }
        for logical_id, function in checked.template.functions.items()
    ]
    return sorted(rows, key=lambda row: (row["line"] or 0, row["logical_id"]))


def _schedules(checked: Checked) -> list[dict[str, Any]]:
    return [
        {
            "name": schedule.name,
            "expression": schedule.expression,
            "timezone": schedule.timezone,
            "function": schedule.function,
            "enabled": schedule.enabled,
            "next": (slot := checked.following[schedule.name]) and slot.isoformat(),
        }
        for schedule in checked.template.schedules
    ]


def _mappings(template: Template) -> dict[str, list[dict[str, Any]]]:
    return {
        "kafka_mappings": [
            {"logical_id": mapping.logical_id, "topic": mapping.topic, "function": mapping.function}
            for mapping in template.kafka_mappings
        ],
        "queue_mappings": [
            {"logical_id": mapping.logical_id, "queue": mapping.arn, "function": mapping.function}
            for mapping in template.queue_mappings
        ],
        "push_mappings": [
            {
                "logical_id": mapping.logical_id,
                "source": mapping.push.kind,
                "target": mapping.function or mapping.target,
            }
            for mapping in template.push_mappings
        ],
    }


def _text(checked: Checked) -> Iterator[str]:
    told = _as_json(checked, valid=True)
    name = checked.template.path.name
    idle = not checked.template.functions and bool(checked.template.unsupported)
    yield (
        f"{checked.template.path} can be read, but no function of it can be run"
        if idle
        else (f"{checked.template.path} can be run")
    )
    yield from _table("functions", [(row["logical_id"], row["runtime"], row["handler"]) for row in told["functions"]])
    yield from _table("routes", [(row["route"], row["function"]) for row in told["routes"]])
    rows = [
        (row["name"], row["expression"], row["timezone"], row["function"], _outlook(row)) for row in told["schedules"]
    ]
    yield from _table("schedules", rows)
    rows_of_mappings = [(row["logical_id"], row["topic"], row["function"]) for row in told["kafka_mappings"]]
    yield from _table("Kafka mappings", rows_of_mappings)
    yield from _table("SQS mappings", [(row["logical_id"], row["function"]) for row in told["queue_mappings"]])
    pushes = [(row["logical_id"], row["source"].upper(), row["target"]) for row in told["push_mappings"]]
    yield from _table("topics and buckets", pushes)
    made = [(row["logical_id"], row["type"]) for row in told["made_in_moto"]]
    yield from _table("made in moto at start, as far as it can", made)
    missing = [(f"{name}:{row['line']}" if row["line"] else name, row) for row in told["unsupported"]]
    yield from _table("not run here", [(at, row["logical_id"], row["type"], row["reason"]) for at, row in missing])


def _outlook(row: dict[str, Any]) -> str:
    if not row["enabled"]:
        return "disabled"
    return f"next {datetime.fromisoformat(row['next']):%Y-%m-%dT%H:%M:%SZ}" if row["next"] else "over"


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield f"\n{title} ({len(rows)})"
        yield from padded(rows, indent="  ")
