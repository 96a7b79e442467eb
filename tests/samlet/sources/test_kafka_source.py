"""The Kafka event source, against a Kafka in memory and, for what it promises of the broker, against a real one."""

import asyncio
import base64
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from samlet.errors import Throttled
from samlet.kafka_client import Cluster, KafkaCluster, Record, follow_topic, read_topic
from samlet.memory_kafka import MemoryCluster
from samlet.model import KafkaMapping
from samlet.runtime.outcome import Outcome
from samlet.sources.kafka import KafkaSource
from samlet.sources.kafka_delivery import Backoff
from waiting import eventually, eventually_async

QUICK = Backoff(0.01, 0.05)


def record(value: Any, partition: int = 0, **fields: Any) -> Record:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return replace(Record("", partition, 0, int(time.time() * 1000), b"key", data), **fields)


@dataclass
class FakeFunctions:
    """Answers with `answer(values)`, an Outcome or what becomes its payload; remembers the events."""

    answer: Callable[[list[Any]], Any] | None = None
    events: list[Any] = field(default_factory=list)

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        event = json.loads(payload)
        self.events.append(event)
        answer = self.answer(values_of(event)) if self.answer else None
        answer = await answer if isinstance(answer, Awaitable) else answer
        return answer if isinstance(answer, Outcome) else Outcome("id", json.dumps(answer).encode())

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError

    @property
    def values(self) -> list[Any]:
        return [value for event in self.events for value in values_of(event)]


def values_of(event: Any) -> list[Any]:
    entries = [entry for entries in event["records"].values() for entry in entries]
    return [json.loads(base64.b64decode(entry["value"])) for entry in entries]


FAILED = Outcome("id", b"{}", "Unhandled")


def mapping(**fields: Any) -> KafkaMapping:
    given: dict[str, Any] = {"window": 0.0, "topic": "events", "group_id": "group", **fields}
    return KafkaMapping("Mapping", "Sender", **given)


@asynccontextmanager
async def running(functions: FakeFunctions, cluster: Cluster, **fields: Any) -> AsyncIterator[KafkaSource]:
    source = KafkaSource(mapping(**fields), functions, "broker:9092", cluster=cluster, backoff=QUICK)
    await source.start()
    try:
        yield source
    finally:
        began = time.monotonic()
        await source.stop()
        assert time.monotonic() - began < 2.0


def committed(cluster: MemoryCluster, partition: int = 0) -> int | None:
    return cluster.committed.get(("group", "events", partition))


def dead(cluster: MemoryCluster) -> list[Any]:
    return [json.loads(record.value or b"null") for log in cluster.topics["dead"] for record in log]


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster({"events": 3, "dead": 1})


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
                        "headers": [{"id": [195, 164]}],
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
    async with running(FakeFunctions(lambda _: FAILED), cluster, max_retries=0, on_failure="arn:aws:sqs:x"):
        await eventually_async(lambda: committed(cluster) == 1)
    assert capsys.readouterr().err.count("arn:aws:sqs:x is not run here") == 2


def failure(offset: Any, partition: Any = "events-0") -> Any:
    return {"batchItemFailures": [{"itemIdentifier": {"partition": partition, "offset": offset}}]}


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


async def test_what_the_filter_does_not_want_is_skipped_counted_and_committed(cluster: MemoryCluster) -> None:
    for value in ({"type": "email.x"}, {"type": "task.x"}, b"no json", b"\xff"):
        cluster.append("events", record(value))
    functions = FakeFunctions()
    async with running(functions, cluster, filters=({"value": {"type": [{"prefix": "email."}]}},)) as source:
        await eventually_async(lambda: committed(cluster) == 4)
        assert (source.status()["skipped"], source.status()["unreadable"]) == (3, 2)
    assert functions.values == [{"type": "email.x"}]


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


async def test_a_topic_that_is_made_later_is_read(cluster: MemoryCluster) -> None:
    functions = FakeFunctions()
    async with running(functions, cluster, topic="later") as source:
        await eventually_async(lambda: source.status()["state"] == "waiting for the topic")
        cluster.create("later")
        cluster.append("later", record(1))
        await eventually_async(lambda: functions.values == [1])


async def test_a_mapping_that_is_disabled_reads_nothing(cluster: MemoryCluster) -> None:
    async with running(FakeFunctions(), cluster, enabled=False) as source:
        assert source.status()["state"] == "disabled"


@dataclass
class Place:
    """A topic to try the source on, in a memory Kafka or a real one."""

    cluster: Any
    topic: str
    append: Callable[[Record], None]


@pytest.fixture(params=["memory", "real"])
def place(request: pytest.FixtureRequest) -> Place:
    topic = f"events-{uuid.uuid4().hex[:8]}"
    if request.param == "memory":
        memory = MemoryCluster({topic: 1})
        return Place(memory, topic, lambda record: memory.append(topic, record))
    real = KafkaCluster(request.getfixturevalue("kafka"))
    make_topic(real.bootstrap, topic)
    return Place(real, topic, lambda record: real.send(topic, [record]))


def make_topic(bootstrap: str, topic: str) -> None:
    from kafka.admin import KafkaAdminClient, NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.close()


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


async def test_a_topic_is_read_to_its_end_and_followed_beyond_it(kafka: str) -> None:
    cluster, topic = KafkaCluster(kafka), f"read-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic)
    cluster.send(topic, [record(1), record(2, headers=(("h", b"x"),))])
    read = list(read_topic(kafka, topic))
    assert [(one.offset, one.value) for one in read] == [(0, b"1"), (1, b"2")]
    assert (read[1].key, read[1].headers) == (b"key", (("h", b"x"),))
    seen: list[Record] = []
    stopped = threading.Event()

    def follow() -> None:
        for one in follow_topic(kafka, topic, stopped):
            seen.append(one)  # noqa: PERF402  # one by one, as they come

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    eventually(lambda: len(seen) == 2, 30)
    cluster.send(topic, [record(3)])
    eventually(lambda: len(seen) == 3, 30)
    stopped.set()
    follower.join(10)
    assert [one.value for one in seen] == [b"1", b"2", b"3"]
    assert list(read_topic(kafka, "no-such-topic")) == []
