"""EventBridge's pattern language, operator by operator, and against a slow and obvious matcher."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samlet.errors import TemplateError
from samlet.event_pattern import alternatives, compile_tree


def compile_pattern(pattern: Mapping[str, Any]) -> Callable[[Any], bool]:
    tests = [compile_tree(tree) for tree in alternatives(pattern)]
    return lambda document: any(test(document) for test in tests)


@pytest.mark.parametrize(
    ("rules", "matching", "other"),
    [
        (["a", 1, None, True], ["a", 1, 1.0, None, True, ["x", "a"], [["a"]]], ["b", 2, "1", False, {}, []]),
        ([0], [0, 0.0], [False, None, ""]),
        ([""], [""], [None, " "]),
        ([{"prefix": "email."}], ["email.x", ["x", "email."]], ["mail.email.", 5, None]),
        ([{"suffix": ".png"}], ["a.png"], ["a.PNG"]),
        ([{"prefix": {"equals-ignore-case": "EMAIL"}}], ["email.x"], ["x"]),
        ([{"suffix": {"equals-ignore-case": ".Png"}}], ["a.pNG"], ["png."]),
        ([{"equals-ignore-case": "Abc"}], ["aBC"], ["ab", 1]),
        ([{"anything-but": "a"}], ["b", 2, None, True, ["a", "b"]], ["a", ["a"], [], {}]),
        ([{"anything-but": ["a", "c"]}], ["b", 2], ["a", "c"]),
        ([{"anything-but": 1}], [2, "1", True], [1, 1.0]),
        ([{"anything-but": [1, 2]}], [3, "1"], [1, 2]),
        ([{"anything-but": {"prefix": "a"}}], ["b", 1], ["ab"]),
        ([{"anything-but": {"prefix": ["a", "b"]}}], ["c"], ["ab", "ba"]),
        ([{"anything-but": {"suffix": "a"}}], ["ab"], ["ba"]),
        ([{"anything-but": {"equals-ignore-case": ["A", "b"]}}], ["c"], ["a", "B"]),
        ([{"anything-but": {"wildcard": "*/lib/*"}}], ["/usr/bin"], ["/usr/lib/x"]),
        ([{"numeric": ["=", 3.018e2]}], [301.8], [301, "301.8"]),
        ([{"numeric": [">", 0, "<=", 5]}], [1, 5, 4.5], [0, 6, "1", True]),
        ([{"numeric": [">=", 0, "<", 5]}], [0, 4.9], [5, -1]),
        ([{"numeric": ["<", 10]}], [9, -5e9], [10, -6e9]),
        ([{"numeric": ["<=", 10]}], [10], [11]),
        ([{"numeric": [">", 10]}], [11], [10, 6e9]),
        ([{"exists": True}], ["", None, 0, [1]], [[], {}, {"x": 1}]),
        ([{"exists": False}], [[], {}, {"x": 1}], ["", None]),
        ([{"exists": False}, "a"], ["a", {}], ["b"]),
        ([{"wildcard": "a*c"}], ["ac", "abc", "a\nc"], ["acd", "xac"]),
        ([{"wildcard": r"a\*\\*"}], ["a*\\", "a*\\b"], ["ab\\", "a*"]),
        ([{"wildcard": "a.c"}], ["a.c"], ["abc"]),
        ([{"cidr": "10.0.0.0/24"}], ["10.0.0.33"], ["10.0.1.0", "nobody", 10, "::1"]),
        ([{"cidr": "2001:db8::/32"}], ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
    ],
)
def test_an_operator_matches_what_it_says(rules: list[Any], matching: list[Any], other: list[Any]) -> None:
    matches = compile_pattern({"f": rules})
    for value in matching:
        assert matches({"f": value}), value
    for value in other:
        assert not matches({"f": value}), value


def test_a_missing_field_matches_only_exists_false() -> None:
    assert compile_pattern({"a": {"b": [{"exists": False}]}})({})
    assert not compile_pattern({"a": [{"anything-but": "x"}]})({})
    assert not compile_pattern({"a": [None]})({})


def test_fields_are_joined_by_and_and_alternatives_by_or() -> None:
    matches = compile_pattern({"a": [1], "$or": [{"b": [2]}, {"c": [3], "$or": [{"d": [4]}, {"e": [5]}]}]})
    assert matches({"a": 1, "b": 2})
    assert matches({"a": 1, "c": 3, "e": 5})
    assert not matches({"a": 1, "c": 3})
    assert not matches({"a": 1})
    assert not matches({"b": 2, "c": 3, "d": 4})


def test_or_stands_inside_objects_too() -> None:
    matches = compile_pattern({"a": {"$or": [{"b": [1]}, {"c": [2]}]}})
    assert matches({"a": {"c": 2}})
    assert not matches({"c": 2})


def test_fields_of_an_array_of_objects_match_in_one_element() -> None:
    matches = compile_pattern({"staff": {"first": ["Anna"], "last": ["Smith"]}})
    assert matches({"staff": [[{"first": "John", "last": "Doe"}], {"first": "Anna", "last": "Smith"}]})
    assert not matches({"staff": [{"first": "Anna", "last": "Jones"}, {"first": "Peter", "last": "Smith"}]})


def test_a_field_is_missing_only_if_no_element_of_an_array_has_it() -> None:
    matches = compile_pattern({"a": {"x": [{"exists": False}]}})
    assert matches({"a": [{"y": 1}]})
    assert matches({"a": []})
    assert not matches({"a": [{"x": 1}, {"y": 1}]})


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ({}, "the pattern: an empty object"),
        ({"a": 1}, "a: needs an object or an array"),
        ({"a": {"b": "x"}}, "a.b: needs"),
        ({"a": {}}, "a: an empty object"),
        ({"a": []}, "a: an empty array"),
        ({"a": [["x"]]}, r"a\[0\]: an array"),
        ({"a": ["x", {"like": "x"}]}, r"a\[1\]: the operator 'like' is unknown"),
        ({"a": [{}]}, r"a\[0\]: .* exactly one operator"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "exactly one operator"),
        ({"a": [{"prefix": 1}]}, "prefix does not take 1"),
        ({"a": [{"wildcard": {"equals-ignore-case": "x"}}]}, "wildcard does not take"),
        ({"a": [{"numeric": [">"]}]}, "numeric does not take"),
        ({"a": [{"numeric": []}]}, "numeric does not take"),
        ({"a": [{"numeric": [">", 1, ">", 2]}]}, "numeric does not take"),
        ({"a": [{"numeric": ["<", 5, ">", 1]}]}, "numeric does not take"),
        ({"a": [{"numeric": ["=", "1"]}]}, "numeric does not take"),
        ({"a": [{"numeric": [[], 1]}]}, "numeric does not take"),
        ({"a": [{"numeric": [">", 5, "<", 5]}]}, "empty range"),
        ({"a": [{"numeric": [">", 6e9]}]}, "beyond"),
        ({"a": [{"exists": "yes"}]}, "exists takes true or false"),
        ({"a": [{"anything-but": []}]}, "texts alone or numbers alone"),
        ({"a": [{"anything-but": ["a", 1]}]}, "texts alone or numbers alone"),
        ({"a": [{"anything-but": [True]}]}, "texts alone or numbers alone"),
        ({"a": [{"anything-but": {"prefix": ""}}]}, "not empty"),
        ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "anything-but does not take"),
        ({"a": [{"anything-but": {"anything-but": "x"}}]}, "anything-but does not take"),
        ({"a": [{"wildcard": "a**"}]}, "must not follow"),
        ({"a": [{"wildcard": "a\\b"}]}, "backslash"),
        ({"a": [{"cidr": "10.0.0.0"}]}, "prefix length"),
        ({"a": [{"cidr": "10.0.0.0/99"}]}, "no network"),
        ({"$or": {}}, r"\$or: needs an array"),
        ({"$or": [{"a": [1]}]}, "at least two"),
        ({"b": {"$or": [{"prefix": ["x"]}, {"a": [1]}]}}, r"b.prefix: .* cannot stand in \$or"),
        ({"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}, "a: is asked about twice"),
    ],
)
def test_what_the_language_lacks_is_refused_with_its_place(pattern: dict[str, Any], place: str) -> None:
    with pytest.raises(TemplateError, match=place):
        compile_pattern(pattern)


def test_combinations_of_or_without_end_are_refused() -> None:
    branches = [{"x": [1]}, {"y": [1]}]
    pattern = {f"f{number}": {"$or": branches} for number in range(10)}
    with pytest.raises(TemplateError, match="combinations"):
        compile_pattern(pattern)


# --- the slow matcher: a document as a flat list of fields, each with its place in the arrays that it is in ---

NAMES = st.sampled_from("ab")
SCALARS = st.sampled_from(["x", "xy", "X", 1, 2, True, None])
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2)),
)
RULES = ["x", 1, None, {"prefix": "x"}, {"anything-but": ["x"]}, {"numeric": [">", 1]}]
LEAVES = st.lists(
    st.sampled_from([*RULES, {"exists": True}, {"exists": False}]),
    min_size=1,
    max_size=2,
)
PATTERNS = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, min_size=1)), min_size=1
)

type Place = dict[tuple[Any, ...], int]


def flat(
    value: Any, path: tuple[str, ...] = (), where: tuple[Any, ...] = (), place: Place | None = None
) -> Iterator[Any]:
    place = place or {}
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flat(inner, (*path, name), (*where, name), place)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from flat(inner, path, (*where, at), {**place, where: at})
    else:
        yield path, value, place


def asked(pattern: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for name, rule in pattern.items():
        if isinstance(rule, Mapping):
            yield from asked(rule, (*path, name))
        else:
            yield (*path, name), rule


def accepts(rule: Any, value: Any) -> bool:
    match rule:
        case {"prefix": text}:
            return isinstance(value, str) and fnmatchcase(value, text + "*")
        case {"anything-but": refused}:
            return value not in refused
        case {"exists": wanted}:
            return bool(wanted)
        case {"numeric": _}:
            return type(value) is int and value > 1
    return type(value) is type(rule) and bool(value == rule)


def slowly(pattern: Any, document: Any) -> bool:
    fields = list(flat(document))
    choices = []
    for path, rules in asked(pattern):
        options: list[Place] = [
            place for at, value, place in fields if at == path and any(accepts(rule, value) for rule in rules)
        ]
        if {"exists": False} in rules and all(at != path for at, _, _ in fields):
            options.append({})
        choices.append(options)
    return any(
        all(one[at] == other[at] for one, other in itertools.combinations(chosen, 2) for at in one.keys() & other)
        for chosen in itertools.product(*choices)
    )


@settings(max_examples=400)
@given(PATTERNS, DOCUMENTS)
def test_patterns_match_as_the_slow_matcher_says(pattern: dict[str, Any], document: dict[str, Any]) -> None:
    assert compile_pattern(pattern)(document) is slowly(pattern, document)


@given(st.text("ab*\\.[", max_size=6), st.text("ab*\\.[", max_size=6))
def test_a_wildcard_without_stars_is_equality(text: str, value: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("*", "\\*")
    assert compile_pattern({"f": [{"wildcard": escaped}]})({"f": value}) is (text == value)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4))
def test_a_cidr_compares_the_leading_bits(network: IPv4Address, bits: int, value: IPv4Address) -> None:
    same = int(network) >> (32 - bits) == int(value) >> (32 - bits)
    assert compile_pattern({"f": [{"cidr": f"{network}/{bits}"}]})({"f": str(value)}) is same
