"""Kafka, wrapped once: the only module of Samlet that imports `kafka`, in either of its two distributions.

Everything here blocks, and some calls of kafka-python-ng block for as long as no broker answers: call it from a daemon
thread. A broker's silence or refusal is a `KafkaFailed`.
"""

import contextlib
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import kafka
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError, KafkaTimeoutError, NoBrokersAvailable
from kafka.structs import OffsetAndMetadata

from samlet.cluster import Group, Record, ResumeAt, Span, Start
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap, servers_of
from samlet.kafka_door import knock

_NEW_CLIENT = int(kafka.__version__.split(".")[0]) >= 3
_CONNECT_WITHIN: dict[str, Any] = (
    {"bootstrap_timeout_ms": 4_000} if _NEW_CLIENT else {"api_version_auto_timeout_ms": 2_000}
)
_SEND_WITHIN = 5.0  # seconds
_ANSWER_WITHIN = 2_000  # milliseconds
_TRIES = 5

# The client reports every try to reach a broker; whoever uses this module says once that it is lost.
logging.getLogger("kafka").addHandler(logging.NullHandler())
logging.getLogger("kafka").propagate = False
if not _NEW_CLIENT:
    from kafka.sasl import scram

    scram.log = logging.getLogger(scram.__name__)  # it writes to the root of all loggers


class KafkaCluster:
    """A real Kafka."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self.bootstrap = bootstrap

    def join(self, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> Group:
        """See `Cluster.join`."""
        with _failures():
            return _KafkaGroup(self.bootstrap, topic, group_id, start, resume_at)

    def send(self, topic: str, records: Iterable[Record]) -> None:
        """See `Cluster.send`."""
        write(self.bootstrap, topic, records)

    def reachable(self) -> bool:
        """See `Cluster.reachable`."""
        return reachable(self.bootstrap)


def reachable(bootstrap: Bootstrap, timeout: float = 1.0) -> bool:
    """Whether anybody listens at one of the bootstrap addresses."""
    for address in servers_of(bootstrap).split(","):
        host, _, port = address.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host.strip("[]"), int(port)), timeout):
            return True
    return False


def read_topic(bootstrap: Bootstrap, topic: str) -> Iterator[Record]:
    """Yield all records of a topic from its beginning to its present end, partition by partition in order."""
    with _consumer(bootstrap) as consumer:
        partitions = _partitions(consumer, topic)
        ends = {tp: end for tp, end in consumer.end_offsets(partitions).items() if end} if partitions else {}
        consumer.assign(list(ends))
        consumer.seek_to_beginning(*ends) if ends else None
        yield from _read_to(consumer, ends)


def read_spans(bootstrap: Bootstrap, topic: str, spans: Mapping[int, Span]) -> Iterator[Record]:
    """Yield the records of each partition from the first offset up to, and without, the second one."""
    with _consumer(bootstrap) as consumer:
        ends = {TopicPartition(topic, part): end for part, (first, end) in spans.items() if first < end}
        consumer.assign(list(ends))
        for tp in ends:
            consumer.seek(tp, spans[tp.partition][0])
        yield from _read_to(consumer, ends)


def read_since(bootstrap: Bootstrap, timestamp: int, most: int) -> Iterator[Record]:
    """Yield the records of all topics from a time (epoch ms) on, of each partition the newest `most` at most."""
    with _consumer(bootstrap, request_timeout_ms=_ANSWER_WITHIN) as consumer:

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
    with _consumer(bootstrap) as consumer:
        while not stopped.is_set():
            known = consumer.assignment()
            if new := _partitions(consumer, topic) - known:
                places = {tp: consumer.position(tp) for tp in known}
                consumer.assign([*known, *new])
                for tp, offset in places.items():
                    consumer.seek(tp, offset)
                consumer.seek_to_beginning(*new)
            if not consumer.assignment():
                stopped.wait(0.5)
                continue
            for records in consumer.poll(timeout_ms=200).values():
                yield from map(_record, records)


def write(bootstrap: Bootstrap, topic: str, records: Iterable[Record], partition: int | None = None) -> int:
    """Write the records' key, value and headers to a topic, one partition of it if named; returns how many."""
    count = 0
    with _failures():
        producer = _producer(bootstrap)
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


