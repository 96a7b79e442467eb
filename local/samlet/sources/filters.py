"""Filter criteria of an event source mapping: EventBridge's pattern language, compiled once into a predicate."""

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from samlet.errors import TemplateError
from samlet.kafka_client import Record

type Test = Callable[[Any], bool]

_MISSING = object()
_COMPARE = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def compile_pattern(pattern: Mapping[str, Any]) -> Test:
    """Return the predicate of one pattern over a decoded document; TemplateError for what the language lacks."""
    tests = [_alternatives(rule) if name == "$or" else _field(name, rule) for name, rule in pattern.items()]
    return lambda document: all(test(document) for test in tests)


class RecordFilter:
    """The filters of one mapping: a record passes if any pattern matches, or if there is none."""

    def __init__(self, patterns: Sequence[Mapping[str, Any]]) -> None:
        for pattern in patterns:
            if unknown := set(pattern) - {"value", "key", "$or"}:
                raise TemplateError(
                    f"FilterCriteria: a Kafka filter is about value or key, not {', '.join(sorted(unknown))}"
                )
        self._tests = [compile_pattern(pattern) for pattern in patterns]
        self._wants_json = any(isinstance(pattern.get("value"), Mapping) for pattern in patterns)

    def passes(self, record: Record) -> bool:
        """Whether the function gets the record."""
        if not self._tests:
            return True
        document = {"key": _decoded(record.key), "value": _decoded(record.value)}
        return any(test(document) for test in self._tests)

    def is_unreadable(self, record: Record) -> bool:
        """Whether the filter is about fields of the value, and the value is no JSON object."""
        return self._wants_json and not isinstance(_decoded(record.value), Mapping)


def _decoded(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def _alternatives(patterns: Any) -> Test:
    if not isinstance(patterns, list) or not all(isinstance(pattern, Mapping) for pattern in patterns):
        raise TemplateError("FilterCriteria: $or needs an array of patterns")
    tests = [compile_pattern(pattern) for pattern in patterns]
    return lambda document: any(test(document) for test in tests)


def _field(name: str, rule: Any) -> Test:
    if isinstance(rule, Mapping):
        nested = compile_pattern(rule)
        return lambda document: _any_object(_get(document, name), nested)
    if not isinstance(rule, list):
        raise TemplateError(f"FilterCriteria: {name!r} needs an object or an array, not {rule!r}")
    leaves = [_leaf(one) for one in rule]
    return lambda document: any(leaf(_get(document, name)) for leaf in leaves)


def _get(document: Any, name: str) -> Any:
    return document.get(name, _MISSING) if isinstance(document, Mapping) else _MISSING


def _any_object(value: Any, nested: Test) -> bool:
    return any(nested(item) for item in value) if isinstance(value, list) else nested(value)


def _leaf(rule: Any) -> Test:
    if not isinstance(rule, Mapping):
        return _any_item(lambda value: _same(value, rule))
    if len(rule) != 1:
        raise TemplateError(f"FilterCriteria: {dict(rule)!r} needs exactly one operator")
    [(name, argument)] = rule.items()
    if name == "exists":
        return lambda value: (value is not _MISSING and not isinstance(value, Mapping)) is bool(argument)
    if name == "anything-but":
        refused = _refused(argument)
        return lambda value: value is not _MISSING and not _any_item(refused)(value)
    return _any_item(_operator(name, argument))


def _any_item(test: Test) -> Test:
    """An array matches if one of its items does; a field that is missing never matches."""

    def over(value: Any) -> bool:
        if value is _MISSING:
            return False
        return any(test(item) for item in value) if isinstance(value, list) else test(value)

    return over


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _refused(argument: Any) -> Test:
    if isinstance(argument, Mapping):
        [(name, inner)] = argument.items() if len(argument) == 1 else [("anything-but", None)]
        tests = [_operator(name, one) for one in (inner if isinstance(inner, list) else [inner])]
        return lambda value: any(test(value) for test in tests)
    wanted = argument if isinstance(argument, list) else [argument]
    return lambda value: any(_same(value, one) for one in wanted)


def _operator(name: str, argument: Any) -> Test:
    if name == "numeric":
        return _numeric(argument)
    ignore_case = isinstance(argument, Mapping) and set(argument) == {"equals-ignore-case"}
    text = argument["equals-ignore-case"] if ignore_case else argument
    if not isinstance(text, str) or (ignore_case and name not in {"prefix", "suffix"}):
        raise TemplateError(f"FilterCriteria: {name} does not take {argument!r}")
    folded = text.lower() if ignore_case else text
    if name == "prefix":
        return lambda value: isinstance(value, str) and (value.lower() if ignore_case else value).startswith(folded)
    if name == "suffix":
        return lambda value: isinstance(value, str) and (value.lower() if ignore_case else value).endswith(folded)
    if name == "equals-ignore-case":
        return lambda value: isinstance(value, str) and value.lower() == text.lower()
    raise TemplateError(f"FilterCriteria: the operator {name!r} is not supported")


def _numeric(argument: Any) -> Test:
    pairs = list(zip(argument[::2], argument[1::2], strict=False)) if isinstance(argument, list) else []
    if not pairs or len(argument) % 2 or any(sign not in _COMPARE or not _is_number(limit) for sign, limit in pairs):
        raise TemplateError(f"FilterCriteria: numeric does not take {argument!r}")
    return lambda value: _is_number(value) and all(_COMPARE[sign](value, limit) for sign, limit in pairs)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
