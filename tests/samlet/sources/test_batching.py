"""When a batch closes."""

from samlet.kafka_client import Record
from samlet.sources.batching import Buffer, Limits, payload_of


def record(offset: int, size: int = 10) -> Record:
    return Record("events", 0, offset, 0, None, b"x" * size)


def filled(limits: Limits, *arrivals: float, size: int = 10) -> Buffer:
    buffer = Buffer(limits)
    for offset, at in enumerate(arrivals):
        buffer.add(record(offset, size), at)
    return buffer


def test_nothing_waits_for_nothing() -> None:
    assert filled(Limits(10, 0.5)).closes_in(0) is None


def test_the_window_is_counted_from_the_first_record() -> None:
    buffer = filled(Limits(10, 0.5), 100.0, 100.4)
    assert round(buffer.closes_in(100.4) or 0, 3) == 0.1
    assert buffer.closes_in(100.6) == 0.0


def test_the_size_closes_a_batch_at_once() -> None:
    buffer = filled(Limits(2, 300), 0.0, 0.0, 0.0)
    assert buffer.closes_in(0.0) == 0.0
    assert [record.offset for record in buffer.take()] == [0, 1]
    assert [record.offset for record in buffer.take()] == [2]
    assert buffer.payload == 0


def test_six_megabytes_close_a_batch_and_none_is_larger() -> None:
    size = 1024 * 1024
    buffer = filled(Limits(100, 300), *[0.0] * 6, size=size)
    assert buffer.closes_in(0.0) == 0.0
    batch = buffer.take()
    assert 0 < len(batch) < 6
    assert sum(map(payload_of, batch)) <= 6 * 1024 * 1024


def test_a_record_that_is_too_large_goes_alone() -> None:
    buffer = filled(Limits(100, 0), 0.0, 0.0, size=7 * 1024 * 1024)
    assert len(buffer.take()) == 1
