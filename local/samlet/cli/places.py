"""Where in a template's text something stands, so that an error can be jumped to: `template.yaml:12`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

_WHERE = re.compile(r"line (\d+), column \d+: ")
_QUOTED = re.compile(r"with id \[(\w+)\]")
_SCHEDULE = re.compile(r"schedule (\S+): ")
_PLACE = re.compile(r"((?:Resources|Parameters|Outputs|Globals|Mappings|Conditions)(?:\.[A-Za-z0-9_:-]+)*)")


class Places:
    """The lines of one template, YAML or JSON; a text that cannot be parsed has none."""

    def __init__(self, text: str) -> None:
        self._root = _composed(text)
        self._ids = dict(self._names("Resources")) | dict(self._names("Parameters"))

    def line_of(self, path: str) -> int | None:
        """The line of `Resources.Name.Properties.Handler`, or of as much of it as the template has."""
        node, line = self._root, None
        for name in path.split("."):
            found = _entry(node, name)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line + 1
        return line

    def line_of_id(self, logical_id: str) -> int | None:
        """The line of a resource or parameter; one that SAM made stands where the one that it was made from does."""
        known = [name for name in self._ids if logical_id.startswith(name)]
        return self._ids[max(known, key=len)] if known else None

    def line_in(self, message: str) -> int | None:
        """The line that an error is about."""
        if said := _WHERE.search(message):
            return int(said[1])
        if schedule := _SCHEDULE.match(message):
            return _line_of_value(self._root, schedule[1])
        place = _PLACE.search(message)
        if place is None and (quoted := _QUOTED.search(message)):
            return self.line_of_id(quoted[1])
        return self.line_of(place[1].rstrip(":")) if place else None

    def _names(self, section: str) -> Iterator[tuple[str, int]]:
        found = _entry(self._root, section)
        if found and isinstance(found[1], yaml.MappingNode):
            for key, _ in found[1].value:
                yield str(key.value), key.start_mark.line + 1


def places_in(file: Path) -> Places:
    """The places of a template that may be unreadable."""
    try:
        return Places(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return Places("")


def located(file: Path, places: Places, message: str) -> tuple[str, int | None]:
    """The message with `file:line` before it where the line is known, and the line."""
    if named := re.match(rf"{re.escape(str(file))}:(\d+): ", message):
        return message, int(named[1])
    bare = message.removeprefix(f"{file}: ")
    line = places.line_in(bare)
    return (f"{file}:{line}: {_WHERE.sub('', bare, count=1)}" if line else f"{file}: {bare}"), line


def by_line(places: Places, ids: Mapping[str, object]) -> list[str]:
    """Logical ids in the order in which they stand in the template."""
    return sorted(ids, key=lambda name: (places.line_of_id(name) or 0, name))


def _composed(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None


def _entry(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _line_of_value(node: yaml.Node | None, value: str) -> int | None:
    """The line of the first text that is exactly `value`."""
    if isinstance(node, yaml.ScalarNode) and node.value == value:
        return int(node.start_mark.line) + 1
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    return next((line for line in (_line_of_value(part, value) for part in inner) if line), None)
