"""When a batch closes, and what is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samlet.cluster import Record
from samlet.model import KafkaMapping
from samlet.sources.batching import Buffer, Limits, closes_in, take
from samlet.sources.kafka_event import LARGEST_EVENT, Entry, EventShape, text_of

SHAPE = EventShape(KafkaMapping("Mapping", "Sender", "events", "group"), "broker:9092")


def entry(offset: int = 0, size: int = 10, *, partition: int = 0, arrived: float = 0.0) -> Entry:
    record = Record("events", partition, offset, 0, None, b"x" * size)
    return Entry(record, text_of(record), arrived)


def filled(*entries: Entry) -> Buffer:
    buffer = Buffer()
    buffer.extend(entries)
    return buffer


def limits(size: int = 100, window: float = 0.5, room: int = SHAPE.room) -> Limits:
    return Limits(size, window, room)


def offsets(batch: list[Entry]) -> list[tuple[int, int]]:
    return [(one.record.partition, one.record.offset) for one in batch]


def test_nothing_waits_for_nothing() -> None:
    assert closes_in([Buffer(), Buffer()], limits(), 0) is None
    assert take([Buffer()], limits()) == []


def test_the_window_is_counted_from_the_first_record() -> None:
    buffers = [filled(entry(arrived=100.2)), filled(entry(arrived=100.0), entry(1, arrived=100.4))]
    assert closes_in(buffers, limits(), 100.4) == pytest.approx(0.1)
    assert closes_in(buffers, limits(), 100.6) == 0.0
    assert closes_in(buffers, limits(window=300), 100.0) == 300


def test_the_size_closes_a_batch_at_once_counted_over_all_partitions() -> None:
    buffers = [filled(entry(0), entry(1)), filled(entry(7, partition=1))]
    assert closes_in(buffers, limits(size=3, window=300), 0.0) == 0.0
    assert closes_in(buffers, limits(size=4, window=300), 0.0) == 300
    assert offsets(take(buffers, limits(size=2))) == [(0, 0), (0, 1)]
    assert offsets(take(buffers, limits(size=2))) == [(1, 7)]
    assert [buffer.bytes for buffer in buffers] == [0, 0]


def test_the_partition_that_waits_longest_comes_first() -> None:
    buffers = [filled(entry(arrived=2.0)), filled(entry(partition=1, arrived=1.0))]
    assert offsets(take(buffers, limits())) == [(1, 0), (0, 0)]


def test_six_megabytes_close_a_batch_and_no_event_is_larger() -> None:
    buffer = filled(*(entry(offset, 1024 * 1024) for offset in range(6)))
    assert closes_in([buffer], limits(window=300), 0.0) == 0.0
    batch = take([buffer], limits())
    assert offsets(batch) == [(0, 0), (0, 1), (0, 2), (0, 3)]  # 1.33 MB each, in base64
    assert len(SHAPE.event(batch)) <= LARGEST_EVENT


def test_a_record_that_is_too_large_goes_alone() -> None:
    buffer = filled(entry(0, 7 * 1024 * 1024), entry(1))
    assert offsets(take([buffer], limits())) == [(0, 0)]
    assert offsets(take([buffer], limits())) == [(0, 1)]


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 400), st.floats(0, 10)), max_size=30),
    st.integers(1, 10),
    st.integers(100, 3000),
)
def test_every_record_is_taken_once_in_order_and_no_batch_exceeds_its_limits(
    arrivals: list[tuple[int, int, float]], size: int, room: int
) -> None:
    buffers = {partition: Buffer() for partition in range(12)}
    for offset, (partition, length, _) in enumerate(arrivals):
        buffers[partition].extend([entry(offset, length, partition=partition, arrived=float(offset))])
    allowed = limits(size=size, room=room)
    taken: list[Entry] = []
    while batch := take(list(buffers.values()), allowed):
        event = SHAPE.event(batch)
        assert len(batch) <= size
        assert len(event) - len(SHAPE.event([])) <= room or len(batch) == 1
        names = list(json.loads(event)["records"])
        assert len(names) == len(set(names)) == len({one.record.partition for one in batch})
        taken += batch
    assert sorted(offset for _, offset in offsets(taken)) == list(range(len(arrivals)))
    for partition in buffers:
        own = [offset for number, offset in offsets(taken) if number == partition]
        assert own == sorted(own)


@given(st.lists(st.tuples(st.integers(0, 120), st.binary(max_size=50)), min_size=1, max_size=20))
def test_an_event_is_as_large_as_was_counted(records: list[tuple[int, bytes]]) -> None:
    buffers: dict[int, Buffer] = {}
    for offset, (partition, value) in enumerate(records):
        record = Record("events", partition, offset, 0, value, value, (("h", value), ("ü", None)))
        buffers.setdefault(partition, Buffer()).extend([Entry(record, text_of(record), 0.0)])
    counted = sum(buffer.bytes_in_event for buffer in buffers.values())
    event = SHAPE.event(take(list(buffers.values()), limits()))
    # One comma too many a partition, and one overall.
    assert counted - len(event) + len(SHAPE.event([])) == len(buffers) + 1
