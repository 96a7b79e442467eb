"""The only module that knows a Kafka client: kafka-python-ng 2.2 or kafka-python 3, whichever is installed.

Order is kept by never having two records of one key under way: a record is handed to the client when the one before it
is acknowledged. The client retries nothing (its retries would reorder) and every wait is bounded here, because
kafka-python-ng has no delivery time-out of its own. A producer that failed is thrown away: what it still holds may
reach the broker late, but only as a second copy of a record that is sent again before any later one of its key.
"""

import logging
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import kafka
from kafka import errors
from kafka.admin import KafkaAdminClient, NewTopic

from taskflow.events import DEAD_TOPIC, TOPIC
from taskflow.records import BrokerUnavailable, HeldBack, Outcome, Record, RecordRefused, SendError
from taskflow.settings import KafkaSettings

# The client reports each failed attempt to connect, several a second; who calls it reports the outage once.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

_IS_NG = int(kafka.__version__.partition(".")[0]) < 3
_REFUSALS = tuple(
    getattr(errors, name)
    for name in ("MessageSizeTooLargeError", "RecordListTooLargeError", "InvalidRecordError", "InvalidTopicError")
    if hasattr(errors, name)
)
_BAD_ARGUMENTS = (TypeError, ValueError, AssertionError)
_DAY_MS = 24 * 60 * 60 * 1000
TOPICS = {TOPIC: (6, 7 * _DAY_MS), DEAD_TOPIC: (6, 30 * _DAY_MS)}  # name: (partitions, retention in ms)


class KafkaPublisher:
    """A `records.Publisher` over a warm producer."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str] = (TOPIC,)) -> None:
        self._settings = settings
        self._topics = topics
        self._producer: Any = None

    def connect(self) -> None:
        """Build the producer, unless there is one, and learn the topics, so that sending never waits for metadata."""
        if self._producer is not None:
            return
        try:
            producer = kafka.KafkaProducer(**_connection(self._settings), **_producer_options())
        except errors.KafkaError as error:
            raise _unavailable(error) from error
        self._producer = producer
        try:
            for topic in self._topics:
                producer.partitions_for(topic)
        except errors.KafkaError as error:
            self.close()
            raise _unavailable(error) from error

    def send(self, records: Sequence[Record], *, timeout: float) -> list[Outcome]:
        """Publish; after a failure that is not a record's own, the next `connect` builds a new producer."""
        if self._producer is None:
            return [BrokerUnavailable("not connected") for _ in records]
        delivery = _Delivery(self._producer, records, time.monotonic() + timeout)
        delivery.run()
        if any(isinstance(outcome, BrokerUnavailable) for outcome in delivery.outcomes):
            self.close()
        return delivery.outcomes

    def close(self) -> None:
        """Drop the producer without waiting for what it still holds."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=0)


class _Delivery:
    """One `send`: the first record of each key under way at once, each next one when its forerunner is acknowledged."""

    def __init__(self, producer: Any, records: Sequence[Record], deadline: float) -> None:
        self.outcomes: list[Outcome] = [HeldBack() for _ in records]
        self._producer = producer
        self._records = records
        self._deadline = deadline
        self._waiting: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._under_way: deque[tuple[int, Any]] = deque()
        for index, record in enumerate(records):
            self._waiting[record.topic, record.key].append(index)

    def run(self) -> None:
        for queue in self._waiting.values():
            self._start(queue.popleft())
        while self._under_way:
            index, future = self._under_way.popleft()
            self.outcomes[index] = self._wait(future)
            queue = self._waiting[self._records[index].topic, self._records[index].key]
            if self.outcomes[index] is None and queue and self._remaining() > 0:
                self._start(queue.popleft())
        if len(self._records) > 1:
            self._retry_refused_alone()

    def _retry_refused_alone(self) -> None:
        # A broker refuses a whole batch; only a record that is refused in a batch of its own is to blame.
        for index, outcome in enumerate(self.outcomes):
            if isinstance(outcome, RecordRefused):
                self.outcomes[index] = HeldBack()
                self._start(index)
            while self._under_way:
                self.outcomes[index] = self._wait(self._under_way.popleft()[1])

    def _start(self, index: int) -> None:
        if self._remaining() <= 0:
            return
        record = self._records[index]
        try:
            future = self._producer.send(
                record.topic,
                key=record.key.encode(),
                value=record.value,
                headers=[(name, text.encode()) for name, text in record.headers.items()],
            )
        except (*_REFUSALS, *_BAD_ARGUMENTS) as error:
            self.outcomes[index] = RecordRefused(f"{type(error).__name__}: {error}")
        except errors.KafkaError as error:
            self.outcomes[index] = _unavailable(error)
            self._deadline = 0.0  # the client blocked and gave up: others would block as long
        else:
            self._under_way.append((index, future))

    def _wait(self, future: Any) -> Outcome:
        # Not by callbacks: kafka-python-ng loses one that is added at the very moment of completion.
        try:
            future.get(timeout=max(self._remaining(), 0))
        except _REFUSALS as error:
            return RecordRefused(f"{type(error).__name__}: {error}")
        except errors.KafkaError as error:
            return _unavailable(error)
        return None

    def _remaining(self) -> float:
        return self._deadline - time.monotonic()


def ensure_topics(settings: KafkaSettings, *, replication: int) -> list[str]:
    """Make the topics that are missing and return their names; those that exist are left as they are."""
    made = []
    try:
        admin = KafkaAdminClient(**_connection(settings), request_timeout_ms=10_000)
        try:
            for name, (partitions, retention_ms) in TOPICS.items():
                if _create_topic(admin, name, partitions, replication, retention_ms):
                    made.append(name)
        finally:
            admin.close()
    except errors.KafkaError as error:
        raise _unavailable(error) from error
    return made


def _create_topic(admin: Any, name: str, partitions: int, replication: int, retention_ms: int) -> bool:
    configs = {"retention.ms": str(retention_ms), "min.insync.replicas": str(max(1, replication - 1))}
    topic: Any
    if _IS_NG:
        topic = [NewTopic(name, partitions, replication, topic_configs=configs)]
    else:
        topic = {name: {"num_partitions": partitions, "replication_factor": replication, "configs": configs}}
    try:
        admin.create_topics(topic)
    except errors.TopicAlreadyExistsError:
        return False
    return True


def _connection(settings: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"bootstrap_servers": list(settings.bootstrap_servers), "reconnect_backoff_max_ms": 1000}
    options |= {"api_version_auto_timeout_ms": 2000} if _IS_NG else {"bootstrap_timeout_ms": 4000}
    if settings.username is not None:
        options |= {
            "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.username,
            "sasl_plain_password": settings.password,
        }
    return options


def _producer_options() -> dict[str, Any]:
    options: dict[str, Any] = {
        "acks": "all",
        "retries": 0,
        "max_in_flight_requests_per_connection": 1,
        "max_block_ms": 4000,
        "request_timeout_ms": 4000,
    }
    return options if _IS_NG else options | {"enable_idempotence": False, "delivery_timeout_ms": 4500}


def _unavailable(error: SendError | Exception) -> BrokerUnavailable:
    return BrokerUnavailable(f"{type(error).__name__}: {error}")
