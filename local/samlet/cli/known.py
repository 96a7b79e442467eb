"""The names that a project knows: of a running Samlet if there is one, else of its template."""

import argparse
import contextlib
from collections.abc import Mapping
from typing import Any

from samlet.cli import stand_ins
from samlet.cli.remote import Remote, address_of
from samlet.cli.selection import given_parameters, selected
from samlet.errors import SamletError


def function_names(arguments: argparse.Namespace) -> Mapping[str, str]:
    """Each function's name by its logical id; nothing where no template can be read."""
    with contextlib.suppress(SamletError):
        if console := address_of(arguments, "console"):
            told = Remote(console).get("/api/functions")
            return {logical_id: function["name"] for logical_id, function in told.items()}
        found, settings, _ = selected(arguments)
        functions = stand_ins.template(found, settings, config_env=getattr(arguments, "config_env", None)).functions
        return {logical_id: function.name for logical_id, function in functions.items()}
    return {}


def why_not(arguments: argparse.Namespace, function: str) -> str:
    """What to add where a function was not found: why the template's is not run, or which ones there are."""
    with contextlib.suppress(SamletError):
        from samlet.template import notice  # not at the top: it takes a while to load

        found, settings, _ = selected(arguments)
        template = stand_ins.template(found, settings, given_parameters(arguments), arguments.config_env)
        for part in template.unsupported:
            if part.logical_id == function:
                return f"; it is not run here: {notice(template, part)}"
        return f"; the template has {', '.join(sorted(template.functions)) or 'none that is run'}"
    return ""


def quick_functions(arguments: argparse.Namespace) -> list[str]:
    """The functions' logical ids, without the half second that expanding a template takes."""
    return _running(arguments, "functions") or _written(
        arguments, ("AWS::Serverless::Function", "AWS::Lambda::Function")
    )


def quick_schedules(arguments: argparse.Namespace) -> list[str]:
    """The schedules' names; where nothing runs, those that stand in the template as they are."""
    return _running(arguments, "schedules") or _scheduled(_document(arguments))


def _running(arguments: argparse.Namespace, what: str) -> list[str]:
    with contextlib.suppress(SamletError):
        if console := address_of(arguments, "console"):
            told = Remote(console).get(f"/api/{what}")
            return [row["name"] if what == "schedules" else row for row in told]
    return []


def _written(arguments: argparse.Namespace, kinds: tuple[str, ...]) -> list[str]:
    resources = _document(arguments)
    return [logical_id for logical_id, resource in resources.items() if resource["Type"] in kinds]


def _scheduled(resources: Mapping[str, Any]) -> list[str]:
    names = []
    for resource in resources.values():
        properties = resource.get("Properties") or {}
        events = properties.get("Events")
        made = events.values() if isinstance(events, dict) else ()
        inner = [event.get("Properties") for event in made if isinstance(event, dict)]
        names += [each.get("Name") for each in (properties, *inner) if isinstance(each, dict) and _is_schedule(each)]
    return [name for name in names if isinstance(name, str)]


def _is_schedule(properties: Mapping[str, Any]) -> bool:
    return "ScheduleExpression" in properties or "Schedule" in properties


def _document(arguments: argparse.Namespace) -> Mapping[str, Any]:
    """The template's resources as they are written; nothing where it can't be read."""
    with contextlib.suppress(SamletError):
        from samlet.template import reader

        resources: Mapping[str, Any] = reader.read(selected(arguments)[0].template)["Resources"]
        return resources
    return {}
