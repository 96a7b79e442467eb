"""Which records the filter criteria let through: AWS's table of formats, row by row."""

from typing import Any

import pytest

from samlet.cluster import Record
from samlet.sources.filters import RecordFilter, Verdict

WANTED, UNWANTED, UNREADABLE = Verdict.WANTED, Verdict.UNWANTED, Verdict.UNREADABLE
FIELDS = {"value": {"type": ["a"]}}
TEXT = {"value": ["a"]}
NO_TEXT = {"value": [{"anything-but": ["error"]}]}


def record(value: bytes | None, key: bytes | None = None) -> Record:
    return Record("events", 0, 0, 0, key, value)


@pytest.mark.parametrize(
    ("value", "pattern", "verdict"),
    [
        (b"a", TEXT, WANTED),
        (b"b", TEXT, UNWANTED),
        (b"b", NO_TEXT, WANTED),
        (b"error", NO_TEXT, UNWANTED),
        (b"a", FIELDS, UNREADABLE),
        (b"a", {"value": {"type": [{"exists": False}]}}, UNREADABLE),
        (b"a", {"key": ["k"]}, WANTED),
        (b'{"type": "a"}', FIELDS, WANTED),
        (b'{"type": "b"}', FIELDS, UNWANTED),
        (b'{"type": "a"}', NO_TEXT, UNWANTED),
        (b'{"type": "a"}', {"key": ["k"]}, WANTED),
        (b'[{"type": "a"}]', FIELDS, WANTED),
        (b"\xff", FIELDS, UNREADABLE),
        (b"\xff", TEXT, UNREADABLE),
        (b"\xff", {"key": ["k"]}, UNREADABLE),
        (b"", FIELDS, UNREADABLE),
        (b"", {"value": [""]}, WANTED),
        (None, FIELDS, UNREADABLE),
        (None, {"value": [None]}, WANTED),
        (None, {"key": ["k"]}, WANTED),
        (b"7", {"value": [{"numeric": [">", 5]}]}, WANTED),
        (b'"a"', TEXT, WANTED),
        (b"[" * 100_000, FIELDS, UNREADABLE),
    ],
)
def test_the_format_of_the_value_has_to_fit_the_pattern(value: bytes | None, pattern: Any, verdict: Verdict) -> None:
    assert RecordFilter([pattern]).judge(record(value, b"k")) is verdict


@pytest.mark.parametrize(
    ("key", "pattern", "verdict"),
    [
        (b"k", {"key": ["k"]}, WANTED),
        (b"x", {"key": ["k"]}, UNWANTED),
        (None, {"key": ["k"]}, UNWANTED),
        (None, {"key": [None]}, WANTED),
        (b'{"id": 1}', {"key": {"id": [1]}}, WANTED),
        (b"k", {"key": {"id": [1]}}, UNWANTED),
    ],
)
def test_a_key_is_matched_as_a_value_is(key: bytes | None, pattern: Any, verdict: Verdict) -> None:
    assert RecordFilter([pattern]).judge(record(b"{}", key)) is verdict


def test_a_key_that_is_no_text_matters_only_to_filters_on_keys() -> None:
    assert RecordFilter([FIELDS]).judge(record(b'{"type": "a"}', b"\xff")) is WANTED
    assert RecordFilter([{"key": ["k"]}]).judge(record(b"{}", b"\xff")) is UNREADABLE


def test_without_filters_everything_passes() -> None:
    assert RecordFilter([]).judge(record(b"\xff")) is WANTED


def test_a_record_passes_if_one_of_several_filters_matches() -> None:
    either = RecordFilter([FIELDS, {"key": ["k"]}])
    assert either.judge(record(b"text", b"k")) is WANTED
    assert either.judge(record(b'{"type": "a"}')) is WANTED
    assert either.judge(record(b'{"type": "b"}', b"x")) is UNWANTED


def test_the_branches_of_or_may_be_about_different_formats() -> None:
    either = RecordFilter([{"$or": [{"value": {"type": ["a"]}}, {"value": ["plain"]}, {"key": ["k"]}]}])
    assert either.judge(record(b"plain")) is WANTED
    assert either.judge(record(b'{"type": "a"}')) is WANTED
    assert either.judge(record(b"other", b"k")) is WANTED
    assert either.judge(record(b'{"type": "b"}')) is UNWANTED
