"""The operators of EventBridge's pattern language: what stands in the arrays at the leaves of a pattern."""

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from samlet.errors import TemplateError

type Test = Callable[[Any], bool]

_COMPARE = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_FURTHEST = 5.0e9  # numeric reaches from minus this to plus this
_WILDCARD = re.compile(r"\\[*\\]|[^\\]", re.DOTALL)


def test_of(rule: Any) -> Test:
    """Return what one element of a leaf's array asks of a value that is neither array nor object.

    `exists` is not among them: it asks about the field. Raises TemplateError for what the language lacks.
    """
    if isinstance(rule, list):
        raise TemplateError("an array must not stand in an array of values")
    if not isinstance(rule, Mapping):
        return lambda value: same(value, rule)
    if len(rule) != 1:
        raise TemplateError(f"{dict(rule)!r} needs exactly one operator")
    [(name, argument)] = rule.items()
    if name == "anything-but":
        refused = _refused(argument)
        return lambda value: not refused(value)
    if name == "numeric":
        return _numeric(argument)
    return _on_text(name, argument)


def same(value: Any, wanted: Any) -> bool:
    """Whether two JSON values that are neither arrays nor objects are equal; 1 is 1.0, and true is not 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _refused(argument: Any) -> Test:
    """What `anything-but` excludes."""
    if isinstance(argument, Mapping):
        if len(argument) != 1 or set(argument) <= {"cidr", "anything-but", "numeric", "exists"}:
            raise TemplateError(f"anything-but does not take {dict(argument)!r}")
        [(name, inner)] = argument.items()
        wanted = inner if isinstance(inner, list) else [inner]
        if not wanted or "" in wanted:
            raise TemplateError(f"anything-but with {name} needs a text that is not empty")
        tests = [_on_text(name, one) for one in wanted]
        return lambda value: any(test(value) for test in tests)
    wanted = argument if isinstance(argument, list) else [argument]
    texts = wanted and all(isinstance(one, str) for one in wanted)
    if not texts and not (wanted and all(_is_number(one) for one in wanted)):
        raise TemplateError("anything-but takes texts alone or numbers alone, one or an array of them")
    return lambda value: any(same(value, one) for one in wanted)


def _on_text(name: str, argument: Any) -> Test:
    folded = isinstance(argument, Mapping) and set(argument) == {"equals-ignore-case"} and name in {"prefix", "suffix"}
    text = argument["equals-ignore-case"] if folded else argument
    makers: dict[str, Callable[[str], Callable[[str], bool]]] = {
        "prefix": lambda wanted: lambda value: value.startswith(wanted),
        "suffix": lambda wanted: lambda value: value.endswith(wanted),
        "equals-ignore-case": lambda wanted: lambda value: value.lower() == wanted.lower(),
        "wildcard": _wildcard,
        "cidr": _cidr,
    }
    if name not in makers:
        raise TemplateError(f"the operator {name!r} is unknown")
    if not isinstance(text, str):
        raise TemplateError(f"{name} does not take {argument!r}")
    test = makers[name](text.lower() if folded else text)
    return lambda value: isinstance(value, str) and test(value.lower() if folded else value)


def _wildcard(pattern: str) -> Callable[[str], bool]:
    tokens = _WILDCARD.findall(pattern)
    if "".join(tokens) != pattern:
        raise TemplateError(f"wildcard {pattern!r}: a backslash stands before * or another backslash only")
    if any(first == second == "*" for first, second in pairwise(tokens)):
        raise TemplateError(f"wildcard {pattern!r}: two * must not follow each other")
    parts = (".*" if part == "*" else re.escape(part.removeprefix("\\") or part) for part in tokens)
    compiled = re.compile("".join(parts), re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None


def _cidr(text: str) -> Callable[[str], bool]:
    if "/" not in text:
        raise TemplateError(f"cidr {text!r} needs a prefix length, as in 10.0.0.0/24")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise TemplateError(f"cidr {text!r} is no network") from error

    def inside(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return inside


def _numeric(argument: Any) -> Test:
    terms = argument if isinstance(argument, list) else []
    pairs = list(zip(terms[::2], terms[1::2], strict=False))
    signs = [sign for sign, _ in pairs]
    range_ = len(pairs) == 2 and signs[0] in (">", ">=") and signs[1] in ("<", "<=")
    known = len(terms) % 2 == 0 and all(isinstance(sign, str) and sign in _COMPARE for sign in signs)
    if not known or not (len(pairs) == 1 or range_) or not all(_is_number(limit) for _, limit in pairs):
        raise TemplateError(f"numeric does not take {argument!r}")
    if any(abs(limit) > _FURTHEST for _, limit in pairs):
        raise TemplateError(f"numeric {argument!r} reaches beyond ±5.0e9")
    if range_ and pairs[0][1] >= pairs[1][1]:
        raise TemplateError(f"numeric {argument!r} is an empty range")
    compare = [(_COMPARE[sign], limit) for sign, limit in pairs]
    return lambda value: (
        _is_number(value) and abs(value) <= _FURTHEST and all(test(value, limit) for test, limit in compare)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
