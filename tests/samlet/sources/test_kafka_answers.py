"""What a function's answer says about the records that it got."""

import json
from typing import Any

import pytest

from samlet.cluster import Record
from samlet.sources.kafka_event import first_failures

SENT = [Record("events", partition, offset, 0, None, None) for partition in (0, 1) for offset in (4, 5, 6)]


def failures(*places: Any) -> Any:
    return {"batchItemFailures": [{"itemIdentifier": {"partition": name, "offset": offset}} for name, offset in places]}


@pytest.mark.parametrize("answer", ["", "null", "{}", '{"batchItemFailures": null}', '{"batchItemFailures": []}'])
def test_nothing_and_an_empty_list_mean_success(answer: str) -> None:
    assert first_failures(answer.encode(), SENT) == {}


@pytest.mark.parametrize(
    ("places", "first"),
    [
        ([("events-0", 5)], {0: 5}),
        ([("events-0", 6), ("events-0", 4), ("events-0", 5)], {0: 4}),
        ([("events-1", 6), ("events-0", 5), ("events-1", 5)], {0: 5, 1: 5}),
    ],
)
def test_each_partition_has_its_own_first_failure(places: list[Any], first: dict[int, int]) -> None:
    assert first_failures(json.dumps(failures(*places)).encode(), SENT) == first


@pytest.mark.parametrize(
    "answer",
    [
        "text",
        5,
        False,
        [],
        failures(("events-0", 7)),
        failures(("events-2", 4)),
        failures(("events-0", 4), ("other-0", 4)),
        failures(("events-0", "4")),
        failures(("events-0", True)),
        failures((None, 4)),
        {"batchItemFailures": {}},
        {"batchItemFailures": "events-0"},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"identifier": {"partition": "events-0", "offset": 4}}]},
        {"batchItemFailures": ["events-0"]},
    ],
)
def test_what_cannot_be_understood_means_all_of_them(answer: Any) -> None:
    assert first_failures(json.dumps(answer).encode(), SENT) is None


def test_an_answer_that_is_no_json_means_all_of_them() -> None:
    assert first_failures(b"{", SENT) is None


def test_an_answer_that_is_nested_too_deeply_means_all_of_them() -> None:
    assert first_failures(b"[" * 200_000 + b"]" * 200_000, SENT) is None
