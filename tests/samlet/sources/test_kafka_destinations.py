"""An on-failure destination that is down: what waits for it, and what goes on."""

import asyncio
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from kafka_stage import FAILED, QUICK, FakeFunctions, committed, dead, mapping, record, running
from samlet.cluster import Record
from samlet.errors import KafkaFailed
from samlet.memory_kafka import MemoryCluster
from samlet.sources.kafka import KafkaSource
from samlet.sources.kafka_event import LARGEST_EVENT
from waiting import eventually_async


class Blocked(MemoryCluster):
    """Takes no records while `refusing`; while not `open`, a call to send comes back from nowhere."""

    def __init__(self) -> None:
        super().__init__({"events": 3, "dead": 1})
        self.refusing = True
        self.open = threading.Event()
        self.open.set()
        self.tried: list[int] = []  # the partitions of what came

    def send(self, topic: str, records: Iterable[Record]) -> None:
        sent = list(records)
        self.tried.append(sent[0].partition)
        assert self.open.wait(60)
        if self.refusing:
            raise KafkaFailed("no leader")
        super().send(topic, sent)

    @property
    def sends(self) -> int:
        return len(self.tried)


@pytest.fixture
def blocked() -> Blocked:
    return Blocked()


def bad(values: list[Any]) -> Any:
    return FAILED if "bad" in values else None


async def goes_on(cluster: Blocked, functions: FakeFunctions) -> None:
    """Partition 0 stands still with nothing committed, while another one is handled and committed."""
    await eventually_async(lambda: cluster.sends >= 1)
    for number in range(3):
        cluster.append("events", record(number, 1))
        await eventually_async(lambda: (committed(cluster, 1) or 0) > number)  # noqa: B023  # awaited at once
    assert committed(cluster, 0) is None
    assert "next" not in functions.values


def opened(cluster: Blocked) -> None:
    cluster.refusing = False
    cluster.open.set()


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_destination_that_is_down_holds_up_its_partition_and_no_other(blocked: Blocked, hangs: bool) -> None:
    if hangs:
        blocked.open.clear()
    blocked.append("events", record("bad", 0))
    blocked.append("events", record("next", 0))
    functions = FakeFunctions(bad)
    async with running(functions, blocked, batch_size=1, max_retries=0, max_pollers=1, on_failure="kafka://dead"):
        await goes_on(blocked, functions)
        opened(blocked)
        await eventually_async(lambda: committed(blocked, 0) == 2)
    assert dead(blocked) == ["bad"]
    assert functions.values[-1] == "next"


async def test_what_is_too_large_for_an_event_holds_up_no_other_partition(blocked: Blocked) -> None:
    blocked.append("events", record("x" * LARGEST_EVENT, 0))
    blocked.append("events", record("next", 0))
    functions = FakeFunctions()
    async with running(functions, blocked, batch_size=1, max_pollers=1, on_failure="kafka://dead"):
        await goes_on(blocked, functions)
        opened(blocked)
        await eventually_async(lambda: committed(blocked, 0) == 2)
    assert len(dead(blocked)) == 1


async def test_what_is_too_old_is_taken_before_what_comes_behind_it_and_holds_up_no_other_partition(
    blocked: Blocked,
) -> None:
    blocked.append("events", record("old", 0, timestamp=int(time.time() - 100) * 1000))
    blocked.append("events", record("next", 0))
    blocked.append("events", record("first", 1))
    functions = FakeFunctions()
    batches = {"batch_size": 10, "max_pollers": 1, "max_age": 60}
    async with running(functions, blocked, on_failure="kafka://dead", **batches):
        await eventually_async(lambda: committed(blocked, 1) == 1)
        assert committed(blocked, 0) is None
        assert functions.values == ["first"]
        opened(blocked)
        await eventually_async(lambda: committed(blocked, 0) == 2)
    assert (dead(blocked), functions.values) == (["old"], ["first", "next"])


async def test_a_destination_that_hangs_holds_up_no_stop_however_patient_and_loses_nothing(blocked: Blocked) -> None:
    blocked.open.clear()
    blocked.append("events", record("bad", 0))
    source = KafkaSource(
        mapping(max_retries=0, on_failure="kafka://dead"), FakeFunctions(bad), "b:1", cluster=blocked, backoff=QUICK
    )
    await source.start()
    await eventually_async(lambda: blocked.sends == 1)
    await asyncio.wait_for(source.stop(patience=900.0), 30)
    assert committed(blocked, 0) is None
    assert source.status()["given_up"] == 0
    opened(blocked)
    await source.start()
    await eventually_async(lambda: committed(blocked, 0) == 1)
    await source.stop()
    assert "bad" in dead(blocked)


async def test_a_partition_that_another_member_has_by_now_is_given_up_by_that_one(blocked: Blocked) -> None:
    blocked.append("events", record("bad", 0))
    async with running(FakeFunctions(bad), blocked, max_retries=0, on_failure="kafka://dead") as source:
        await eventually_async(lambda: blocked.tried.count(0) >= 2)
        source.assigned(frozenset({1, 2}))
        so_far = blocked.tried.count(0)
        blocked.append("events", record("bad", 1))
        await eventually_async(lambda: blocked.tried.count(1) >= 20)
        assert blocked.tried.count(0) <= so_far + 1  # what was on its way


async def test_the_log_tells_of_a_destination_once_and_then_each_minute_for_all_that_waits(
    blocked: Blocked, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    for partition in range(3):
        blocked.append("events", record("bad", partition))
    source = KafkaSource(
        mapping(batch_size=1, max_retries=0, on_failure="kafka://dead"), FakeFunctions(bad), "b:1",
        cluster=blocked, backoff=QUICK, clock=lambda: now,
    )  # fmt: skip
    await source.start()
    await eventually_async(lambda: blocked.sends >= 20)
    now += 60
    so_far = blocked.sends
    await eventually_async(lambda: blocked.sends >= so_far + 20)
    opened(blocked)
    await eventually_async(lambda: len(dead(blocked)) == 3)
    await source.stop()
    said = capsys.readouterr().err
    assert said.count("dead takes no records, trying on: no leader") == 1
    assert said.count("dead takes no records for 60 s, 3 wait, trying on: no leader") == 1
    assert said.count("failed 1 times: sent to dead") == 3
