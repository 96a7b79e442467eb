"""Connections: clients of a Kafka, in the words of either distribution, and what they raise."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from samlet.cluster import Record
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap, servers_of
from samlet.kafka_client.door import knock

NEW_CLIENT = int(kafka.__version__.split(".")[0]) >= 3
"""Whether it is kafka-python 3, and not kafka-python-ng."""
_CONNECT_WITHIN: dict[str, Any] = (
    {"bootstrap_timeout_ms": 4_000} if NEW_CLIENT else {"api_version_auto_timeout_ms": 2_000}
)

_COMMIT_WITHIN_MS = 3_000

# The client reports every try to reach a broker; whoever uses this module says once that it is lost.
logging.getLogger("kafka").addHandler(logging.NullHandler())
logging.getLogger("kafka").propagate = False
if not NEW_CLIENT:
    from kafka.sasl import scram

    scram.log = logging.getLogger(scram.__name__)  # it writes to the root of all loggers


def reachable(bootstrap: Bootstrap, timeout: float = 1.0) -> bool:
    """Whether anybody listens at one of the bootstrap addresses."""
    for address in servers_of(bootstrap).split(","):
        host, _, port = address.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host.strip("[]"), int(port)), timeout):
            return True
    return False


def open_client(kind: Callable[..., Any], bootstrap: Bootstrap, **options: Any) -> Any:
    """A client of that kind, connected. Raises KafkaFailed with the reason where it is not let in."""
    servers = servers_of(bootstrap)
    options |= {"bootstrap_servers": servers.split(","), **_CONNECT_WITHIN}
    if isinstance(bootstrap, str):
        try:
            return kind(**options)
        except KafkaError as error:  # each distribution has an error of its own for it
            if reachable(bootstrap):
                raise
            raise KafkaFailed("nobody answers there") from error
    access = bootstrap.access()
    context = access.ssl_context()
    knock(servers, context, access.mechanism)
    options |= {"security_protocol": "SASL_SSL" if access.mechanism else "SSL", "ssl_context": context}
    if access.mechanism:
        options |= {"sasl_mechanism": access.mechanism, "sasl_plain_username": access.username}
        options["sasl_plain_password"] = access.password
    try:
        return kind(**options)
    except (KafkaError, OSError) as error:
        if access.mechanism is None:
            raise
        # It has answered just now: what is left is the password.
        who = f"{access.username} by {access.mechanism}"
        raise KafkaFailed(f"the broker does not let in {who}: is the password right?") from error


@contextlib.contextmanager
def open_consumer(bootstrap: Bootstrap, group: str | None = None, **options: Any) -> Iterator[KafkaConsumer]:
    """A consumer that begins at the beginning, for as long as the block lasts. Raises KafkaFailed."""
    with failures():
        consumer = open_client(
            KafkaConsumer,
            bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **options,
        )
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False)


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Turn what the client raises, asserts and trips over when a broker goes away into KafkaFailed."""
    try:
        yield
    except (KafkaError, OSError, AssertionError, AttributeError, KeyError, ValueError) as error:
        raise KafkaFailed(f"{type(error).__name__}: {error}") from error


def open_producer(bootstrap: Bootstrap) -> KafkaProducer:
    """A producer that keeps the order."""
    options: dict[str, Any] = {"enable_idempotence": False} if NEW_CLIENT else {}
    return open_client(
        KafkaProducer,
        bootstrap,
        acks="all",
        retries=0,
        max_in_flight_requests_per_connection=1,
        max_block_ms=4_000,
        **options,
    )


def partitions_of(consumer: KafkaConsumer, topic: str) -> set[TopicPartition]:
    """The partitions of a topic, none where there is no such topic."""
    return {TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()}


def place_of(offset: int) -> OffsetAndMetadata:
    """An offset, to commit."""
    return OffsetAndMetadata(offset, "", -1) if NEW_CLIENT else OffsetAndMetadata(offset, "")


def commit_once(consumer: KafkaConsumer, places: dict[TopicPartition, OffsetAndMetadata]) -> None:
    """Commit, or raise soon: either client tries again by itself while a topic is unknown, kafka-python-ng for ever."""
    if NEW_CLIENT:
        consumer.commit(places, timeout_ms=_COMMIT_WITHIN_MS)
        return
    coordinator = consumer._coordinator  # nothing public tries once
    coordinator.ensure_coordinator_ready()
    future = coordinator._send_offset_commit_request(places)
    consumer._client.poll(future=future)
    if future.failed():
        raise future.exception


def record_of(record: Any) -> Record:
    """A record, in Samlet's words."""
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp_type=record.timestamp_type or 0,
    )
