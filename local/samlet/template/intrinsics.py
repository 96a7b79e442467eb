"""CloudFormation's intrinsic functions: turns a value as written into the value as meant."""

import base64
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from samlet.errors import TemplateError
from samlet.template.conditions import Conditions
from samlet.template.parameters import ParameterValue, as_text

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
NO_VALUE = object()


class References(Protocol):
    """What resources answer to `Ref` and `Fn::GetAtt`."""

    def ref(self, logical_id: str) -> Any: ...

    def attribute(self, logical_id: str, name: str) -> Any: ...


@dataclass
class Resolver:
    """Resolves values; `place` in its methods is where the value stands, for the error's text."""

    parameters: Mapping[str, ParameterValue]
    pseudo: Mapping[str, Any]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    references: References | None = None
    imports: Mapping[str, str] = field(default_factory=dict)
    missing_imports: dict[str, str] = field(default_factory=dict)  # the export's name, by the place that imports it
    _evaluated: Conditions = field(init=False)

    def __post_init__(self) -> None:
        self._evaluated = Conditions(self.conditions, self.resolve)

    def holds(self, condition: str, place: str) -> bool:
        """Whether a condition of the template is true."""
        return self._evaluated.holds(condition, place)

    def resolve(self, value: Any, place: str) -> Any:
        """`value` without intrinsic functions; NO_VALUE where the template says AWS::NoValue."""
        if isinstance(value, list):
            resolved = [self.resolve(item, f"{place}[{index}]") for index, item in enumerate(value)]
            return [item for item in resolved if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or str(name).startswith("Fn::"):
                return self._call(str(name), argument, place)
        pairs = {key: self.resolve(item, f"{place}.{key}") for key, item in value.items()}
        return {key: item for key, item in pairs.items() if item is not NO_VALUE}

    def _call(self, name: str, argument: Any, place: str) -> Any:
        function = _FUNCTIONS.get(name)
        if function is None:
            macro = f": {argument.get('Name')} is no macro here" if isinstance(argument, dict) else ""
            raise TemplateError(f"{place}: {name} cannot be resolved{macro if name == 'Fn::Transform' else ''}")
        try:
            return function(self, argument, place)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise TemplateError(f"{place}: {name} is malformed ({error})") from error

    def _ref(self, name: Any, place: str) -> Any:
        _check_name("Ref", name, place)
        if name == "AWS::NoValue":
            return NO_VALUE
        for values in (self.parameters, self.pseudo):
            if name in values:
                return values[name]
        if self.references is None:
            raise TemplateError(f"{place}: Ref {name} is no parameter")
        try:
            return self.references.ref(name)
        except LookupError as error:
            raise TemplateError(f"{place}: Ref {name}: {error.args[0]}") from error

    def _get_att(self, argument: Any, place: str) -> Any:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        _check_name("Fn::GetAtt", logical_id, place)
        if self.references is None:
            raise TemplateError(f"{place}: Fn::GetAtt {logical_id} cannot be used here")
        try:
            return self.references.attribute(logical_id, as_text(self.resolve(attribute, place)))
        except LookupError as error:
            raise TemplateError(f"{place}: Fn::GetAtt {logical_id}.{attribute}: {error.args[0]}") from error

    def _sub(self, argument: Any, place: str) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        values = {key: self.resolve(value, f"{place}.{key}") for key, value in variables.items()}

        def replacement(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in values:
                return self._text(values[name], place)
            if "." in name:
                return self._text(self._get_att(name, place), place)
            return self._text(self._ref(name, place), place)

        return _PLACEHOLDER.sub(replacement, text)

    def _text(self, value: Any, place: str) -> str:
        if value is NO_VALUE or isinstance(value, dict):
            raise TemplateError(f"{place}: needs text here")
        return ",".join(map(as_text, value)) if isinstance(value, list) else as_text(value)

    def _join(self, argument: Any, place: str) -> str:
        separator, items = argument
        if not isinstance(separator, str):
            raise TypeError("its separator has to be text, and no function")
        return separator.join(self._text(item, place) for item in self._list(items, place))

    def _select(self, argument: Any, place: str) -> Any:
        index, items = argument
        position = int(self.resolve(index, place))
        if position < 0:
            raise IndexError(f"index {position}")
        return self._list(items, place)[position]

    def _split(self, argument: Any, place: str) -> list[str]:
        separator, text = argument
        return self._text(self.resolve(text, place), place).split(separator)

    def _list(self, items: Any, place: str) -> list[Any]:
        resolved = self.resolve(items, place)
        if not isinstance(resolved, list):
            raise TypeError(f"{resolved!r} is no list")
        return resolved

    def _if(self, argument: Any, place: str) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.holds(condition, place) else otherwise, place)

    def _condition(self, argument: Any, place: str, name: str) -> bool:
        return self._evaluated.evaluate({name: argument}, place)

    def _find_in_map(self, argument: Any, place: str) -> Any:
        name, first, second = (as_text(self.resolve(key, place)) for key in argument[:3])
        found = self.mappings.get(name, {}).get(first, {})
        if second in found:
            return found[second]
        if len(argument) > 3 and "DefaultValue" in argument[3]:
            return self.resolve(argument[3]["DefaultValue"], place)
        raise TemplateError(f"{place}: Mappings has no {name}.{first}.{second}")

    def _base64(self, argument: Any, place: str) -> str:
        return base64.b64encode(self._text(self.resolve(argument, place), place).encode()).decode()

    def _import_value(self, argument: Any, place: str) -> Any:
        export = self._text(self.resolve(argument, place), place)
        if export not in self.imports:
            # Most are ids of subnets and the like, which nothing here looks at.
            self.missing_imports[place] = export
        return self.imports.get(export, export)

    def _cidr(self, argument: Any, place: str) -> list[str]:
        block, count, *rest = (as_text(self.resolve(item, place)) for item in argument)
        network = ipaddress.ip_network(block)
        bits = int(rest[0]) if rest else (32 if network.version == 4 else 128) - network.prefixlen
        subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
        found = [str(subnet) for subnet in itertools.islice(subnets, int(count))]
        if not 1 <= int(count) <= 256 or len(found) < int(count):
            raise ValueError(f"{block} has no {count} blocks of {bits} bits")
        return found

    def _zones(self, argument: Any, place: str) -> list[str]:
        region = self.resolve(argument, place) or self.pseudo["AWS::Region"]
        return [f"{region}{letter}" for letter in "abc"]


def _check_name(function: str, name: Any, place: str) -> None:
    if isinstance(name, dict):
        extension = "`Transform: AWS::LanguageExtensions` lets a function stand there"
        raise TemplateError(f"{place}: {function} needs a name; {extension}")


def _logical(name: str) -> Callable[[Resolver, Any, str], Any]:
    return lambda resolver, argument, place: resolver._condition(argument, place, name)


_FUNCTIONS: dict[str, Callable[[Resolver, Any, str], Any]] = {
    "Ref": Resolver._ref,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Select": Resolver._select,
    "Fn::Split": Resolver._split,
    "Fn::If": Resolver._if,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::Base64": Resolver._base64,
    "Fn::Cidr": Resolver._cidr,
    "Fn::ImportValue": Resolver._import_value,
    "Fn::GetAZs": Resolver._zones,
    "Fn::Length": lambda resolver, argument, place: len(resolver._list(argument, place)),
    "Fn::ToJsonString": lambda resolver, argument, place: json.dumps(
        resolver.resolve(argument, place), separators=(",", ":"), ensure_ascii=False
    ),
    **{name: _logical(name) for name in ("Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not")},
}
