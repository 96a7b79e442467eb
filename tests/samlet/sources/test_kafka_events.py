"""The events that a Kafka mapping makes, and what of the records is in them."""

import base64
import json
from typing import Any

import pytest

from kafka_stage import FAILED, FakeFunctions, committed, record, running, values_of
from samlet.cluster import Record
from samlet.memory_kafka import MemoryCluster
from samlet.runtime.outcome import Outcome
from samlet.sources.kafka_event import text_of
from waiting import eventually_async


async def test_a_function_gets_records_in_the_shape_of_aws(cluster: MemoryCluster) -> None:
    cluster.append("events", record({"n": 1}, headers=(("id", "ä".encode()),), timestamp=1545084650987))
    functions = FakeFunctions()
    async with running(functions, cluster):
        await eventually_async(lambda: committed(cluster) == 1)
    assert functions.events == [
        {
            "eventSource": "SelfManagedKafka",
            "bootstrapServers": "broker:9092",
            "records": {
                "events-0": [
                    {
                        "topic": "events",
                        "partition": 0,
                        "offset": 0,
                        "timestamp": 1545084650987,
                        "timestampType": "CREATE_TIME",
                        "key": "a2V5",
                        "value": base64.b64encode(b'{"n": 1}').decode(),
                        "headers": [{"id": [-61, -92]}],
                    }
                ]
            },
        }
    ]


async def test_an_msk_mapping_names_its_cluster(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    functions = FakeFunctions()
    async with running(functions, cluster, source_arn="arn:x"):
        await eventually_async(lambda: functions.events)
    assert (functions.events[0]["eventSource"], functions.events[0]["eventSourceArn"]) == ("aws:kafka", "arn:x")


async def test_batches_hold_at_most_their_size_and_keep_the_order(cluster: MemoryCluster) -> None:
    for number in range(25):
        cluster.append("events", record(number))
    functions = FakeFunctions()
    async with running(functions, cluster, batch_size=10) as source:
        await eventually_async(lambda: committed(cluster) == 25)
        assert source.status()["lag"] == 0
    assert functions.values == list(range(25))
    assert max(len(values_of(event)) for event in functions.events) == 10


async def test_what_the_filter_does_not_want_is_skipped_counted_and_committed(cluster: MemoryCluster) -> None:
    for value in ({"type": "email.x"}, {"type": "task.x"}, b"no json", b"\xff"):
        cluster.append("events", record(value))
    functions = FakeFunctions()
    async with running(functions, cluster, filters=({"value": {"type": [{"prefix": "email."}]}},)) as source:
        await eventually_async(lambda: committed(cluster) == 4)
        assert (source.status()["skipped"], source.status()["unreadable"]) == (3, 2)
    assert functions.values == [{"type": "email.x"}]


def entry_of(record: Record) -> Any:
    return json.loads(text_of(record))


def test_a_tombstone_has_no_value_and_a_record_without_key_no_key() -> None:
    entry = entry_of(Record("events", 3, 7, 5, None, None))
    assert entry == {
        "topic": "events",
        "partition": 3,
        "offset": 7,
        "timestamp": 5,
        "timestampType": "CREATE_TIME",
        "headers": [],
    }


def test_an_empty_key_and_an_empty_value_are_there() -> None:
    entry = entry_of(Record("events", 0, 0, 0, b"", b""))
    assert (entry["key"], entry["value"]) == ("", "")


def test_a_value_may_be_any_bytes() -> None:
    assert base64.b64decode(entry_of(Record("events", 0, 0, 0, b"\xff", bytes(range(256))))["value"]) == bytes(
        range(256)
    )


@pytest.mark.parametrize(("number", "name"), [(0, "CREATE_TIME"), (1, "LOG_APPEND_TIME")])
def test_the_type_of_the_timestamp_is_told(number: int, name: str) -> None:
    assert entry_of(Record("events", 0, 0, 0, None, b"", timestamp_type=number))["timestampType"] == name


def test_headers_are_lists_of_signed_bytes_in_their_order_and_may_repeat() -> None:
    headers = (("a", bytes(range(256))), ('"ü"', b""), ("a", None))
    found = entry_of(Record("events", 0, 0, 0, None, b"", headers))["headers"]
    assert [list(header) for header in found] == [["a"], ['"ü"'], ["a"]]
    assert found[0]["a"] == [*range(128), *range(-128, 0)]
    assert (found[1], found[2]) == ({'"ü"': []}, {"a": []})


async def test_a_record_that_fits_no_event_is_given_up_and_the_next_one_goes_on(cluster: MemoryCluster) -> None:
    cluster.append("events", record(b"x" * 5_000_000))
    cluster.append("events", record("small"))
    functions = FakeFunctions()
    async with running(functions, cluster, on_failure="kafka://dead"):
        await eventually_async(lambda: committed(cluster) == 2)
    assert functions.values == ["small"]
    [lost] = cluster.topics["dead"][0]
    assert len(lost.value or b"") == 5_000_000


async def test_tombstones_and_odd_bytes_reach_the_dead_topic_as_they_were(cluster: MemoryCluster) -> None:
    odd = Record("", 0, 0, 0, None, None, (("h", b"\xff"), ("h", None)))
    cluster.append("events", odd)
    async with running(Failing(), cluster, max_retries=0, on_failure="kafka://dead"):
        await eventually_async(lambda: committed(cluster) == 1)
    [lost] = cluster.topics["dead"][0]
    assert (lost.key, lost.value, lost.headers) == (None, None, odd.headers)


async def test_what_was_skipped_is_summed_up_at_the_end(
    cluster: MemoryCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in ("a", "b", b"\xff"):
        cluster.append("events", record(value))
    async with running(FakeFunctions(), cluster, filters=({"value": ["a"]},)):
        await eventually_async(lambda: committed(cluster) == 3)
    said = capsys.readouterr().err
    assert "events-0 @ 2 is not in the form" in said
    assert "1 records delivered, 2 skipped by its filters (1 of them unreadable), 0 given up" in said


class Failing(FakeFunctions):
    async def invoke(self, name: str, payload: bytes) -> Outcome:
        return FAILED
