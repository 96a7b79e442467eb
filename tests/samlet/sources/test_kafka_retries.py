"""What is left of a batch after an attempt: pure decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samlet.cluster import Record
from samlet.sources.kafka_event import Entry
from samlet.sources.kafka_retries import Chunk, Left, Rules, after, halves
from samlet.sources.kafka_route import Backoff


def chunk(*places: tuple[int, int], failures: int = 0) -> Chunk:
    """Of places of partition and offset."""
    entries = [Entry(Record("events", partition, offset, 0, None, None), "", 0.0) for partition, offset in places]
    return Chunk(entries, failures)


type Places = list[tuple[int, int]]


def places(one: Chunk) -> Places:
    return [(entry.record.partition, entry.record.offset) for entry in one.entries]


def told(
    left: Left,
) -> tuple[list[tuple[int, int]], list[tuple[list[tuple[int, int]], int]], list[list[tuple[int, int]]]]:
    """What is done, what is tried again after how many failures, what is given up."""
    again = [(places(one), one.failures) for one in left.again]
    return places(Chunk(left.done)), again, [places(one) for one in left.given_up]


BATCH = [(0, 4), (0, 5), (1, 7), (1, 8)]


def test_a_success_leaves_nothing() -> None:
    assert told(after(chunk(*BATCH), {}, Rules())) == (BATCH, [], [])


def test_a_failure_is_tried_again_as_a_whole_and_for_ever() -> None:
    assert told(after(chunk(*BATCH, failures=10_000), None, Rules())) == ([], [(BATCH, 10_001)], [])


def test_the_last_attempt_gives_the_batch_up() -> None:
    assert told(after(chunk(*BATCH, failures=1), None, Rules(retries=2))) == ([], [(BATCH, 2)], [])
    assert told(after(chunk(*BATCH, failures=2), None, Rules(retries=2))) == ([], [], [BATCH])


def test_each_partition_goes_on_from_its_own_first_failure() -> None:
    left = after(chunk(*BATCH, (2, 1), failures=1), {0: 5, 1: 7}, Rules())
    assert told(left) == ([(0, 4), (2, 1)], [([(0, 5)], 1), ([(1, 7), (1, 8)], 2)], [])


def test_a_batch_of_several_partitions_is_split_between_them_and_then_in_the_middle() -> None:
    assert told(after(chunk((0, 1), (0, 2), (0, 3), (1, 1)), None, Rules(0, bisect=True)))[1] == [
        ([(0, 1), (0, 2), (0, 3)], 0),
        ([(1, 1)], 0),
    ]
    assert told(after(chunk((0, 1), (0, 2), (0, 3)), None, Rules(0, bisect=True)))[1] == [
        ([(0, 1)], 0),
        ([(0, 2), (0, 3)], 0),
    ]
    assert told(after(chunk((0, 1)), None, Rules(0, bisect=True))) == ([], [], [[(0, 1)]])


def test_a_partial_failure_splits_where_the_function_says_and_uses_up_no_attempt() -> None:
    left = after(chunk((0, 1), (0, 2), (0, 3), (0, 4), failures=1), {0: 2}, Rules(0, bisect=True))
    assert told(left) == ([(0, 1)], [([(0, 2), (0, 3), (0, 4)], 0)], [])


def test_a_partial_failure_of_the_first_record_is_split_in_the_middle() -> None:
    assert told(after(chunk((0, 1), (0, 2)), {0: 1}, Rules(0, bisect=True)))[1] == [([(0, 1)], 0), ([(0, 2)], 0)]


def test_waits_double_up_to_a_limit() -> None:
    waits = [after(chunk((0, 1), failures=failures), None, Rules()).again[0].wait for failures in (0, 1, 2, 9, 9_999)]
    assert waits == [0.2, 0.4, 0.8, 5.0, 5.0]


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.none() | st.dictionaries(st.integers(0, 3), st.integers(0, 5)),
    st.none() | st.integers(0, 2),
    st.booleans(),
)
def test_no_record_is_lost_or_doubled_and_partitions_keep_their_order(
    sizes: list[int], failed: dict[int, int] | None, retries: int | None, bisect: bool
) -> None:
    batch = [(partition, offset) for partition, size in enumerate(sizes) for offset in range(size)]
    known = {
        partition: min(offset, sizes[partition] - 1)
        for partition, offset in (failed or {}).items()
        if partition < len(sizes)
    }
    left = after(chunk(*batch), None if failed is None else known, Rules(retries, bisect, Backoff(0.0)))
    done, again, given_up = told(left)
    rest = [place for places_, _ in again for place in places_]
    lost = [place for places_ in given_up for place in places_]
    assert sorted(done + rest + lost) == batch
    for partition in range(len(sizes)):
        own = [offset for number, offset in done + lost + rest if number == partition]
        assert own == sorted(own)


@pytest.mark.parametrize(
    ("sizes", "at"), [((3, 1), 3), ((1, 3), 1), ((1, 1, 4), 2), ((5,), 2), ((2,), 1), ((10, 1, 1), 10)]
)
def test_halves_meet_where_a_partition_begins(sizes: tuple[int, ...], at: int) -> None:
    batch = chunk(*((partition, offset) for partition, size in enumerate(sizes) for offset in range(size)))
    first, second = halves(batch)
    assert (len(first), len(second)) == (at, sum(sizes) - at)
