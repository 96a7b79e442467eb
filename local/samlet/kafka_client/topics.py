"""Topics from outside of any mapping: what is in them, written to them, and how far groups have come."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import InvalidTopicError, KafkaTimeoutError, TopicAlreadyExistsError

from samlet.cluster import Record, Span
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap
from samlet.kafka_client.connections import (
    NEW_CLIENT,
    failures,
    open_client,
    open_consumer,
    open_producer,
    partitions_of,
    place_of,
    record_of,
)

_SEND_WITHIN = 5.0  # seconds
_ANSWER_WITHIN = 2_000  # milliseconds
_TRIES = 5
_LED_WITHIN = 10.0  # seconds
_MOST_COPIES = 3  # of each partition, as far as there are brokers to hold them


def read_topic(bootstrap: Bootstrap, topic: str) -> Iterator[Record]:
    """Yield all records of a topic from its beginning to its present end, partition by partition in order."""
    with open_consumer(bootstrap) as consumer:
        partitions = partitions_of(consumer, topic)
        ends = {tp: end for tp, end in consumer.end_offsets(partitions).items() if end} if partitions else {}
        consumer.assign(list(ends))
        consumer.seek_to_beginning(*ends) if ends else None
        yield from _read_to(consumer, ends)


def read_spans(bootstrap: Bootstrap, topic: str, spans: Mapping[int, Span]) -> Iterator[Record]:
    """Yield the records of each partition from the first offset up to, and without, the second one."""
    with open_consumer(bootstrap) as consumer:
        ends = {TopicPartition(topic, part): end for part, (first, end) in spans.items() if first < end}
        consumer.assign(list(ends))
        for tp in ends:
            consumer.seek(tp, spans[tp.partition][0])
        yield from _read_to(consumer, ends)


def read_since(bootstrap: Bootstrap, timestamp: int, most: int) -> Iterator[Record]:
    """Yield the records of all topics from a time (epoch ms) on, of each partition the newest `most` at most."""
    with open_consumer(bootstrap, request_timeout_ms=_ANSWER_WITHIN) as consumer:

        def spans_since(places: set[TopicPartition]) -> dict[TopicPartition, Span]:
            found = consumer.offsets_for_times(dict.fromkeys(places, timestamp))
            starts = {tp: place.offset for tp, place in found.items() if place is not None}
            ends = consumer.end_offsets(list(starts)) if starts else {}
            return {tp: (start, ends[tp]) for tp, start in starts.items()}

        spans = _asked_of_all(consumer, spans_since)
        consumer.assign(list(spans))
        for tp, (start, end) in spans.items():
            consumer.seek(tp, max(start, end - most))
        yield from _read_to(consumer, {tp: end for tp, (_, end) in spans.items()})


def follow_topic(bootstrap: Bootstrap, topic: str, stopped: threading.Event) -> Iterator[Record]:
    """Yield all records of a topic from its beginning, then each new one, until `stopped` is set."""
    with open_consumer(bootstrap) as consumer:
        while not stopped.is_set():
            known = consumer.assignment()
            if new := partitions_of(consumer, topic) - known:
                places = {tp: consumer.position(tp) for tp in known}
                consumer.assign([*known, *new])
                for tp, offset in places.items():
                    consumer.seek(tp, offset)
                consumer.seek_to_beginning(*new)
            if not consumer.assignment():
                stopped.wait(0.5)
                continue
            for records in consumer.poll(timeout_ms=200).values():
                yield from map(record_of, records)


def write(bootstrap: Bootstrap, topic: str, records: Iterable[Record], partition: int | None = None) -> int:
    """Write the records' key, value and headers to a topic, one partition of it if named; returns how many."""
    count = 0
    with failures():
        producer = open_producer(bootstrap)
        try:
            for record in records:
                headers = list(record.headers)
                # One after the other: order is kept, and a failure leaves no later record written.
                sent = producer.send(topic, record.value, key=record.key, headers=headers, partition=partition)
                sent.get(timeout=_SEND_WITHIN)
                count += 1
        finally:
            producer.close(timeout=1)
    return count


def create_topic(bootstrap: Bootstrap, topic: str, partitions: int) -> None:
    """Make a topic, and return when it can be written and read. Raises KafkaFailed, for one that is there as well."""
    with failures():
        admin = open_client(KafkaAdminClient, bootstrap)
        try:
            copies = min(_MOST_COPIES, len(admin.describe_cluster()["brokers"]))
            admin.create_topics([NewTopic(topic, partitions, copies)])
        except TopicAlreadyExistsError as error:
            raise KafkaFailed(f"there is a topic {topic} already") from error
        except InvalidTopicError as error:
            told = "letters, digits, `.`, `_` and `-`, 249 at most, and not . or .. alone"
            raise KafkaFailed(f"{topic!r} is no name for a topic: {told}") from error
        finally:
            admin.close()
    _await_leaders(bootstrap, topic, partitions)


