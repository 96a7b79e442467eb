"""Filter criteria."""

import json
from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.kafka_client import Record
from samlet.sources.filters import RecordFilter, compile_pattern


@pytest.mark.parametrize(
    ("rules", "matching", "other"),
    [
        (["a", 1, None, True], ["a", 1, 1.0, None, True, ["x", "a"]], ["b", 2, False, {}, []]),
        ([{"prefix": "email."}], ["email.x"], ["mail.email.", 5, None]),
        ([{"suffix": ".png"}], ["a.png"], ["a.PNG"]),
        ([{"prefix": {"equals-ignore-case": "EMAIL"}}], ["email.x"], ["x"]),
        ([{"equals-ignore-case": "Abc"}], ["aBC"], ["ab"]),
        ([{"anything-but": ["a", 1]}], ["b", 2, None], ["a", 1]),
        ([{"anything-but": {"prefix": "a"}}], ["b"], ["ab"]),
        ([{"numeric": [">", 0, "<=", 5]}], [1, 5, 4.5], [0, 6, "1", True]),
        ([{"exists": True}], ["", None, 0], []),
        ([{"exists": False}], [], ["", None]),
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
    matches = compile_pattern({"a": [1], "$or": [{"b": [2]}, {"c": [3]}]})
    assert matches({"a": 1, "b": 2})
    assert matches({"a": 1, "c": 3})
    assert not matches({"a": 1})
    assert not matches({"b": 2, "c": 3})


@pytest.mark.parametrize(
    "pattern", [{"a": 1}, {"a": [{"like": "x"}]}, {"a": [{"numeric": [">"]}]}, {"$or": {}}, {"a": [{}]}]
)
def test_what_the_language_lacks_is_refused(pattern: dict[str, Any]) -> None:
    with pytest.raises(TemplateError):
        compile_pattern(pattern)


def record(value: bytes | None, key: bytes | None = None) -> Record:
    return Record("events", 0, 0, 0, key, value)


def test_a_record_is_matched_by_its_decoded_value_or_key() -> None:
    by_value = RecordFilter([{"value": {"type": [{"prefix": "email."}]}}])
    assert by_value.passes(record(json.dumps({"type": "email.digest"}).encode()))
    assert not by_value.passes(record(b'{"type": "task.created"}'))
    assert RecordFilter([{"key": ["k"]}]).passes(record(b"not json", b"k"))
    assert RecordFilter([]).passes(record(b"\xff"))


@pytest.mark.parametrize("value", [b"plain", b"\xff\xfe", b"[1]", b"", None])
def test_a_value_that_is_no_object_does_not_pass_a_filter_on_its_fields(value: bytes | None) -> None:
    filters = RecordFilter([{"value": {"type": ["a"]}}])
    assert not filters.passes(record(value))
    assert filters.is_unreadable(record(value))


def test_a_filter_on_anything_but_value_and_key_is_refused() -> None:
    with pytest.raises(TemplateError, match="body"):
        RecordFilter([{"body": ["a"]}])
