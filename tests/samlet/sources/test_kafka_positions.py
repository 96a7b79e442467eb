"""Where a mapping begins: on a Kafka in memory and on a real one."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from kafka_stage import FakeFunctions, add_partitions, make_topic, record, running
from samlet.cluster import Record
from samlet.kafka_client import KafkaCluster
from samlet.memory_kafka import MemoryCluster
from waiting import eventually_async


@dataclass
class Place:
    """A topic to try the source on, in a memory Kafka or a real one."""

    cluster: Any
    topic: str
    append: Callable[[Record], None]
    add_partition: Callable[[], None]


@pytest.fixture(params=["memory", "real"])
def place(request: pytest.FixtureRequest) -> Place:
    topic = f"events-{uuid.uuid4().hex[:8]}"
    if request.param == "memory":
        memory = MemoryCluster({topic: 1})
        return Place(
            memory, topic, lambda record: memory.append(topic, record), lambda: memory.topics[topic].append([])
        )
    servers = request.getfixturevalue("kafka")
    real = KafkaCluster(servers)
    make_topic(servers, topic)
    return Place(real, topic, lambda record: real.send(topic, [record]), lambda: add_partitions(servers, topic, 2))


async def test_conformance_a_group_reads_from_the_beginning_and_goes_on_after_a_restart(place: Place) -> None:
    functions = FakeFunctions()
    place.append(record(1, headers=(("id", b"1"),)))
    names = {"topic": place.topic, "group_id": place.topic}
    async with running(functions, place.cluster, **names) as first:
        await eventually_async(lambda: first.status()["delivered"] == 1, 30)
    place.append(record(2))
    async with running(functions, place.cluster, **names) as second:
        await eventually_async(lambda: second.status()["delivered"] == 1, 30)
    assert functions.values == [1, 2]
    [entry] = functions.events[0]["records"][f"{place.topic}-0"]
    assert (entry["offset"], entry["key"], entry["headers"]) == (0, "a2V5", [{"id": [49]}])


async def test_conformance_latest_begins_at_the_end_and_loses_nothing_afterwards(place: Place) -> None:
    functions = FakeFunctions()
    place.append(record("before"))
    names: dict[str, Any] = {"topic": place.topic, "group_id": place.topic, "starting_position": "LATEST"}
    async with running(functions, place.cluster, **names) as source:
        await eventually_async(lambda: source.status()["state"] == "ready", 30)
    place.append(record("while stopped"))
    async with running(functions, place.cluster, **names):
        await eventually_async(lambda: functions.values, 30)
    assert functions.values == ["while stopped"]


async def test_conformance_a_timestamp_begins_at_the_first_record_from_then_on(place: Place) -> None:
    functions = FakeFunctions()
    place.append(record("before"))
    then = time.time() + 0.01
    await eventually_async(lambda: time.time() > then + 0.01)
    place.append(record("after"))
    names: dict[str, Any] = {"topic": place.topic, "group_id": place.topic}
    async with running(functions, place.cluster, **names, starting_position="AT_TIMESTAMP", starting_timestamp=then):
        await eventually_async(lambda: functions.values, 30)
    assert functions.values == ["after"]


async def test_a_partition_that_stays_ours_over_a_rebalance_goes_on_behind_what_is_under_way(place: Place) -> None:
    release = asyncio.Event()

    async def slow(_: Any) -> None:
        await release.wait()

    functions = FakeFunctions(slow)
    place.append(record(1))
    names: dict[str, Any] = {"topic": place.topic, "group_id": place.topic}
    async with running(functions, place.cluster, **names) as source:
        await eventually_async(lambda: functions.values == [1], 30)
        place.add_partition()
        await eventually_async(lambda: source.status()["partitions"] == [0, 1], 30)
        place.append(record(2))
        release.set()
        await eventually_async(lambda: source.status()["delivered"] >= 2 and source.status()["lag"] == 0, 30)
    assert functions.values == [1, 2]
