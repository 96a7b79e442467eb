"""One conformance suite for the real publisher and its stand-in, and what only a broker can show."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import kafka as client
import pytest
from kafka.admin import KafkaAdminClient

from integration.event_log import EventLog
from taskflow import kafka as wrapper
from taskflow.events import TOPIC
from taskflow.kafka import TOPICS, KafkaPublisher, ensure_topics
from taskflow.memory_kafka import MemoryPublisher
from taskflow.records import BrokerUnavailable, HeldBack, Publisher, Record, RecordRefused
from taskflow.settings import KafkaSettings

NOBODY = KafkaSettings(("127.0.0.1:1",))


@pytest.fixture
def broker(kafka: str) -> KafkaSettings:
    settings = KafkaSettings((kafka,))
    ensure_topics(settings, replication=1)
    return settings


@pytest.fixture(params=["kafka", "memory"])
def stage(request: pytest.FixtureRequest) -> Iterator[tuple[Publisher, Callable[[str], list[bytes]]]]:
    """A publisher, and how to read the values that arrived for a key."""
    publisher: Publisher
    if request.param == "memory":
        publisher = memory = MemoryPublisher()
        yield publisher, lambda key: [record.value for record in memory.log if record.key == key]
        return
    settings: KafkaSettings = request.getfixturevalue("broker")
    log = EventLog(settings.bootstrap_servers[0])
    publisher = KafkaPublisher(settings)
    yield publisher, lambda key: [record.value for record in log.read({key})]
    publisher.close()
    log.close()


Stage = tuple[Publisher, Callable[[str], list[bytes]]]


def record(key: str, value: bytes = b"{}") -> Record:
    return Record(TOPIC, key, value, {"ce_id": str(uuid4())})


def new_keys(count: int) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


def test_records_arrive_in_order_within_their_key(stage: Stage) -> None:
    publisher, arrived = stage
    publisher.connect()
    one, other = new_keys(2)
    batch = [record(key, b"%d" % n) for n in range(10) for key in (one, other)]
    assert publisher.send(batch, timeout=5) == [None] * 20
    assert arrived(one) == arrived(other) == [b"%d" % n for n in range(10)]


def test_a_refused_record_holds_back_its_key_and_no_other(stage: Stage) -> None:
    publisher, arrived = stage
    publisher.connect()
    bad, good = new_keys(2)
    batch = [record(bad, b"x" * 2_000_000), record(bad), record(good)]
    refused, held, acknowledged = publisher.send(batch, timeout=5)
    assert isinstance(refused, RecordRefused)
    assert isinstance(held, HeldBack)
    assert acknowledged is None
    assert (arrived(bad), arrived(good)) == ([], [b"{}"])
    assert publisher.send([record(bad)], timeout=5) == [None]  # a refusal does not cost the connection


def test_without_a_connection_nothing_is_acknowledged(stage: Stage) -> None:
    publisher, arrived = stage
    (key,) = new_keys(1)
    assert isinstance(publisher.send([record(key)], timeout=5)[0], BrokerUnavailable)
    assert arrived(key) == []


def test_no_time_means_nothing_is_acknowledged_and_the_next_connect_mends_it(stage: Stage) -> None:
    publisher, _ = stage
    publisher.connect()
    (key,) = new_keys(1)
    assert publisher.send([record(key)], timeout=0)[0] is not None
    publisher.connect()
    assert publisher.send([record(key)], timeout=5) == [None]


def test_an_empty_batch_is_nothing(stage: Stage) -> None:
    publisher, _ = stage
    publisher.connect()
    assert publisher.send([], timeout=5) == []
    publisher.close()
    publisher.close()


@pytest.mark.parametrize("publisher", [KafkaPublisher(NOBODY), MemoryPublisher()], ids=["kafka", "memory"])
def test_without_a_broker_connecting_fails_within_its_bound(publisher: Any) -> None:
    publisher.down = True
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        publisher.connect()
    assert time.monotonic() - began < 6


def test_topics_are_made_once_as_the_contract_says(kafka: str) -> None:
    settings = KafkaSettings((kafka,))
    ensure_topics(settings, replication=1)
    assert ensure_topics(settings, replication=1) == []
    consumer = client.KafkaConsumer(bootstrap_servers=kafka)
    try:
        for topic, (partitions, _) in TOPICS.items():
            assert len(consumer.partitions_for_topic(topic)) == partitions
    finally:
        consumer.close()
    assert {name: days * 86_400_000 for name, days in (("events", 7), ("events.dead", 30))} == {
        name: retention for name, (_, retention) in TOPICS.items()
    }


def test_topics_need_a_broker() -> None:
    with pytest.raises(BrokerUnavailable):
        ensure_topics(NOBODY, replication=1)


def test_a_topic_that_is_missing_is_an_outage(broker: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    options = wrapper._producer_options() | {"max_block_ms": 300}
    monkeypatch.setattr(wrapper, "_producer_options", lambda: options)
    with pytest.raises(BrokerUnavailable):
        KafkaPublisher(broker, topics=("no.such.topic",)).connect()
    publisher = KafkaPublisher(broker)
    publisher.connect()
    first, second = publisher.send(
        [Record("no.such.topic", "a", b"{}"), Record("no.such.topic", "b", b"{}")], timeout=5
    )
    assert isinstance(first, BrokerUnavailable)
    assert isinstance(second, HeldBack)  # nobody waits twice for the same trouble


def test_a_record_refused_in_company_is_tried_alone(broker: KafkaSettings) -> None:
    """A broker refuses whole batches: only who is refused alone is to blame."""
    topic = f"tight.{uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers[0])
    configs = {"max.message.bytes": "1000"}
    if wrapper._IS_NG:
        admin.create_topics([client.admin.NewTopic(topic, 1, 1, topic_configs=configs)])
    else:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1, "configs": configs}})
    admin.close()
    publisher = KafkaPublisher(broker, topics=(topic,))
    publisher.connect()
    batch = [Record(topic, f"{n}", b"x" * (5000 if n == 3 else 200)) for n in range(8)]
    outcomes = publisher.send(batch, timeout=5)
    publisher.close()
    assert isinstance(outcomes[3], RecordRefused)
    assert [outcome for n, outcome in enumerate(outcomes) if n != 3] == [None] * 7


def test_scram_goes_over_tls_with_certificates_checked() -> None:
    options = wrapper._connection(KafkaSettings(("b:9096",), "user", "secret"))
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["ssl_context"].check_hostname is True
    assert "secret" not in repr(KafkaSettings(("b:9096",), "user", "secret"))
