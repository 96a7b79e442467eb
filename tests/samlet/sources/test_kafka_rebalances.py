"""Members and partitions that come and go, on a real Kafka: nothing is lost, and each partition keeps its order."""

import asyncio
import base64
import json
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from kafka_stage import FakeFunctions, add_partitions, fill, make_topic, record, running
from samlet.kafka_client import KafkaCluster
from waiting import eventually_async

PARTITIONS = 4
EACH = 300  # records a partition


@pytest.fixture
def topic(kafka: str) -> str:
    name = f"shared-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, name, PARTITIONS)
    return name


def written(numbers: range) -> Any:
    return (record(number, partition) for number in numbers for partition in range(PARTITIONS))


def seen(*all_functions: FakeFunctions) -> dict[str, list[list[int]]]:
    """The numbers that each partition's events held, in the order of the events."""
    found: dict[str, list[list[int]]] = defaultdict(list)
    for functions in all_functions:
        for event in functions.events:
            for name, entries in event["records"].items():
                found[name].append([json.loads(base64.b64decode(entry["value"])) for entry in entries])
    return found


def assert_in_order(functions: FakeFunctions) -> None:
    """What one member has of a partition goes up without a gap, but for what it was given anew."""
    for batches in seen(functions).values():
        for batch in batches:
            assert batch == list(range(batch[0], batch[-1] + 1))
        firsts = [batch[0] for batch in batches]
        assert firsts == sorted(firsts)


async def test_a_second_member_takes_over_half_of_the_partitions(kafka: str, topic: str) -> None:
    first, second = FakeFunctions(lambda _: asyncio.sleep(0.002)), FakeFunctions(lambda _: asyncio.sleep(0.002))
    names: dict[str, Any] = {"topic": topic, "group_id": topic, "batch_size": 7}
    cluster = KafkaCluster(kafka)
    async with running(first, cluster, **names) as one:
        await eventually_async(lambda: len(one.status()["partitions"]) == PARTITIONS, 30)
        await asyncio.to_thread(fill, kafka, topic, written(range(EACH)))
        await eventually_async(lambda: len(first.events) > 20, 30)
        async with running(second, KafkaCluster(kafka), **names) as other:
            await eventually_async(
                lambda: len(one.status()["partitions"]) == len(other.status()["partitions"]) == PARTITIONS // 2, 60
            )
            assert set(one.status()["partitions"]).isdisjoint(other.status()["partitions"])
            await asyncio.to_thread(fill, kafka, topic, written(range(EACH, 2 * EACH)))
            await eventually_async(all_are_seen(first, second, upto=2 * EACH), 60)
            assert second.events
        await eventually_async(lambda: len(one.status()["partitions"]) == PARTITIONS, 60)
        await asyncio.to_thread(fill, kafka, topic, written(range(2 * EACH, 2 * EACH + 5)))
        await eventually_async(all_are_seen(first, second, upto=2 * EACH + 5), 60)
    assert_in_order(second)


def all_are_seen(*all_functions: FakeFunctions, upto: int) -> Callable[[], bool]:
    def told() -> bool:
        found = seen(*all_functions)
        wanted = set(range(upto))
        return len(found) == PARTITIONS and all(
            {number for batch in batches for number in batch} == wanted for batches in found.values()
        )

    return told


async def test_the_only_member_gets_every_record_once_and_in_order(kafka: str, topic: str) -> None:
    functions = FakeFunctions()
    await asyncio.to_thread(fill, kafka, topic, written(range(EACH)))
    async with running(functions, KafkaCluster(kafka), topic=topic, group_id=topic, batch_size=50):
        await eventually_async(all_are_seen(functions, upto=EACH), 60)
    assert_in_order(functions)
    assert len(functions.values) == EACH * PARTITIONS


@pytest.mark.parametrize("position", ["TRIM_HORIZON", "LATEST"])
async def test_partitions_that_are_added_are_read_from_their_beginning(kafka: str, topic: str, position: str) -> None:
    functions = FakeFunctions()
    names: dict[str, Any] = {"topic": topic, "group_id": topic, "starting_position": position}
    async with running(functions, KafkaCluster(kafka), **names) as source:
        await eventually_async(lambda: source.status()["state"] == "ready", 30)
        await asyncio.to_thread(add_partitions, kafka, topic, PARTITIONS + 1)
        await asyncio.to_thread(fill, kafka, topic, [record("new", PARTITIONS)])
        await eventually_async(lambda: functions.values == ["new"], 60)
        assert PARTITIONS in source.status()["partitions"]


async def test_a_partition_that_was_added_while_off_is_read_from_its_beginning(kafka: str, topic: str) -> None:
    functions = FakeFunctions()
    names: dict[str, Any] = {"topic": topic, "group_id": topic, "starting_position": "LATEST"}
    async with running(functions, KafkaCluster(kafka), **names) as source:
        await eventually_async(lambda: source.status()["state"] == "ready", 30)
    await asyncio.to_thread(add_partitions, kafka, topic, PARTITIONS + 1)
    await asyncio.to_thread(fill, kafka, topic, [record("new", PARTITIONS)])
    async with running(functions, KafkaCluster(kafka), **names):
        await eventually_async(lambda: functions.values == ["new"], 60)
