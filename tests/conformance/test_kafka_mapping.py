"""The event source mapping of a self-managed Kafka; records are written over Kafka's own protocol."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from conformance.conftest import Inbox
from conformance.target import Target
from waiting import eventually

TOPICS = {
    "conformance-all": 2,
    "conformance-filtered": 1,
    "conformance-picky": 1,
    "conformance-dead": 1,
    "conformance-bisected": 1,
}


@pytest.fixture(scope="module")
def kafka(target: Target) -> Iterator[KafkaProducer]:
    """A producer, once the topics are there."""
    servers = target.door("kafka")
    admin = KafkaAdminClient(bootstrap_servers=servers)
    there = set(admin.list_topics())
    admin.create_topics([NewTopic(name, count, 1) for name, count in TOPICS.items() if name not in there])
    admin.close()
    # Who has just made a topic may be told for a moment that nobody leads it; one at a time keeps the order over that.
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", retries=20, max_in_flight_requests_per_connection=1)
    yield producer
    producer.close()


def records(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for event in events for partition in event["records"].values() for record in partition]


def values(events: list[dict[str, Any]]) -> list[bytes | None]:
    return [record.get("value") and base64.b64decode(record["value"]) for record in records(events)]


def told(inbox: Inbox, function: str, last: bytes) -> list[dict[str, Any]]:
    """The function's events, once `last` is among them."""

    def ask() -> list[dict[str, Any]]:
        events = inbox(function)
        return events if last in values(events) else []

    return eventually(ask, timeout=60, every=0.3)


def test_records_arrive_in_the_shape_of_lambda(kafka: KafkaProducer, inbox: Inbox) -> None:
    kafka.send("conformance-all", b"shape", b"key", headers=[("name", b"\x00ab")], partition=1).get(10)
    events = told(inbox, "conformance-by-kafka", b"shape")
    event = next(event for event in events if b"shape" in values([event]))
    assert event["eventSource"] == "SelfManagedKafka"
    assert isinstance(event["bootstrapServers"], str)
    record = next(
        record for record in event["records"]["conformance-all-1"] if base64.b64decode(record["value"]) == b"shape"
    )
    assert (record["topic"], record["partition"], record["timestampType"]) == ("conformance-all", 1, "CREATE_TIME")
    assert base64.b64decode(record["key"]) == b"key"
    assert record["headers"] == [{"name": [0, 97, 98]}]
    assert {"offset", "timestamp"} <= set(record)


def test_order_is_kept_within_a_partition(kafka: KafkaProducer, inbox: Inbox) -> None:
    wanted = [f"ordered-{number}".encode() for number in range(50)]
    for value in wanted:
        kafka.send("conformance-all", value, partition=0)
    kafka.flush()
    seen = [value for value in values(told(inbox, "conformance-by-kafka", wanted[-1])) if value in set(wanted)]
    assert seen == wanted


def test_a_batch_holds_no_more_than_its_size(kafka: KafkaProducer, inbox: Inbox) -> None:
    for number in range(35):
        kafka.send("conformance-all", f"sized-{number}".encode(), partition=0)
    kafka.flush()
    events = told(inbox, "conformance-by-kafka", b"sized-34")
    assert max(len(records([event])) for event in events) <= 10


def test_tombstones_and_values_that_are_no_json_arrive(kafka: KafkaProducer, inbox: Inbox) -> None:
    kafka.send("conformance-all", None, b"gone", partition=0)
    kafka.send("conformance-all", b"\xff\xfe", partition=0)
    kafka.send("conformance-all", b"after", partition=0).get(10)
    seen = records(told(inbox, "conformance-by-kafka", b"after"))
    assert any("value" not in record and base64.b64decode(record["key"]) == b"gone" for record in seen)
    assert any(base64.b64decode(record.get("value", "")) == b"\xff\xfe" for record in seen)


FILTERED = [
    ({"kind": "task.done", "size": 2}, True),
    ({"kind": "task.done", "size": 4}, False),
    ({"kind": "mail.done", "size": 2}, False),
    ({"kind": "task.done"}, False),
    ({"source": "real", "host": "10.1.2.3"}, True),
    ({"source": "real", "name": "abcz"}, True),
    ({"source": "real", "name": "abc"}, False),
    ({"source": "test", "host": "10.1.2.3"}, False),
]


def test_filters_let_through_what_matches(kafka: KafkaProducer, inbox: Inbox) -> None:
    for value, _ in FILTERED:
        kafka.send("conformance-filtered", json.dumps(value).encode())
    kafka.send("conformance-filtered", b"no json at all")
    last = json.dumps({"kind": "task.last", "size": 3}).encode()
    kafka.send("conformance-filtered", last).get(10)
    seen = values(told(inbox, "conformance-by-filtered-kafka", last))
    assert [json.loads(value or b"null") for value in seen[:-1]] == [value for value, passes in FILTERED if passes]


@pytest.mark.timeout(150)
def test_what_is_refused_is_tried_again_and_then_goes_to_the_on_failure_topic(
    kafka: KafkaProducer, inbox: Inbox, target: Target
) -> None:
    for value in (b"yes-1", b"no", b"yes-2"):
        kafka.send("conformance-picky", value, value, partition=0)
    kafka.flush()
    eventually(lambda: values(inbox("conformance-by-failing-kafka")).count(b"no") == 2, timeout=60, every=0.3)
    seen = values(inbox("conformance-by-failing-kafka"))
    assert seen.count(b"yes-1") == 1
    with_dead = KafkaConsumer(
        "conformance-dead",
        bootstrap_servers=target.door("kafka"),
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
    )
    dead = next(with_dead)
    with_dead.close()
    assert (dead.key, dead.value) == (b"no", b"no")


def test_a_batch_that_fails_is_halved_until_what_is_refused_is_alone(kafka: KafkaProducer, inbox: Inbox) -> None:
    for value in (b"yes-1", b"yes-2", b"no", b"yes-3"):
        kafka.send("conformance-bisected", value, partition=0)
    kafka.flush()
    seen = values(told(inbox, "conformance-by-bisected-kafka", b"yes-3"))
    assert seen == [b"yes-1", b"yes-2", b"yes-3"]


def test_the_group_commits_what_was_handled(kafka: KafkaProducer, inbox: Inbox, target: Target) -> None:
    kafka.send("conformance-all", b"committed", partition=1).get(10)
    told(inbox, "conformance-by-kafka", b"committed")

    def lag() -> int:
        admin = KafkaAdminClient(bootstrap_servers=target.door("kafka"))
        offsets = admin.list_consumer_group_offsets("conformance-all")
        admin.close()
        consumer = KafkaConsumer(bootstrap_servers=target.door("kafka"))
        ends = consumer.end_offsets(list(offsets))
        consumer.close()
        return sum(ends[partition] - offset.offset for partition, offset in offsets.items())

    eventually(lambda: lag() == 0, timeout=30, every=0.5)
