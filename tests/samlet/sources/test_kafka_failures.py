"""Functions that fail: retries, bisecting, partial failures, age, and where records go that are given up."""

import time
from typing import Any

import pytest

from kafka_stage import FAILED, FakeFunctions, committed, dead, failure, record, running, values_of
from samlet.errors import Throttled
from samlet.memory_kafka import MemoryCluster
from waiting import eventually_async


async def test_nothing_is_committed_before_the_function_has_succeeded(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    failing = [FAILED, FAILED, None]
    functions = FakeFunctions(lambda _: failing.pop(0))
    async with running(functions, cluster):
        await eventually_async(lambda: committed(cluster) == 1)
    assert functions.values == [1, 1, 1]


async def test_a_partition_that_retries_holds_up_no_other(cluster: MemoryCluster) -> None:
    functions = FakeFunctions(lambda values: FAILED if "bad" in values else None)
    async with running(functions, cluster):
        cluster.append("events", record("bad", 0))
        await eventually_async(lambda: functions.values.count("bad") >= 2)
        cluster.append("events", record("good", 1))
        await eventually_async(lambda: committed(cluster, 1) == 1)
        assert committed(cluster, 0) is None


async def test_a_poison_record_ends_on_the_dead_topic_and_the_others_are_handled(cluster: MemoryCluster) -> None:
    for number in range(10):
        cluster.append("events", record("poison" if number == 6 else number, headers=(("h", b"1"),)))
    functions = FakeFunctions(lambda values: FAILED if "poison" in values else None)
    async with running(functions, cluster, batch_size=10, max_retries=3, bisect=True, on_failure="kafka://dead"):
        await eventually_async(lambda: committed(cluster) == 10)
    [lost] = cluster.topics["dead"][0]
    assert (lost.key, lost.value, lost.headers) == (b"key", b'"poison"', (("h", b"1"),))
    handled = [value for event in functions.events for value in values_of(event) if "poison" not in values_of(event)]
    assert handled == [number for number in range(10) if number != 6]
    assert sum(values_of(event) == ["poison"] for event in functions.events) == 4


async def test_without_bisecting_the_whole_batch_is_given_up(cluster: MemoryCluster) -> None:
    for number in range(3):
        cluster.append("events", record(number))
    async with running(FakeFunctions(lambda _: FAILED), cluster, max_retries=1, on_failure="kafka://dead") as source:
        await eventually_async(lambda: committed(cluster) == 3)
        assert source.status()["given_up"] == 3
    assert dead(cluster) == [0, 1, 2]


async def test_endless_retries_with_a_destination_end_after_ten(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    functions = FakeFunctions(lambda _: FAILED)
    async with running(functions, cluster, on_failure="kafka://dead"):
        await eventually_async(lambda: dead(cluster) == [1])
    assert len(functions.events) == 11


async def test_a_destination_that_is_not_run_here_is_told_loudly(
    cluster: MemoryCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.append("events", record(1))
    nowhere = {"on_failure": "arn:aws:sqs:x", "on_failure_served": False}
    async with running(FakeFunctions(lambda _: FAILED), cluster, max_retries=0, **nowhere):
        await eventually_async(lambda: committed(cluster) == 1)
    assert capsys.readouterr().err.count("arn:aws:sqs:x is not run here") == 2


async def test_after_a_partial_failure_the_partition_goes_on_from_there(cluster: MemoryCluster) -> None:
    for number in range(4):
        cluster.append("events", record(number))
    answers = [failure(2), None]
    functions = FakeFunctions(lambda _: answers.pop(0))
    async with running(functions, cluster, partial_failures=True):
        await eventually_async(lambda: committed(cluster) == 4)
    assert [values_of(event) for event in functions.events] == [[0, 1, 2, 3], [2, 3]]


@pytest.mark.parametrize(
    "answer", [failure(99), failure(0, "other-0"), failure("0"), {"batchItemFailures": [{}]}, "text"]
)
async def test_a_failure_that_is_unknown_means_the_whole_batch(cluster: MemoryCluster, answer: Any) -> None:
    for number in range(2):
        cluster.append("events", record(number))
    answers = [answer, {"batchItemFailures": []}]
    functions = FakeFunctions(lambda _: answers.pop(0))
    async with running(functions, cluster, partial_failures=True):
        await eventually_async(lambda: committed(cluster) == 2)
    assert functions.values == [0, 1, 0, 1]


async def test_throttles_are_waited_out_and_use_up_no_attempt(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    refusals = iter(range(5))

    async def throttled(_: Any) -> None:
        if next(refusals, None) is not None:
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")

    async with running(FakeFunctions(throttled), cluster, max_retries=0, on_failure="kafka://dead"):
        await eventually_async(lambda: committed(cluster) == 1)
    assert dead(cluster) == []


async def test_records_that_are_too_old_are_given_up_untried(cluster: MemoryCluster) -> None:
    cluster.append("events", record("old", timestamp=int(time.time() - 100) * 1000))
    cluster.append("events", record("new"))
    functions = FakeFunctions()
    async with running(functions, cluster, max_age=60, on_failure="kafka://dead"):
        await eventually_async(lambda: committed(cluster) == 2)
    assert (functions.values, dead(cluster)) == (["new"], ["old"])


async def test_records_grow_too_old_while_the_function_has_no_time_for_them(cluster: MemoryCluster) -> None:
    now, calls = time.time(), 0

    async def throttled(_: Any) -> None:
        nonlocal calls, now
        calls += 1
        now += 25
        raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")

    cluster.append("events", record(1))
    fields: dict[str, Any] = {"max_age": 60, "on_failure": "kafka://dead"}
    async with running(FakeFunctions(throttled), cluster, clock=lambda: now, **fields):
        await eventually_async(lambda: dead(cluster) == [1])
        await eventually_async(lambda: committed(cluster) == 1)
    assert calls == 3, "at the second refusal the record was 50 seconds old"
