"""Finds resources that need each other in a circle, which CloudFormation refuses: none of them could be made first."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, Protocol

from samlet.errors import TemplateError
from samlet.model import Unsupported

_IN_TEXT = re.compile(r"\$\{\s*([A-Za-z0-9]+)(?:\.[^}]*)?\}")


class Circle(TemplateError):
    """Resources need each other; `steps` are who needs whom, and the place that says so."""

    def __init__(self, steps: list["Need"]) -> None:
        super().__init__(f"Circular dependency between resources: [{', '.join(step.who for step in steps)}]")
        self.steps = steps


@dataclass(frozen=True, slots=True)
class Need:
    """`who` can be made only after `whom`, because of what stands at `place`."""

    who: str
    whom: str
    place: str


class Conditions(Protocol):
    """Knows which branch of an `Fn::If` counts."""

    def holds(self, condition: str, place: str) -> bool:
        """Whether a condition of the template is true."""
        ...


def refuse_circles(resources: Mapping[str, Any], conditions: Conditions) -> None:
    """Raise Circle if any of the resources, as they are written, can't be made before one that it needs."""
    needs: dict[tuple[str, str], Need] = {}
    for who, resource in resources.items():
        for whom, place in _needed(who, resource, conditions):
            if whom in resources:
                needs.setdefault((who, whom), Need(who, whom, place))
    graph: dict[str, list[str]] = {}
    for who, whom in needs:
        graph.setdefault(who, []).append(whom)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # Each is told before the one that needs it.
        backwards: list[str] = error.args[1]
        raise Circle([needs[pair] for pair in pairwise(_from_first(backwards[::-1], list(resources)))]) from None


def _from_first(circle: list[str], order: list[str]) -> list[str]:
    """The same circle, beginning and ending with the resource that stands first in the template."""
    members = circle[:-1]
    first = members.index(min(members, key=order.index))
    return [*members[first:], *members[:first], members[first]]


def missing_needs(resources: Mapping[str, Any]) -> list[Unsupported]:
    """What resources depend on and is not there; `resources` holds those that conditions leave out, too."""
    return [
        Unsupported(who, resource["Type"], f"DependsOn: {other} is no resource of this template, which AWS refuses")
        for who, resource in resources.items()
        for other in _depends_on(resource)
        if other not in resources
    ]


def _depends_on(resource: Mapping[str, Any]) -> list[str]:
    first = resource.get("DependsOn") or []
    return [str(other) for other in ([first] if isinstance(first, str) else first)]


def _needed(who: str, resource: Mapping[str, Any], conditions: Conditions) -> Iterator[tuple[str, str]]:
    place = f"Resources.{who}"
    for other in _depends_on(resource):
        yield other, f"{place}.DependsOn"
    yield from _named(resource.get("Properties") or {}, f"{place}.Properties", conditions)


def _named(value: Any, place: str, conditions: Conditions) -> Iterator[tuple[str, str]]:
    """The names that a value refers to; what is malformed is told by who resolves it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _named(item, f"{place}[{index}]", conditions)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item, place
            elif key == "Fn::GetAtt":
                yield from ((str(name), place) for name in (item.split(".") if isinstance(item, str) else item)[:1])
            elif key == "Fn::Sub":
                yield from _in_text(item, place, conditions)
            elif key == "Fn::If" and isinstance(item, list) and len(item) == 3:
                yield from _named(item[1 if conditions.holds(item[0], place) else 2], place, conditions)
            else:
                yield from _named(item, f"{place}.{key}", conditions)


def _in_text(value: Any, place: str, conditions: Conditions) -> Iterator[tuple[str, str]]:
    text, variables = (value[0], value[-1]) if isinstance(value, list) and value else (value, {})
    own = variables if isinstance(variables, dict) else {}
    yield from ((name, place) for name in _IN_TEXT.findall(str(text)) if name not in own)
    yield from _named(own, place, conditions)
