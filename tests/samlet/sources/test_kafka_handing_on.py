"""Partitions that change hands while a batch is under way, within a mapping and out of it: none of them is left."""

import asyncio
from typing import Any

from kafka_stage import FAILED, FakeFunctions, committed, record, running
from samlet.errors import Throttled
from samlet.memory_kafka import MemoryCluster
from waiting import eventually_async

ALL, NONE = frozenset({0, 1, 2}), frozenset[int]()


async def test_what_a_poller_that_ends_was_busy_with_is_gone_on_with_by_the_others(cluster: MemoryCluster) -> None:
    release = asyncio.Event()

    async def slow(_: Any) -> None:
        await release.wait()

    cluster.append("events", record(0, 2))
    functions = FakeFunctions(slow)
    async with running(functions, cluster) as source:
        source._pollers.scale(3)
        await eventually_async(lambda: functions.values == [0])
        for number in (1, 2, 3):
            cluster.append("events", record(number, 2))
        await eventually_async(lambda: len(source._pollers.partitions[2].buffer) == 3)
        source._pollers.scale(1)
        sleeps = source._pollers._news[0]
        await eventually_async(lambda: not sleeps.is_set())
        release.set()
        await eventually_async(lambda: committed(cluster, 2) == 4)
    assert functions.values == [0, 1, 2, 3]


async def test_a_partition_that_is_done_goes_on_while_the_others_of_its_batch_are_retried(
    cluster: MemoryCluster,
) -> None:
    for value, partition in (("bad", 0), ("good", 1), ("better", 1)):
        cluster.append("events", record(value, partition))
    functions = FakeFunctions(lambda values: FAILED if "bad" in values else None)
    async with running(functions, cluster, bisect=True, batch_size=2):
        await eventually_async(lambda: committed(cluster, 1) == 2)
        assert committed(cluster, 0) is None


async def test_a_full_partition_that_was_taken_away_is_read_when_it_comes_back(cluster: MemoryCluster) -> None:
    release = asyncio.Event()

    async def slow(_: Any) -> None:
        await release.wait()

    for number in range(4_010):
        cluster.append("events", record(number))
    functions = FakeFunctions(slow)
    async with running(functions, cluster, batch_size=10) as source:
        reader = source._reader
        assert reader is not None
        await eventually_async(lambda: reader.paused == {0})
        polled_at = reader.polled_at
        await eventually_async(lambda: reader.polled_at > polled_at)  # the next poll knows of the pause
        source.assigned(NONE)
        source.assigned(ALL)
        release.set()
        cluster.append("events", record("late"))
        await eventually_async(lambda: functions.values[-1] == "late")


async def test_a_throttled_batch_of_a_partition_that_was_taken_away_is_let_go(cluster: MemoryCluster) -> None:
    def busy(values: list[Any]) -> Any:
        if "old" in values:
            raise Throttled("reason", "text")

    cluster.append("events", record("old"))
    functions = FakeFunctions(busy)
    async with running(functions, cluster) as source:
        await eventually_async(lambda: len(functions.events) > 1)
        source.assigned(NONE)
        source.assigned(ALL)
        cluster.append("events", record("new"))
        await eventually_async(lambda: committed(cluster) == 2)
    assert functions.values[-1] == "new"


async def test_a_mapping_that_was_stopped_in_the_middle_can_be_started_again(cluster: MemoryCluster) -> None:
    hanging = asyncio.Event()
    functions = FakeFunctions(lambda _: None if len(functions.events) > 1 else hanging.wait())
    cluster.append("events", record("slow"))
    async with running(functions, cluster) as source:
        await eventually_async(lambda: functions.events)
        await source.stop(0.01)
        await source.start()
        await eventually_async(lambda: committed(cluster) == 1)
