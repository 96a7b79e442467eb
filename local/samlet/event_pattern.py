"""EventBridge's pattern language, compiled once into predicates over decoded JSON.

Fields are joined by "and", the elements of an array and the branches of `$or` by "or". An array in the document stands
for each of its elements, and fields of one array of objects have to match in one and the same element.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from samlet.errors import TemplateError
from samlet.event_operators import Test, test_of

type Tree = dict[str, "Tree | Leaf"]
type _Matches = Callable[[Any, Any], bool]

_MISSING = object()
_MOST_ALTERNATIVES = 1_000
_TEXT_OPERATORS = {"exactly", "prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"}
_RESERVED = _TEXT_OPERATORS | {"anything-but", "numeric", "exists"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a field asks: one of `tests` of its value, or with `absent` that there is no such field."""

    tests: tuple[Test, ...]
    absent: bool


def compile_tree(tree: Tree) -> Test:
    """Return the predicate of one alternative."""
    matches = _object(tree, ())
    return lambda document: matches(document, document)


def alternatives(pattern: Mapping[str, Any]) -> list[Tree]:
    """Return the patterns without `$or` that the given one is the "or" of."""
    return _expand(pattern, "", within_or=False)


def _expand(pattern: Mapping[str, Any], place: str, *, within_or: bool) -> list[Tree]:
    if not pattern:
        raise TemplateError(f"{place or 'the pattern'}: an empty object asks nothing")
    trees: list[Tree] = [{}]
    for name, rule in pattern.items():
        inner = f"{place}.{name}" if place else str(name)
        if within_or and name in _RESERVED:
            raise TemplateError(f"{inner}: a field of this name cannot stand in $or")
        options = _options(name, rule, inner, place, within_or=within_or)
        trees = [_merged(tree, option, place) for tree in trees for option in options]
        if len(trees) > _MOST_ALTERNATIVES:
            raise TemplateError(f"{inner}: over {_MOST_ALTERNATIVES} combinations of $or")
    return trees


def _options(name: str, rule: Any, inner: str, place: str, *, within_or: bool) -> list[Tree]:
    if name == "$or":
        if not isinstance(rule, list) or len(rule) < 2 or not all(isinstance(one, Mapping) for one in rule):
            raise TemplateError(f"{inner}: needs an array of at least two objects")
        return [tree for one in rule for tree in _expand(one, place, within_or=True)]
    if isinstance(rule, Mapping):
        return [{name: tree} for tree in _expand(rule, inner, within_or=within_or)]
    if not isinstance(rule, list):
        raise TemplateError(f"{inner}: needs an object or an array, not {rule!r}")
    return [{name: _leaf(rule, inner)}]


def _leaf(rules: list[Any], place: str) -> Leaf:
    if not rules:
        raise TemplateError(f"{place}: an empty array matches nothing")
    tests: list[Test] = []
    absent = False
    for at, rule in enumerate(rules):
        try:
            wanted = _exists(rule)
            if wanted is False:
                absent = True
            else:
                tests.append(test_of(rule) if wanted is None else lambda _value: True)
        except TemplateError as error:
            raise TemplateError(f"{place}[{at}]: {error}") from error
    return Leaf(tuple(tests), absent)


def _exists(rule: Any) -> bool | None:
    if not isinstance(rule, Mapping) or set(rule) != {"exists"}:
        return None
    if not isinstance(rule["exists"], bool):
        raise TemplateError(f"exists takes true or false, not {rule['exists']!r}")
    return rule["exists"]


def _merged(one: Tree, other: Tree, place: str) -> Tree:
    merged = dict(one)
    for name, rule in other.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(rule, dict):
            merged[name] = _merged(known, rule, f"{place}.{name}" if place else name)
        elif known is not None:
            raise TemplateError(f"{place}.{name}: is asked about twice, beside $or and in it".lstrip("."))
        else:
            merged[name] = rule
    return merged


def _object(tree: Tree, path: tuple[str, ...]) -> _Matches:
    fields = [
        (name, _field(rule, (*path, name)) if isinstance(rule, Leaf) else _object(rule, (*path, name)))
        for name, rule in tree.items()
    ]

    def matches(value: Any, document: Any) -> bool:
        if isinstance(value, list):
            return any(matches(item, document) for item in list(_elements(value)) or [_MISSING])
        if not isinstance(value, Mapping):
            return all(test(_MISSING, document) for _, test in fields)
        return all(test(value.get(name, _MISSING), document) for name, test in fields)

    return matches


def _field(leaf: Leaf, path: tuple[str, ...]) -> _Matches:
    tests, absent = leaf.tests, leaf.absent

    def matches(value: Any, document: Any) -> bool:
        if any(test(item) for item in _elements(value) for test in tests if not isinstance(item, Mapping)):
            return True
        # Of the whole document: that the field is missing in one element of an array is not enough.
        return absent and not _has(document, path)

    return matches


def _elements(value: Any) -> Iterator[Any]:
    """The values that an array stands for, however deep; a value itself; nothing for a field that is missing."""
    if isinstance(value, list):
        for item in value:
            yield from _elements(item)
    elif value is not _MISSING:
        yield value


def _has(value: Any, path: tuple[str, ...]) -> bool:
    for item in _elements(value):
        if not path:
            if not isinstance(item, Mapping):
                return True
        elif isinstance(item, Mapping) and path[0] in item and _has(item[path[0]], path[1:]):
            return True
    return False
