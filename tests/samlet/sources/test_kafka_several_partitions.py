"""Events with records of several partitions: one batch, and each partition's own way when it fails."""

import asyncio
from typing import Any

from kafka_stage import FAILED, FakeFunctions, committed, dead, failure, record, running, values_of
from samlet.memory_kafka import MemoryCluster
from samlet.runtime.outcome import Outcome
from waiting import eventually_async


def names(event: Any) -> list[str]:
    return sorted(event["records"])


async def test_one_event_holds_several_partitions_in_their_order(cluster: MemoryCluster) -> None:
    for partition in (0, 1, 2):
        for number in range(3):
            cluster.append("events", record(f"{partition}.{number}", partition))
    functions = FakeFunctions()
    async with running(functions, cluster):
        await eventually_async(lambda: [committed(cluster, partition) for partition in (0, 1, 2)] == [3, 3, 3])
    [event] = functions.events
    assert names(event) == ["events-0", "events-1", "events-2"]
    assert values_of(event) == [f"{partition}.{number}" for partition in (0, 1, 2) for number in range(3)]


async def test_each_partition_goes_on_from_the_offset_that_was_reported(cluster: MemoryCluster) -> None:
    for partition in (0, 1):
        for number in range(3):
            cluster.append("events", record(f"{partition}.{number}", partition))
    reported = {"batchItemFailures": failure(1)["batchItemFailures"] + failure(2, "events-1")["batchItemFailures"]}
    answers: list[Any] = [reported]
    functions = FakeFunctions(lambda _: answers.pop() if answers else None)
    async with running(functions, cluster, partial_failures=True):
        await eventually_async(lambda: [committed(cluster, partition) for partition in (0, 1)] == [3, 3])
    assert sorted(values_of(event) for event in functions.events[1:]) == [["0.1", "0.2"], ["1.2"]]


async def test_a_partition_that_was_not_reported_is_done_while_the_other_stands_still(cluster: MemoryCluster) -> None:
    cluster.append("events", record("bad", 0))
    cluster.append("events", record("good", 1))
    functions = FakeFunctions(lambda values: failure(0) if "bad" in values else None)
    async with running(functions, cluster, partial_failures=True):
        await eventually_async(lambda: committed(cluster, 1) == 1)
        cluster.append("events", record("better", 1))
        cluster.append("events", record("waits", 0))
        await eventually_async(lambda: committed(cluster, 1) == 2)
        assert committed(cluster, 0) is None
    assert "waits" not in functions.values


async def test_an_answer_about_one_unknown_record_means_all_partitions_again(cluster: MemoryCluster) -> None:
    cluster.append("events", record("a", 0))
    cluster.append("events", record("b", 1))
    reported = {"batchItemFailures": failure(0)["batchItemFailures"] + failure(0, "events-7")["batchItemFailures"]}
    answers: list[Any] = [reported]
    functions = FakeFunctions(lambda _: answers.pop() if answers else None)
    async with running(functions, cluster, partial_failures=True):
        await eventually_async(lambda: [committed(cluster, partition) for partition in (0, 1)] == [1, 1])
    assert functions.values == ["a", "b", "a", "b"]


async def test_bisecting_separates_the_partitions_and_finds_the_poison(cluster: MemoryCluster) -> None:
    for partition in (0, 1, 2):
        for number in range(5):
            cluster.append(
                "events", record("poison" if (partition, number) == (1, 3) else f"{partition}.{number}", partition)
            )
    functions = FakeFunctions(lambda values: FAILED if "poison" in values else None)
    async with running(functions, cluster, max_retries=2, bisect=True, on_failure="kafka://dead") as source:
        await eventually_async(lambda: [committed(cluster, partition) for partition in (0, 1, 2)] == [5, 5, 5])
        assert (source.status()["delivered"], source.status()["given_up"]) == (14, 1)
    assert dead(cluster) == ["poison"]
    handled = [value for event in functions.events for value in values_of(event) if "poison" not in values_of(event)]
    for partition in (0, 1, 2):
        own = [value for value in handled if value.startswith(f"{partition}.")]
        assert own == sorted(set(own))


async def test_a_batch_that_fails_as_a_whole_does_not_hold_up_a_third_partition(cluster: MemoryCluster) -> None:
    cluster.append("events", record("bad", 0))
    cluster.append("events", record("with it", 1))
    functions = FakeFunctions(lambda values: FAILED if "bad" in values else None)
    async with running(functions, cluster):
        await eventually_async(lambda: functions.values.count("bad") >= 2)
        cluster.append("events", record("good", 2))
        await eventually_async(lambda: committed(cluster, 2) == 1)
        assert (committed(cluster, 0), committed(cluster, 1)) == (None, None)


async def test_one_poller_tries_one_batch_at_a_time_and_a_lag_brings_more_up_to_one_a_partition(
    cluster: MemoryCluster,
) -> None:
    running_now = most = 0
    release = asyncio.Event()

    async def slow(_: Any) -> Outcome:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await release.wait()
        running_now -= 1
        return Outcome("id", b"null")

    for partition in (0, 1, 2):
        for number in range(20):
            cluster.append("events", record(number, partition))
    functions = FakeFunctions(slow)
    async with running(functions, cluster, batch_size=5) as source:
        await eventually_async(lambda: functions.events)
        assert (source.status()["pollers"], most) == (1, 1)
        await eventually_async(lambda: source.status()["pollers"] == 3)
        await eventually_async(lambda: running_now == 3)
        release.set()
        await eventually_async(lambda: [committed(cluster, partition) for partition in (0, 1, 2)] == [20, 20, 20])
        assert most == 3
        await eventually_async(lambda: source.status()["pollers"] == 1)


async def test_a_partition_that_another_poller_gets_while_it_is_busy_goes_on(cluster: MemoryCluster) -> None:
    release = asyncio.Event()

    async def slow(_: Any) -> None:
        await release.wait()

    for number in range(8):
        cluster.append("events", record(number, 1))  # the second poller's, as soon as there is one
    functions = FakeFunctions(slow)
    async with running(functions, cluster, batch_size=5) as source:
        await eventually_async(lambda: source.status()["pollers"] == 2)
        assert functions.values == [0, 1, 2, 3, 4]
        release.set()
        await eventually_async(lambda: committed(cluster, 1) == 8)


async def test_provisioned_pollers_are_there_from_the_start(cluster: MemoryCluster) -> None:
    async with running(FakeFunctions(), cluster, min_pollers=2) as source:
        assert source.status()["pollers"] == 2
