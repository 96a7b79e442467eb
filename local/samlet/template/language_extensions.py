"""What AWS::LanguageExtensions resolves before the SAM transform: references named by functions, maps and lengths."""

from collections.abc import Callable
from typing import Any

from samlet.errors import TemplateError
from samlet.template.intrinsics import NO_VALUE

type Resolve = Callable[[Any, str], Any]

_VALUES = ("Fn::FindInMap", "Fn::Length")


def settled(value: Any, resolve: Resolve, place: str = "") -> Any:
    """`value` with plain names in `Ref` and `Fn::GetAtt`, and with what is known of maps and lengths.

    `resolve` knows parameters, maps and conditions, and no resources: a map or a length that needs one stays as it is.
    """
    if isinstance(value, list):
        return [settled(item, resolve, f"{place}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" and isinstance(argument, dict):
            return {name: _name(argument, resolve, place)}
        if name == "Fn::GetAtt" and not isinstance(argument, str):
            return {name: _attribute(argument, resolve, place)}
        if name in _VALUES:
            return _known(value, resolve, place)
    return {key: settled(item, resolve, f"{place}.{key}" if place else str(key)) for key, item in value.items()}


def _attribute(argument: Any, resolve: Resolve, place: str) -> list[Any]:
    if isinstance(argument, dict):
        return _name(argument, resolve, place).split(".", 1)
    return [_name(part, resolve, place) if isinstance(part, dict) else part for part in argument]


def _name(function: dict[str, Any], resolve: Resolve, place: str) -> str:
    name = resolve(function, place)
    if not isinstance(name, str):
        raise TemplateError(f"{place}: needs the name of a resource, not {name!r}")
    return name


def _known(value: dict[str, Any], resolve: Resolve, place: str) -> Any:
    try:
        found = resolve(value, place)
    except TemplateError:
        return value  # of a resource, or wrong: whoever resolves it later says so
    return value if found is NO_VALUE else found
