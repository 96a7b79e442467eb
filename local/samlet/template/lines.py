"""In which line of its file a part of the template stands, so that whoever reads a message can go there."""

import re
from functools import cached_property
from typing import Any

import yaml

from samlet.model import Unsupported
from samlet.template import reader

_WORD = re.compile(r"[\w:.\[\]/-]+")
_RESOURCE = re.compile(r"Resources\.(\w+)")
_ROUTE = re.compile(r"(?:^|: )([A-Z]+) (/\S*?)(?=: | is )")
_QUOTED_ID = re.compile(r"\[(\w+)\]")
# What SAM calls a property that CloudFormation calls otherwise.
_SAM_WORDS = {
    "Body": ("CorsConfiguration",),
    "Code": ("CodeUri", "InlineCode", "ImageUri"),
    "Content": ("ContentUri",),
    "DeadLetterConfig": ("DeadLetterQueue",),
}
# What SAM makes of a property, by what it adds to the function's logical id.
_SAM_PARTS = {"Url": "FunctionUrlConfig"}
# What SAM makes for events that name no API of their own.
_IMPLICIT = {"ServerlessRestApi": "Api", "ServerlessHttpApi": "HttpApi"}


class Lines:
    """The lines of one template's text; they are looked up only when somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, place: str) -> int | None:
        """The line of a place such as `Resources.F.Properties.Code`, or of the nearest one that encloses it."""
        while place and place not in self._known:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self._known.get(place)

    def of_resource(self, logical_id: str) -> int | None:
        """The line of a resource, or of what the SAM transform made it from."""
        return self.of(self._place(logical_id))

    def of_part(self, part: Unsupported) -> int | None:
        """The line of a part that cannot be run: of its property, if the reason begins with one."""
        if part.logical_id == "Rules":
            return self.of(f"Rules.{part.type}.{part.reason.partition(':')[0]}")
        if part.logical_id in ("Transform", "Hooks") or part.logical_id == part.type:
            return self.of(part.logical_id)
        if f"Parameters.{part.logical_id}" in self._known:
            return self.of(f"Parameters.{part.logical_id}")
        if part.type == "AWS::ApiGatewayV2::Api" and (event := self._event_of_route(part.reason)):
            return self.of(event)
        place = self._place(part.logical_id)
        named = _WORD.match(part.reason.partition(": ")[0])
        property_ = f"{place}.Properties.{named[0]}" if named else place
        for word in _SAM_WORDS.get(named[0].partition(".")[0] if named else "", ()):
            if f"{place}.Properties.{word}" in self._known:
                return self.of(f"{place}.Properties.{word}")
        # A reason may begin with a word that is no property, as a route's key.
        first = re.split(r"[.\[]", property_.removeprefix(f"{place}.Properties."))[0]
        return self.of(property_ if f"{place}.Properties.{first}" in self._known else place)

    def of_message(self, text: str) -> int | None:
        """The line that an error's text speaks of, by a place at its begin or a logical id in brackets."""
        begin = _WORD.match(text)
        place = begin[0].rstrip(":") if begin else ""
        generated = _RESOURCE.match(place)
        if generated and generated[1] not in self._resources:
            place = self._event_of_route(text) or self._place(generated[1])
        line = self.of(place)
        if line is None and (quoted := _QUOTED_ID.search(text)):
            line = self.of(self._place(quoted[1]))
        return line

    def _place(self, logical_id: str) -> str:
        """Where a resource stands, or what the SAM transform made it from: a resource, or an event of one."""
        resources = self._resources
        if logical_id in resources:
            return f"Resources.{logical_id}"
        if logical_id in _IMPLICIT:
            return self._first_event(_IMPLICIT[logical_id])
        origin = max((name for name in resources if logical_id.startswith(name)), key=len, default="")
        rest = logical_id.removeprefix(origin)
        if f"Resources.{origin}.Properties.{(word := _SAM_PARTS.get(rest, rest))}" in self._known:
            return f"Resources.{origin}.Properties.{word}"
        event = max((name for name in _events(resources.get(origin)) if rest.startswith(name)), key=len, default="")
        return f"Resources.{origin}.Properties.Events.{event}" if event else f"Resources.{origin}"

    def _event_of_route(self, text: str) -> str | None:
        """The event of a function that asks for the route of which a text speaks."""
        route = _ROUTE.search(text)
        if route is None:
            return None
        for logical_id, resource in self._resources.items():
            for name, event in _events(resource).items():
                if _asks_for(event, route[1], route[2]):
                    return f"Resources.{logical_id}.Properties.Events.{name}"
        return None

    def _first_event(self, kind: str) -> str:
        for logical_id, resource in self._resources.items():
            for name, event in _events(resource).items():
                if isinstance(event, dict) and event.get("Type") == kind:
                    return f"Resources.{logical_id}.Properties.Events.{name}"
        return "Resources"

    @cached_property
    def _resources(self) -> dict[str, Any]:
        """The resources as they are written; none in a text that cannot be read."""
        try:
            document = reader.parse(self._text)
        except reader.MalformedText:
            return {}
        resources = document.get("Resources") if isinstance(document, dict) else None
        return resources if isinstance(resources, dict) else {}

    @cached_property
    def _known(self) -> dict[str, int]:
        found: dict[str, int] = {}
        _walk(reader.node_of(self._text), "", found)
        return found


def _events(resource: Any) -> dict[str, Any]:
    properties = resource.get("Properties") if isinstance(resource, dict) else None
    events = properties.get("Events") if isinstance(properties, dict) else None
    return events if isinstance(events, dict) else {}


def _asks_for(event: Any, method: str, path: str) -> bool:
    if not isinstance(event, dict) or event.get("Type") != "HttpApi":
        return False
    asked = event.get("Properties")
    return isinstance(asked, dict) and asked.get("Path") == path and str(asked.get("Method")).upper() == method


def _walk(node: yaml.Node | None, place: str, found: dict[str, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{place}.{key.value}" if place else str(key.value)
            found.setdefault(inner, key.start_mark.line + 1)
            _walk(value, inner, found)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            found.setdefault(f"{place}[{index}]", item.start_mark.line + 1)
            _walk(item, f"{place}[{index}]", found)