def describe_topics(bootstrap: Bootstrap) -> dict[str, dict[int, Span]]:
    """Return each topic's partitions with their first offset and their end; internal topics are left out."""
    with _consumer(bootstrap, request_timeout_ms=_ANSWER_WITHIN) as consumer:

        def spans(places: set[TopicPartition]) -> dict[TopicPartition, Span]:
            firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            return {tp: (firsts[tp], ends[tp]) for tp in places}

        found = _asked_of_all(consumer, spans)
        names = sorted({tp.topic for tp in found})
        return {name: {tp.partition: found[tp] for tp in sorted(found) if tp.topic == name} for name in names}


def _asked_of_all(
    consumer: KafkaConsumer, ask: Callable[[set[TopicPartition]], dict[TopicPartition, Span]]
) -> dict[TopicPartition, Span]:
    """What `ask` finds out of every partition that there is; a topic that is deleted meanwhile would answer never."""
    for attempt in range(1, _TRIES + 1):
        places = {tp for name in _topics(consumer) for tp in _partitions(consumer, name)}
        try:
            return ask(places) if places else {}
        except KafkaTimeoutError:
            if attempt == _TRIES:
                raise
    return {}


def committed_offsets(bootstrap: Bootstrap) -> dict[str, dict[tuple[str, int], int]]:
    """Return for each consumer group the next offset of each topic and partition that it has committed."""
    with _failures():
        admin = _client(KafkaAdminClient, bootstrap)
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
    with _consumer(bootstrap, group) as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in offsets])
        consumer.commit({TopicPartition(topic, part): _place(offset) for part, offset in offsets.items()})


