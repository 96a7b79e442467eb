"""The filter criteria of a Kafka mapping, checked before anything runs."""

import json
from collections.abc import Mapping
from typing import Any

from samlet.errors import TemplateError
from samlet.event_pattern import alternatives
from samlet.template.properties import Properties
from samlet.template.stack import Resource, Stack

_FILTERS = 5  # and twice as many for an account that has asked
_MOST_FILTERS = 10
_LONGEST_PATTERN = 4096  # characters
_FIELDS = {"key", "value"}


def filters(stack: Stack, resource: Resource) -> tuple[Mapping[str, Any], ...]:
    """Return the decoded patterns; a TemplateError names the place of one that AWS would refuse."""
    criteria = resource.properties.inner("FilterCriteria")
    given = criteria.maps("Filters")
    if len(given) > _MOST_FILTERS:
        raise criteria.error("Filters", f"holds {len(given)} filters, {_MOST_FILTERS} at most")
    if len(given) > _FILTERS:
        stack.refuse(resource, f"FilterCriteria: AWS takes over {_FILTERS} filters only with a raised quota")
    return tuple(_pattern(item) for item in given)


def _pattern(item: Properties) -> Mapping[str, Any]:
    raw = item.raw("Pattern")
    if isinstance(raw, str) and len(raw) > _LONGEST_PATTERN:
        raise item.error("Pattern", f"is {len(raw)} characters long, {_LONGEST_PATTERN} at most")
    try:
        pattern = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError as error:
        raise item.error("Pattern", f"is no JSON: {error}") from error
    if not isinstance(pattern, dict):
        raise item.error("Pattern", "needs a JSON object")
    try:
        asked = {name for tree in alternatives(pattern) for name in tree}
    except TemplateError as error:
        raise item.error("Pattern", str(error)) from error
    if unknown := asked - _FIELDS:
        raise item.error("Pattern", f"a Kafka filter is about value or key, not {', '.join(sorted(unknown))}")
    return pattern
