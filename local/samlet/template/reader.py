"""Reads a template file, YAML or JSON, into plain dictionaries; CloudFormation's short tags become their long forms."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from samlet.errors import TemplateError

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_BARE_TAGS = ("Ref", "Condition")


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates (`Version: 2012-10-17` is text) and without silent duplicates of a key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_tag(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
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


_Loader.add_multi_constructor("!", _short_tag)


def read(path: Path) -> dict[str, Any]:
    """The document in `path`; raises TemplateError if it cannot be read or is no template."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"cannot be read: {error}") from error
    document = parse(text)
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError("no template: it has no Resources section")
    for section in ("Parameters", "Mappings", "Conditions", "Outputs", "Globals"):
        if not isinstance(document.get(section) or {}, dict):
            raise TemplateError(f"{section}: needs a map of names")
    for logical_id, resource in document["Resources"].items():
        _check_resource(logical_id, resource)
    return document


def parse(text: str) -> Any:
    """The value that a YAML or JSON text holds."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            pass  # YAML's flow style starts with a brace too, and says better where the mistake is
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise TemplateError(f"{place}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise TemplateError(str(error)) from error


def _check_resource(logical_id: Any, resource: Any) -> None:
    place = f"Resources.{logical_id}"
    if str(logical_id).startswith("Fn::"):
        raise TemplateError(f"{place}: loops of AWS::LanguageExtensions cannot be resolved")
    if not isinstance(resource, dict):
        raise TemplateError(f"{place}: needs a map; is the indentation right?")
    if not isinstance(resource.get("Type"), str):
        raise TemplateError(f"{place}.Type: is missing")
    if not isinstance(resource.get("Properties") or {}, dict):
        raise TemplateError(f"{place}.Properties: needs a map")