class _KafkaGroup:
    def __init__(self, bootstrap: Bootstrap, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> None:
        self._topic, self._start = topic, start
        self._consumer = _client(
            KafkaConsumer,
            bootstrap,
            group_id=group_id,
            enable_auto_commit=False,
            auto_offset_reset="latest" if start.position == "LATEST" else "earliest",
            metadata_max_age_ms=2_000,  # how soon a topic that is made later is seen
            session_timeout_ms=10_000,
            max_poll_records=5_000,  # a whole fetch of small records
            check_crcs=False,  # in Python that takes longer than all the rest, and the broker checks what it is given
            # Eager, so that every rebalance names all partitions that are ours.
            partition_assignment_strategy=[RangePartitionAssignor],
            reconnect_backoff_max_ms=1_000,
        )
        self._known = self._begun() if start.position == "LATEST" else None
        self._assignment = _Assignment(self._consumer, resume_at)
        self._consumer.subscribe([topic], listener=self._assignment)

    def poll(self, timeout: float) -> Sequence[Record]:
        with _failures():
            polled = self._consumer.poll(timeout_ms=int(timeout * 1000))
            if self._assignment.new:
                self._place(polled)
            return [_record(record) for records in polled.values() for record in records]

    def partitions(self) -> frozenset[int] | None:
        ours = self._assignment.ours
        return None if ours is None else frozenset(tp.partition for tp in ours)

    def pause(self, partitions: frozenset[int]) -> None:
        assigned = self._consumer.assignment() or set()
        wanted = {tp for tp in assigned if tp.partition in partitions}
        paused = self._consumer.paused()
        if new := wanted - paused:
            self._consumer.pause(*new)
        for tp in paused - wanted:
            self._consumer.resume(tp)
            # The client has thrown away what it had fetched when the pause began, and would go on behind it.
            self._consumer.seek(tp, self._consumer.position(tp))

    def commit(self, offsets: Mapping[int, int]) -> None:
        ours = self.partitions() or frozenset()
        places = {TopicPartition(self._topic, part): _place(offset) for part, offset in offsets.items() if part in ours}
        if places:
            with _failures():
                self._consumer.commit(places)

    def ends(self) -> Mapping[int, int]:
        ends = {tp.partition: self._consumer.highwater(tp) for tp in self._consumer.assignment() or ()}
        return {partition: end for partition, end in ends.items() if end is not None}

    def close(self) -> None:
        with _failures():
            self._consumer.close(autocommit=False)

    def _begun(self) -> set[TopicPartition] | None:
        """Return the partitions for which the group has offsets, None before its very beginning."""
        return {
            tp for tp in _partitions(self._consumer, self._topic) if self._consumer.committed(tp) is not None
        } or None

    def _place(self, polled: dict[TopicPartition, list[Any]]) -> None:
        """Put partitions without a committed offset where the mapping wants to start."""
        new, self._assignment.new = self._assignment.new, set()
        if self._start.position == "TRIM_HORIZON":
            return
        first = {}
        for tp in new:
            if self._consumer.committed(tp) is not None:
                continue
            if self._start.position == "AT_TIMESTAMP":
                self._consumer.seek(tp, self._offset_at(tp, self._start.timestamp))
                polled.pop(tp, None)
            elif self._known is not None and tp not in self._known:
                # Added since the group began: all that it holds is later than the end of then.
                self._consumer.seek_to_beginning(tp)
                polled.pop(tp, None)
            first[tp] = polled[tp][0].offset if polled.get(tp) else self._consumer.position(tp)
        if first:
            # Committed at once: a restart before the first record must not skip what arrives meanwhile.
            self._consumer.commit({tp: _place(offset) for tp, offset in first.items()})
        self._known = (self._known or set()) | _partitions(self._consumer, self._topic)

    def _offset_at(self, tp: TopicPartition, timestamp: int) -> int:
        found = self._consumer.offsets_for_times({tp: timestamp}).get(tp)
        return int(found.offset if found else self._consumer.end_offsets([tp])[tp])


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    """What is ours; a partition that comes back after a rebalance goes on where its worker is."""

    def __init__(self, consumer: KafkaConsumer, resume_at: ResumeAt) -> None:
        self._consumer, self._resume_at = consumer, resume_at
        self.ours: frozenset[TopicPartition] | None = None
        self.new: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing yet: most of them come back at once."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.ours = frozenset(assigned)
        for tp in self.ours:
            offset = self._resume_at(tp.partition)
            if offset is None:
                self.new.add(tp)
            else:
                self._consumer.seek(tp, offset)


def _client(kind: Callable[..., Any], bootstrap: Bootstrap, **options: Any) -> Any:
    """A client of that kind, connected. Raises KafkaFailed with the reason where it is not let in."""
    servers = servers_of(bootstrap)
    options |= {"bootstrap_servers": servers.split(","), **_CONNECT_WITHIN}
    if isinstance(bootstrap, str):
        return kind(**options)
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
def _consumer(bootstrap: Bootstrap, group: str | None = None, **options: Any) -> Iterator[KafkaConsumer]:
    with _failures():
        consumer = _client(
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
def _failures() -> Iterator[None]:
    """Turn what the client raises, asserts and trips over when a broker goes away into KafkaFailed."""
    try:
        yield
    except NoBrokersAvailable as error:
        raise KafkaFailed("nobody answers there") from error
    except (KafkaError, OSError, AssertionError, AttributeError, KeyError, ValueError) as error:
        raise KafkaFailed(f"{type(error).__name__}: {error}") from error


def _producer(bootstrap: Bootstrap) -> KafkaProducer:
    options: dict[str, Any] = {"enable_idempotence": False} if _NEW_CLIENT else {}
    return _client(
        KafkaProducer,
        bootstrap,
        acks="all",
        retries=0,
        max_in_flight_requests_per_connection=1,
        max_block_ms=4_000,
        **options,
    )


def _topics(consumer: KafkaConsumer) -> set[str]:
    """All topics but Kafka's own."""
    return {name for name in consumer.topics() if not name.startswith("__")}


def _partitions(consumer: KafkaConsumer, topic: str) -> set[TopicPartition]:
    return {TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()}


def _place(offset: int) -> OffsetAndMetadata:
    return OffsetAndMetadata(offset, "", -1) if _NEW_CLIENT else OffsetAndMetadata(offset, "")


def _record(record: Any) -> Record:
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


def _offsets_of_groups(admin: KafkaAdminClient) -> Mapping[str, Mapping[TopicPartition, Any]]:
    if _NEW_CLIENT:
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
            yield from (_record(record) for record in records if record.offset < ends[tp])
        if not polled:  # what is deleted meanwhile has no more; a topic that is between two leaders comes back
            there = consumer.topics()
            gone = Counter({topic: 0 if topic in there else gone[topic] + 1 for topic in left | gone.keys()})
