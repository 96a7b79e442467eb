"""A mapping starts, stops, and loses its broker."""

import asyncio
from typing import Any

import pytest

from kafka_stage import FakeFunctions, committed, record, running
from samlet.memory_kafka import MemoryCluster
from waiting import eventually_async


async def test_a_restart_goes_on_where_the_group_is(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    functions = FakeFunctions()
    async with running(functions, cluster):
        await eventually_async(lambda: committed(cluster) == 1)
    cluster.append("events", record(2))
    async with running(functions, cluster, starting_position="LATEST"):
        await eventually_async(lambda: committed(cluster) == 2)
    assert functions.values == [1, 2]


async def test_stopping_lets_a_running_invocation_end_and_commits_it(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    release = asyncio.Event()

    async def slow(_: Any) -> None:
        await release.wait()

    functions = FakeFunctions(slow)
    async with running(functions, cluster):
        await eventually_async(lambda: functions.events)
        asyncio.get_running_loop().call_later(0.1, release.set)
    assert committed(cluster) == 1


async def test_stopping_does_not_wait_for_a_function_that_hangs(cluster: MemoryCluster) -> None:
    cluster.append("events", record(1))
    functions = FakeFunctions(lambda _: asyncio.sleep(5))
    async with running(functions, cluster):
        await eventually_async(lambda: functions.events)
    assert committed(cluster) is None


async def test_a_lost_broker_is_one_line_and_its_return_another(
    cluster: MemoryCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    functions = FakeFunctions()
    async with running(functions, cluster) as source:
        cluster.append("events", record(1))
        await eventually_async(lambda: committed(cluster) == 1)
        cluster.up = False
        await eventually_async(lambda: source.status()["state"] == "lost")
        cluster.up = True
        cluster.append("events", record(2))
        await eventually_async(lambda: committed(cluster) == 2 and source.status()["state"] == "ready")
    assert functions.values == [1, 2]
    said = capsys.readouterr().err
    assert (said.count("lost Kafka"), said.count("is back")) == (1, 1)


async def test_a_broker_that_never_let_us_in_has_each_of_its_reasons_said_once(
    cluster: MemoryCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.up = False
    async with running(FakeFunctions(), cluster) as source:
        for reason in ("the password is wrong", "the certificate has expired") * 2:
            source.failed(reason)
        cluster.up = True
        await eventually_async(lambda: source.status()["state"] == "ready")
        for reason in ("it went away", "and is still away"):
            source.failed(reason)
    said = capsys.readouterr().err
    assert [said.count(words) for words in ("password", "certificate", "went away", "still away")] == [1, 1, 1, 0]


async def test_a_topic_that_is_made_later_is_asked_for_and_read(
    cluster: MemoryCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    functions = FakeFunctions()
    async with running(functions, cluster, topic="later") as source:
        await eventually_async(lambda: source.status()["state"] == "waiting for the topic")
        said = "no partition of the topic later is there to be read; is the topic made? `samlet events create later`"
        await eventually_async(lambda: said in capsys.readouterr().err)
        cluster.create("later")
        cluster.append("later", record(1))
        await eventually_async(lambda: functions.values == [1])


async def test_a_mapping_that_is_disabled_reads_nothing(cluster: MemoryCluster) -> None:
    async with running(FakeFunctions(), cluster, enabled=False) as source:
        assert source.status()["state"] == "disabled"
