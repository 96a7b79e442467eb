"""How many pollers a mapping has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samlet.sources.kafka_scaling import pollers_wanted


def wanted(pollers: int, **facts: Any) -> int:
    return pollers_wanted(pollers, **{"lag": 0, "batch_size": 100, "partitions": 10, "throttled": False} | facts)


@pytest.mark.parametrize(
    ("pollers", "facts", "expected"),
    [
        (1, {"lag": 100}, 1),
        (1, {"lag": 101}, 2),
        (4, {"lag": 401}, 8),
        (8, {"lag": 10_000}, 10),
        (3, {"lag": 1}, 3),
        (3, {}, 2),
        (1, {}, 1),
        (8, {"lag": 10_000, "throttled": True}, 4),
        (1, {"lag": 10_000, "throttled": True}, 1),
        (1, {"lag": 10_000, "partitions": 1}, 1),
        (1, {"lag": 10_000, "partitions": 0}, 1),
        (5, {"partitions": 3, "lag": 10_000}, 3),
        (1, {"least": 3}, 3),
        (1, {"least": 3, "partitions": 2}, 2),
        (4, {"lag": 10_000, "most": 5}, 5),
    ],
)
def test_pollers_follow_the_lag(pollers: int, facts: dict[str, Any], expected: int) -> None:
    assert wanted(pollers, **facts) == expected


@given(st.integers(1, 50), st.integers(0, 10**6), st.integers(0, 40), st.booleans(), st.integers(1, 10))
def test_there_is_always_one_and_never_more_than_one_a_partition(
    pollers: int, lag: int, partitions: int, throttled: bool, least: int
) -> None:
    found = wanted(pollers, lag=lag, partitions=partitions, throttled=throttled, least=least)
    assert 1 <= found <= max(1, partitions)
