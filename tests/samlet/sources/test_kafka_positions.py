"""Where a mapping begins: on a Kafka in memory and on a real one."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaConsumer
from kafka.errors import UnknownTopicOrPartitionError

from kafka_stage import FakeFunctions, add_partitions, delete_topic, fill, make_topic, record, running
from samlet.cluster import Group, Record, Start
from samlet.errors import KafkaFailed
from samlet.kafka_client import KafkaCluster, commit_offsets, committed_offsets, member
from samlet.kafka_client.connections import NEW_CLIENT
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


# Of the two clients, kafka-python 3 alone lets go of the partitions of a topic that is gone.
NOTICED = [("LATEST", True)] if NEW_CLIENT else []


@pytest.mark.parametrize(("position", "noticed"), [("TRIM_HORIZON", False), ("LATEST", False), *NOTICED])
async def test_a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning_and_only_once(
    kafka: str, position: str, *, noticed: bool
) -> None:
    topic = f"again-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    names: dict[str, Any] = {"topic": topic, "group_id": topic, "starting_position": position}
    functions = FakeFunctions()
    async with running(functions, KafkaCluster(kafka), **names) as source:
        await eventually_async(lambda: source.status()["state"] == "ready", 30)
        await asyncio.to_thread(fill, kafka, topic, [record(number) for number in range(5)])
        await eventually_async(lambda: committed_offsets(kafka).get(topic) == {(topic, 0): 5}, 30)
        await asyncio.to_thread(delete_topic, kafka, topic)
        if noticed:
            await eventually_async(lambda: source.status()["partitions"] == [], 30)
        make_topic(kafka, topic)
        await asyncio.to_thread(fill, kafka, topic, [record("again")])
        await eventually_async(lambda: functions.values[5:] == ["again"], 60)
    place = {(topic, 0): 1}
    assert committed_offsets(kafka)[topic] == place, "another start would begin behind it"


async def test_the_place_in_a_topic_that_is_gone_is_given_up_with_one_line(
    kafka: str, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = f"gone-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    fill(kafka, topic, [record(1)])
    group = KafkaCluster(kafka).join(topic, topic, Start("TRIM_HORIZON"), lambda _: None)
    read = await asyncio.wait_for(asyncio.to_thread(_first_of, group), 30)
    await asyncio.to_thread(delete_topic, kafka, topic)
    await asyncio.wait_for(asyncio.to_thread(group.commit, {0: read.offset + 1}), 30)
    assert capsys.readouterr().err.count(f"{topic} is gone") == 1
    await asyncio.wait_for(asyncio.to_thread(group.close), 30)


async def test_a_place_that_a_broker_cannot_take_yet_though_the_topic_is_there_is_not_given_up(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UnknownTopicOrPartitionError

    topic = f"there-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    fill(kafka, topic, [record(1)])
    group = KafkaCluster(kafka).join(topic, topic, Start("TRIM_HORIZON"), lambda _: None)
    read = await asyncio.wait_for(asyncio.to_thread(_first_of, group), 30)
    monkeypatch.setattr(member, "commit_once", refuse)
    with pytest.raises(KafkaFailed, match="UnknownTopicOrPartition"):
        await asyncio.wait_for(asyncio.to_thread(group.commit, {0: read.offset + 1}), 30)
    await asyncio.wait_for(asyncio.to_thread(group.close), 30)


def _first_of(group: Group) -> Record:
    while not (read := group.poll(0.1)):
        pass
    return read[0]


@pytest.mark.parametrize("position", ["TRIM_HORIZON", "LATEST"])
async def test_a_group_whose_place_is_not_there_any_more_reads_all_that_there_is(kafka: str, position: str) -> None:
    topic = f"elsewhere-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    fill(kafka, topic, [record(1), record(2)])
    commit_offsets(kafka, topic, topic, {0: 100})
    functions = FakeFunctions()
    async with running(functions, KafkaCluster(kafka), topic=topic, group_id=topic, starting_position=position):
        await eventually_async(lambda: functions.values == [1, 2], 30)


async def test_what_is_written_while_a_timestamp_is_looked_up_is_read(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"raced-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    look_up = KafkaConsumer.offsets_for_times

    def and_write(consumer: KafkaConsumer, *args: Any) -> Any:
        found = look_up(consumer, *args)
        fill(kafka, topic, [record("meanwhile")])
        return found

    monkeypatch.setattr(KafkaConsumer, "offsets_for_times", and_write)
    functions = FakeFunctions()
    names: dict[str, Any] = {"topic": topic, "group_id": topic, "starting_position": "AT_TIMESTAMP"}
    async with running(functions, KafkaCluster(kafka), **names, starting_timestamp=time.time()):
        await eventually_async(lambda: functions.values == ["meanwhile"], 30)