def describe_topics(bootstrap: Bootstrap) -> dict[str, dict[int, Span]]:
    """Return each topic's partitions with their first offset and their end; internal topics are left out."""
    with open_consumer(bootstrap, request_timeout_ms=_ANSWER_WITHIN) as consumer:

        def spans(places: set[TopicPartition]) -> dict[TopicPartition, Span]:
            firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            return {tp: (firsts[tp], ends[tp]) for tp in places}

        found = _asked_of_all(consumer, spans)
        names = sorted({tp.topic for tp in found})
        return {name: {tp.partition: found[tp] for tp in sorted(found) if tp.topic == name} for name in names}


def committed_offsets(bootstrap: Bootstrap) -> dict[str, dict[tuple[str, int], int]]:
    """Return for each consumer group the next offset of each topic and partition that it has committed."""
    with failures():
        admin = open_client(KafkaAdminClient, bootstrap)
        try:
            told = _offsets_of_groups(admin)
        finally:
            admin.close()
    return {
        group: {(tp.topic, tp.partition): place.offset for tp, place in places.items() if place.offset >= 0}
        for group, places in told.items()
    }


def commit_offsets(bootstrap: Bootstrap, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Remember for a group, of which nobody is a member, the next offset of some partitions of a topic."""
    for attempt in range(1, _TRIES + 1):
        try:
            with open_consumer(bootstrap, group) as consumer:
                consumer.assign([TopicPartition(topic, partition) for partition in offsets])
                consumer.commit({TopicPartition(topic, part): place_of(offset) for part, offset in offsets.items()})
            return
        except KafkaFailed as failure:
            # kafka-python-ng now and then goes on with a TLS connection that it has closed; a new one does not.
            if attempt == _TRIES or not isinstance(failure.__cause__, ValueError):
                raise


def _asked_of_all(
    consumer: KafkaConsumer, ask: Callable[[set[TopicPartition]], dict[TopicPartition, Span]]
) -> dict[TopicPartition, Span]:
    """What `ask` finds out of every partition that there is; a topic that is deleted meanwhile would answer never."""
    for attempt in range(1, _TRIES + 1):
        places = {tp for name in _topics(consumer) for tp in partitions_of(consumer, name)}
        try:
            return ask(places) if places else {}
        except KafkaTimeoutError:
            if attempt == _TRIES:
                raise
    return {}


def _await_leaders(bootstrap: Bootstrap, topic: str, partitions: int) -> None:
    """That a topic is made doesn't say that somebody leads it yet; only who does so takes records."""
    deadline = time.monotonic() + _LED_WITHIN
    while True:
        try:
            if len(describe_topics(bootstrap).get(topic, ())) == partitions:
                return
        except KafkaFailed:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise KafkaFailed(f"the topic {topic} is made, and no broker leads all of its partitions yet")
        time.sleep(0.05)


def _topics(consumer: KafkaConsumer) -> set[str]:
    """All topics but Kafka's own."""
    return {name for name in consumer.topics() if not name.startswith("__")}


def _offsets_of_groups(admin: KafkaAdminClient) -> Mapping[str, Mapping[TopicPartition, Any]]:
    if NEW_CLIENT:
        groups = sorted({group["group_id"] for group in admin.list_groups()})
        return dict(admin.list_group_offsets(groups)) if groups else {}
    groups = sorted({group[0] for group in admin.list_consumer_groups()})
    return {group: admin.list_consumer_group_offsets(group) for group in groups}


def _read_to(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
    gone: Counter[str] = Counter()
    # By position, as the last offsets may hold no record (transactions, compaction).
    while left := {tp.topic for tp, end in ends.items() if gone[tp.topic] < _TRIES and consumer.position(tp) < end}:
        polled = consumer.poll(timeout_ms=200)
        for tp, records in polled.items():
            yield from (record_of(record) for record in records if record.offset < ends[tp])
        if not polled:  # what is deleted meanwhile has no more; a topic that is between two leaders comes back
            there = consumer.topics()
            gone = Counter({topic: 0 if topic in there else gone[topic] + 1 for topic in left | gone.keys()})
