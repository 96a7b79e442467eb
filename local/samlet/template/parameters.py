"""Decides the value of every parameter, from what is given and the template's defaults, as CloudFormation would."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from samlet.errors import TemplateError
from samlet.model import Unsupported

type ParameterValue = str | list[str]

_TYPE = re.compile(r"String|Number|CommaDelimitedList|List<(Number|AWS::[\w:]+)>|AWS::[\w:<>]+")
_WORDS = """
    AllowedPattern AllowedValues ConstraintDescription Default Description MaxLength MaxValue MinLength MinValue NoEcho
    Type"""
_KNOWN = frozenset(_WORDS.split())


def resolve_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, ParameterValue]:
    """The value of each declared parameter; lists for the list types. All missing ones are named at once."""
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"Parameters: the template declares no {', '.join(unknown)}")
    for name, definition in declared.items():
        if not isinstance(definition, dict):
            raise TemplateError(f"Parameters.{name}: needs a map")
    missing = [name for name, definition in declared.items() if name not in given and "Default" not in definition]
    if missing:
        raise TemplateError(f"Parameters: no value and no default for {', '.join(missing)}")
    return {name: _value(name, definition, given.get(name)) for name, definition in declared.items()}


def slips(declared: Mapping[str, Any]) -> list[Unsupported]:
    """What of declarations AWS refuses, and here counts as a text or as not written."""
    return [
        Unsupported(name, "Parameter", slip) for name, definition in declared.items() for slip in _slips(definition)
    ]


def _slips(definition: Mapping[str, Any]) -> Iterator[str]:
    kind = definition.get("Type")
    if kind is None:
        yield "has no Type, which AWS refuses; it is taken for a String"
    elif not _TYPE.fullmatch(str(kind)):
        yield f"Type: {kind} is none of a parameter, which AWS refuses"
    yield from (f"{name}: is no property of a parameter" for name in definition if name not in _KNOWN)


def is_list(kind: str) -> bool:
    """Whether a parameter of this type holds several values."""
    return kind == "CommaDelimitedList" or "List<" in kind or kind.endswith("<CommaDelimitedList>")


def as_text(value: Any) -> str:
    """A scalar as CloudFormation writes it into text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _value(name: str, definition: Mapping[str, Any], given: str | None) -> ParameterValue:
    kind = str(definition.get("Type", "String"))
    raw = given if given is not None else definition["Default"]
    text = ",".join(map(as_text, raw)) if isinstance(raw, list) else as_text(raw)
    if not is_list(kind):
        _check(name, definition, kind, text)
        return text
    values = [item.strip() for item in text.split(",")] if text else []
    for item in values:
        _check(name, definition, "Number" if "<Number>" in kind else "String", item)
    return values


def _check(name: str, definition: Mapping[str, Any], kind: str, text: str) -> None:
    shown = "the value" if as_text(definition.get("NoEcho", "")).lower() == "true" else repr(text)
    try:
        complaint = _complaint(definition, kind, text)
    except (TypeError, ValueError, re.error) as error:
        raise TemplateError(f"Parameters.{name}: its constraints are malformed ({error})") from error
    if complaint:
        meant = definition.get("ConstraintDescription")
        raise TemplateError(f"Parameters.{name}: {shown} {complaint}{f' ({meant})' if meant else ''}")


def _complaint(definition: Mapping[str, Any], kind: str, text: str) -> str | None:
    allowed = definition.get("AllowedValues")
    if allowed is not None and text not in [as_text(value) for value in allowed]:
        return f"is not one of {', '.join(map(as_text, allowed))}"
    pattern = definition.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(str(pattern), text):
        return f"does not match {pattern}"
    if kind == "Number":
        return _number_complaint(definition, text)
    if len(text) < int(definition.get("MinLength", 0)):
        return f"is shorter than {definition['MinLength']}"
    if "MaxLength" in definition and len(text) > int(definition["MaxLength"]):
        return f"is longer than {definition['MaxLength']}"
    return None


def _number_complaint(definition: Mapping[str, Any], text: str) -> str | None:
    try:
        number = float(text)
    except ValueError:
        return "is not a number"
    if "MinValue" in definition and number < float(definition["MinValue"]):
        return f"is below {definition['MinValue']}"
    if "MaxValue" in definition and number > float(definition["MaxValue"]):
        return f"is above {definition['MaxValue']}"
    return None
