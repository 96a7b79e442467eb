"""Reads a template file, YAML or JSON, into plain dictionaries; CloudFormation's short tags become their long forms."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from samlet.errors import MissingPath, TemplateError

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_BARE_TAGS = ("Ref", "Condition")
_SECTIONS = ("Parameters", "Mappings", "Conditions", "Outputs", "Globals")
SECTIONS = frozenset(
    {*_SECTIONS, "AWSTemplateFormatVersion", "Description", "Hooks", "Metadata", "Resources", "Rules", "Transform"}
)


class MalformedText(TemplateError):
    """The text is no YAML or JSON; `line` is where it stops making sense, from 1."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


class _Duplicate(ValueError):
    """A JSON object has a key twice."""


class _Reading(yaml.constructor.SafeConstructor):
    """Reads as CloudFormation does: every key is text, dates are text, and a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002, ARG002
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "needs a map", node.start_mark)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key has to be text", key.start_mark)
            if key.tag != _MERGE and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            seen.add(key.value)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


class _Loader(_Reading, yaml.SafeLoader):
    """The slow loader, whose complaints are the clearer ones."""


class _FastLoader(_Reading, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, where PyYAML was built with it."""


def _short_tag(loader: _Reading, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in _BARE_TAGS else f"Fn::{name}": value}


for _kind in (_Loader, _FastLoader):
    _kind.add_multi_constructor("!", _short_tag)
    # As long as PyYAML adds its implicit types to the class that a loader inherits from, these are copies.
    _kind.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(path: Path) -> dict[str, Any]:
    """The document in `path` as it stands; raises TemplateError if it cannot be read or is no template."""
    return check(parse(text_of(path)))


def text_of(path: Path) -> str:
    """The text of a template's file, without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MissingPath(f"cannot be read: {error}", path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"cannot be read: {error}") from error


class Texts:
    """Reads files and remembers what stood in them, since they may be saved while they are made use of."""

    def __init__(self) -> None:
        self.read: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """The text of a file, as `text_of`."""
        text = self.read[path] = text_of(path)
        return text


def parse(text: str) -> Any:
    """The value that a YAML or JSON text holds; raises MalformedText."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_without_duplicates)
        except ValueError:
            pass  # YAML's flow style starts with a brace too, and says better where the mistake is
    try:
        return yaml.load(text, Loader=_FastLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError):
        return _explained(text)


def _explained(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        problem = str(error.problem or error.context)
        if "'\\t'" in problem:
            problem = "a tab indents; YAML takes only spaces there"
        mark = error.problem_mark
        column = f" (column {mark.column + 1})" if mark else ""
        raise MalformedText(problem + column, mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError) as error:
        raise MalformedText(str(error)) from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


def node_of(text: str) -> yaml.Node | None:
    """The text as a tree that knows its lines; None where it is no YAML."""
    try:
        # JSON may be indented with tabs.
        node: yaml.Node | None = yaml.compose(text.replace("\t", " "), Loader=_FastLoader)
    except yaml.YAMLError:
        return None
    return node


def check(document: Any) -> dict[str, Any]:
    """The document, if it has a template's shape; raises TemplateError with the place."""
    if document is None:
        raise TemplateError("no template: the file is empty")
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError("no template: it has no Resources section")
    for section in _SECTIONS:
        if not isinstance(document.get(section) or {}, dict):
            raise TemplateError(f"{section}: needs a map of names")
    for logical_id, resource in document["Resources"].items():
        _check_resource(logical_id, resource)
    return document


def _check_resource(logical_id: Any, resource: Any) -> None:
    place = f"Resources.{logical_id}"
    if not isinstance(resource, dict):
        raise TemplateError(f"{place}: needs a map; is the indentation right?")
    if not isinstance(resource.get("Type"), str):
        raise TemplateError(f"{place}.Type: is missing")
    if not isinstance(resource.get("Properties") or {}, dict):
        raise TemplateError(f"{place}.Properties: needs a map")
