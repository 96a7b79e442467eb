"""Reads templates, cuts template.yaml in two (docs/adr/0013), and sees to it that what changed is published."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Template = dict[str, Any]
_MIGRATION = "MigrateFunction"
# Of a function, and yet no part of a version: AWS refuses a version that does not differ from the one before it.
_UNVERSIONED = (
    "AutoPublishAlias",
    "DeploymentPreference",
    "EventInvokeConfig",
    "Events",
    "PermissionsBoundary",
    "Policies",
    "ReservedConcurrentExecutions",
    "Tags",
)


class _Loader(yaml.SafeLoader):
    """Takes CloudFormation's short tags for what is behind them; enough to read parameters."""


def _behind(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _behind)


def parameters(text: str) -> dict[str, dict[str, Any]]:
    """What a template's text asks for."""
    declared: dict[str, dict[str, Any]] = yaml.load(text, _Loader).get("Parameters", {})  # noqa: S506
    return declared


def versioned(template: Template, given: Mapping[str, str]) -> Template:
    """Each function with a mark that changes when a version of it would: with its code, settings, layer or parameters.

    By itself SAM publishes one for new code alone, and the alias would go on with the old layer and the old settings.
    """
    common = template.get("Globals", {}).get("Function", {})
    resources = {name: _marked(it, common, template["Resources"], given) for name, it in template["Resources"].items()}
    return {**template, "Resources": resources}


def _marked(resource: Template, common: Template, resources: Template, given: Mapping[str, str]) -> Template:
    if resource["Type"] != "AWS::Serverless::Function":
        return resource
    own = [
        {key: it for key, it in part.items() if key not in _UNVERSIONED} for part in (common, resource["Properties"])
    ]
    used = [resources[name] for name in sorted(set(_names(own)) & resources.keys())]
    layers = [it["Properties"] for it in used if it["Type"] == "AWS::Serverless::LayerVersion"]
    values = {name: given[name] for name in set(_names([own, layers])) & given.keys()}
    mark = hashlib.sha256(json.dumps([own, layers, values], sort_keys=True).encode()).hexdigest()
    return {**resource, "Properties": {**resource["Properties"], "AutoPublishCodeSha256": mark}}


def in_two(template: Template) -> tuple[Template, Template]:
    """The migration with all that it needs, and the service without it. Both may use a resource, such as the layer."""
    resources: Mapping[str, Any] = template["Resources"]
    uses = {name: set(_names(resource)) & resources.keys() for name, resource in resources.items()}
    everywhere = set(_names(template.get("Globals", {}))) & resources.keys()
    own = {_MIGRATION}
    while more := _belongings(own, uses, everywhere) - own:
        own |= more
    needed = own | everywhere
    while more := {used for name in needed for used in uses[name]} - needed:
        needed |= more
    return _only(template, needed), _only(template, resources.keys() - own)


def _belongings(own: set[str], uses: Mapping[str, set[str]], everywhere: set[str]) -> set[str]:
    """What speaks of something that is ours, and what nobody else speaks of but something that is ours."""
    others = everywhere.union(*(used for name, used in uses.items() if name not in own))
    ours = set[str]().union(*(uses[name] for name in own))
    return {name for name, used in uses.items() if used & own} | (ours - others)


def _only(template: Template, kept: set[str]) -> Template:
    gone = template["Resources"].keys() - kept
    outputs = {name: it for name, it in template.get("Outputs", {}).items() if not gone & set(_names(it))}
    resources = {name: it for name, it in template["Resources"].items() if name in kept}
    return {**template, "Resources": resources, "Outputs": outputs}


def _names(node: Any) -> Iterator[str]:
    """Everything that a part of a template refers to, in CloudFormation's long form."""
    match node:
        case {"Ref": str(name)}:
            yield name.partition(".")[0]  # SAM knows `Function.Alias` and the like
        case {"Fn::GetAtt": str(path)}:
            yield path.partition(".")[0]
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name.partition(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from _in_text(text)
        case {"Fn::Sub": [str(text), dict(values)]}:
            yield from _in_text(text)
            yield from _names(values)
        case dict():
            after = node.get("DependsOn", [])
            yield from [after] if isinstance(after, str) else after
            for value in node.values():
                yield from _names(value)
        case list():
            for value in node:
                yield from _names(value)


def _in_text(text: str) -> list[str]:
    return re.findall(r"\$\{([A-Za-z0-9]+)[.}]", text)
