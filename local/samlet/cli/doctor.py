"""`samlet doctor`: looks at everything that a start needs, and says what to do where something is missing."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import samlet
from samlet import project, settings
from samlet.cli import sam_settings, stand_ins
from samlet.cli.findings import Finding, Level, ok, problem
from samlet.cli.selection import Commands, add_options, add_parameter, given_parameters
from samlet.cli.usage import add_command
from samlet.errors import ProjectError, TemplateError
from samlet.log import painted
from samlet.project import Project
from samlet.settings import Settings
from samlet.state import State

_COLOURS: dict[Level, int] = {"ok": 32, "warning": 33, "problem": 31}


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "doctor",
        "look whether all that a start needs is here",
        about="Pythons, ports, downloads, disk, secrets of Kafka, state folder, template, clock: a line each, with "
        "what to do. Nothing is started or downloaded. Fails where Samlet would not start.",
        examples="""
            samlet doctor
            samlet doctor --template template.yaml --json
        """,
    )
    add_options(parser)
    add_parameter(parser)
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 if one of them is a problem."""
    findings = []
    for finding in examined(arguments):
        findings.append(finding)
        if not arguments.json:
            print(_line(finding), flush=True)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def examined(arguments: argparse.Namespace) -> Iterator[Finding]:
    """Everything that is found; what can't be looked at because something before it is wrong is left out."""
    try:
        chosen = settings.read(os.environ)
        found = project.find(template=arguments.template, config=arguments.config)
    except ProjectError as error:
        yield problem("project", str(error), "see `Settings` and `samlet.toml` in Samlet's README")
        return
    yield ok("project", f"{found.source or 'no samlet.toml: the template alone'}")
    yield from _of_project(found, chosen, given_parameters(arguments), arguments.config_env)


def _of_project(found: Project, chosen: Settings, given: dict[str, str], config_env: str | None) -> Iterator[Finding]:
    from samlet.cli import examinations as examine  # not at the top: see up.py

    state = State(chosen.state_beside(found.folder))
    told: list[Finding] = []
    template = None
    try:
        chosen = sam_settings.with_ports(chosen, sam_settings.read(found, config_env), os.environ)
        template = stand_ins.template(found, chosen, given, config_env)
    except (TemplateError, ProjectError) as error:
        yield problem("template", str(error), "`samlet validate` says where")
    if template:
        functions = template.functions.values()
        yield examine.of_template(template)
        yield from examine.of_pythons(functions)
        yield from examine.of_bootstraps(functions)
        yield from examine.of_kafka_secrets(template, found, chosen)
        told.append(examine.of_packages(functions, chosen, state))
    told += examine.of_services(found, chosen, state)
    yield from told
    yield examine.of_network(told)
    yield from examine.of_ports(found, chosen, state)
    yield from examine.of_state(state)
    newest = Path(samlet.__file__).stat().st_mtime
    yield from examine.of_clock(template.schedules if template else (), time.time(), newest)


def _line(finding: Finding) -> str:
    level = painted(f"{finding.level:<8}", _COLOURS[finding.level], sys.stdout)
    line = f"{level} {finding.subject:<16} {finding.text}"
    return f"{line}\n{'':<26}{finding.remedy}" if finding.remedy else line
