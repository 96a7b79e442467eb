"""Nulls in a template, which YAML makes of a name with nothing behind it; CloudFormation takes none."""

from collections.abc import Iterator, Mapping
from typing import Any

from samlet.model import Unsupported


def null_values(resources: Mapping[str, Any]) -> list[Unsupported]:
    """Each null in the properties of a resource: here it counts as not written."""
    return [
        Unsupported(logical_id, resource["Type"], f'{place}: is null, which AWS refuses; write "" or leave it out')
        for logical_id, resource in resources.items()
        for place in _nulls(resource.get("Properties", {}), "")
    ]


def _nulls(value: Any, place: str) -> Iterator[str]:
    if value is None:
        yield place or "Properties"
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _nulls(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _nulls(inner, f"{place}[{index}]")
