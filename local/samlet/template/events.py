"""Events of `AWS::Serverless::Function` that wake nothing here and of which the expansion leaves no trace."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from samlet.model import Unsupported

_FUNCTION = "AWS::Serverless::Function"
_REASONS = {
    "Api": "routes of REST APIs are not served; an event of type HttpApi is",
    "Cognito": "triggers of user pools are not called",
    "AlexaSkill": "skills are not connected",
}


def silent_events(document: Mapping[str, Any], holds: Callable[[str, str], bool]) -> Iterator[Unsupported]:
    """One note an event, of the functions that exist under the template's conditions."""
    for logical_id, resource in document["Resources"].items():
        condition = resource.get("Condition")
        if resource["Type"] != _FUNCTION or (condition and not holds(condition, f"Resources.{logical_id}.Condition")):
            continue
        events = (resource.get("Properties") or {}).get("Events")
        for name, event in events.items() if isinstance(events, dict) else ():
            kind = event.get("Type") if isinstance(event, dict) else None
            if isinstance(kind, str) and kind in _REASONS:
                yield Unsupported(logical_id, _FUNCTION, f"Events.{name}: {_REASONS[kind]}")
