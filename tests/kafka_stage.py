"""A stage for Kafka mappings: functions that answer as a test says, on a Kafka in memory or a real one."""

import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic

from samlet.cluster import Cluster, Record
from samlet.memory_kafka import MemoryCluster
from samlet.model import KafkaMapping
from samlet.runtime.outcome import Outcome
from samlet.sources.kafka import KafkaSource
from samlet.sources.kafka_route import Backoff
from waiting import eventually

QUICK = Backoff(0.01, 0.05)
FAILED = Outcome("id", b"{}", "Unhandled")


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


def mapping(**fields: Any) -> KafkaMapping:
    given: dict[str, Any] = {"window": 0.0, "topic": "events", "group_id": "group", **fields}
    return KafkaMapping("Mapping", "Sender", **given)


@asynccontextmanager
async def running(
    functions: FakeFunctions, cluster: Cluster, destinations: Any = None, **fields: Any
) -> AsyncIterator[KafkaSource]:
    clock = fields.pop("clock", time.time)
    source = KafkaSource(
        mapping(**fields), functions, "broker:9092", cluster=cluster, backoff=QUICK, destinations=destinations,
        clock=clock, function_arn="arn:function",
    )  # fmt: skip
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


def failure(offset: Any, partition: Any = "events-0") -> Any:
    return {"batchItemFailures": [{"itemIdentifier": {"partition": partition, "offset": offset}}]}


def make_topic(bootstrap: str, topic: str, partitions: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
    admin.close()


def add_partitions(bootstrap: str, topic: str, partitions: int) -> None:
    """Bring the topic's partitions up to so many."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_partitions({topic: NewPartitions(partitions)})
    admin.close()


def delete_topic(bootstrap: str, topic: str) -> None:
    """Delete a topic, and return when it is gone."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.delete_topics([topic])
    eventually(lambda: topic not in admin.list_topics(), 30)
    admin.close()


def fill(bootstrap: str, topic: str, records: Iterable[Record]) -> None:
    """Write many records, each to the partition that it names."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, acks="all")
    for one in records:
        producer.send(topic, one.value, key=one.key, headers=list(one.headers), partition=one.partition)
    producer.flush()
    producer.close()
