"""What really lies on Kafka: the ledger of the relay's tests, read by a consumer of their own."""

from dataclasses import dataclass
from uuid import UUID

from kafka import KafkaConsumer, TopicPartition

from taskflow import events
from waiting import eventually


@dataclass(frozen=True)
class Arrived:
    """A record as it arrived; `value` and `headers` byte for byte."""

    key: str
    partition: int
    offset: int
    value: bytes
    headers: dict[str, bytes]

    @property
    def event_id(self) -> UUID:
        return UUID(self.headers["ce_id"].decode())


class EventLog:
    """The records of a topic that arrived since this log was opened, with the keys given."""

    def __init__(self, bootstrap: str, topic: str = events.TOPIC) -> None:
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, consumer_timeout_ms=100)
        # A topic that was just made is not known everywhere at once.
        numbers = eventually(lambda: self._consumer.partitions_for_topic(topic))
        self._partitions = [TopicPartition(topic, number) for number in numbers]
        self._consumer.assign(self._partitions)
        self._start = self._consumer.end_offsets(self._partitions)

    def read(self, keys: set[str]) -> list[Arrived]:
        """All records so far; those of one key in the order of the log."""
        for partition, offset in self._start.items():
            self._consumer.seek(partition, offset)
        ends = self._consumer.end_offsets(self._partitions)
        found: list[Arrived] = []
        while any(self._consumer.position(partition) < end for partition, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=200).values():
                found += [
                    Arrived(r.key.decode(), r.partition, r.offset, r.value, dict(r.headers))
                    for r in records
                    if r.key is not None and r.key.decode() in keys
                ]
        return found

    def ids(self, key: str) -> list[UUID]:
        """The ids of one key's events as they arrived, repetitions and all."""
        return [record.event_id for record in self.read({key})]

    def close(self) -> None:
        self._consumer.close()


def first_copies(ids: list[UUID]) -> list[UUID]:
    """Each id once, where it came first."""
    return list(dict.fromkeys(ids))
