"""One member of a consumer group, and the cluster as an event source mapping sees it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

from samlet.cluster import Group, Record, ResumeAt, Start
from samlet.kafka_access import Bootstrap
from samlet.kafka_client.connections import (
    commit_once,
    failures,
    open_client,
    partitions_of,
    place_of,
    reachable,
    record_of,
)
from samlet.kafka_client.topics import write
from samlet.log import say


class KafkaCluster:
    """A real Kafka."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self.bootstrap = bootstrap

    def join(self, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> Group:
        """See `Cluster.join`."""
        with failures():
            return _KafkaGroup(self.bootstrap, topic, group_id, start, resume_at)

    def send(self, topic: str, records: Iterable[Record]) -> None:
        """See `Cluster.send`."""
        write(self.bootstrap, topic, records)

    def reachable(self) -> bool:
        """See `Cluster.reachable`."""
        return reachable(self.bootstrap)


class _KafkaGroup:
    def __init__(self, bootstrap: Bootstrap, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> None:
        self._topic, self._start = topic, start
        self._consumer = open_client(
            KafkaConsumer,
            bootstrap,
            group_id=group_id,
            enable_auto_commit=False,
            # Not the start: it is for what the group should go on behind, and isn't there any more.
            auto_offset_reset="earliest",
            metadata_max_age_ms=2_000,  # how soon a topic that is made later is seen
            session_timeout_ms=10_000,
            max_poll_records=5_000,  # a whole fetch of small records
            check_crcs=False,  # in Python that takes longer than all the rest, and the broker checks what it is given
            # Eager, so that every rebalance names all partitions that are ours.
            partition_assignment_strategy=[RangePartitionAssignor],
            reconnect_backoff_max_ms=1_000,
        )
        self._begun = self._with_offsets() if start.position == "LATEST" else set()
        self._known = set(self._begun) or None  # what there was when the group began, as far as we were there
        # Known before the group parts them, which it would otherwise do twice.
        partitions_of(self._consumer, topic)
        self._assignment = _Assignment(self._consumer, resume_at)
        self._consumer.subscribe([topic], listener=self._assignment)

    def poll(self, timeout: float) -> Sequence[Record]:
        with failures():
            self._assignment.insist()
            polled = self._consumer.poll(timeout_ms=int(timeout * 1000))
            if self._assignment.new:
                self._place(polled)
            return [record_of(record) for records in polled.values() for record in records]

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
        places = {TopicPartition(self._topic, part): place_of(at) for part, at in offsets.items() if part in ours}
        if not places:
            return
        with failures():
            try:
                commit_once(self._consumer, places)
            except (UnknownTopicOrPartitionError, KafkaTimeoutError):
                # A broker that has just come up may not know the topic yet: the next try has it.
                if self._topic in self._consumer.topics():
                    raise
                say("kafka", f"{self._topic} is gone, and with it the group's place in it", level="warning")

    def ends(self) -> Mapping[int, int]:
        ends = {tp.partition: self._consumer.highwater(tp) for tp in self._consumer.assignment() or ()}
        return {partition: end for partition, end in ends.items() if end is not None}

    def close(self) -> None:
        with failures():
            self._consumer.close(autocommit=False)

    def _with_offsets(self) -> set[TopicPartition]:
        """Return the partitions for which the group has offsets, none before its very beginning."""
        return {tp for tp in partitions_of(self._consumer, self._topic) if self._consumer.committed(tp) is not None}

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
            elif tp not in self._begun and (self._known is None or tp in self._known):
                self._consumer.seek_to_end(tp)
                polled.pop(tp, None)
            # Else it was added, or made again, since the group began: all that it holds is later than the end of then.
            first[tp] = polled[tp][0].offset if polled.get(tp) else self._consumer.position(tp)
        if first:
            # Committed at once: a restart before the first record must not skip what arrives meanwhile.
            self._consumer.commit({tp: place_of(offset) for tp, offset in first.items()})
        self._begun |= new
        self._known = (self._known or set()) | partitions_of(self._consumer, self._topic)

    def _offset_at(self, tp: TopicPartition, timestamp: int) -> int:
        end = self._consumer.end_offsets([tp])[tp]  # before the look, so that nothing comes between the two
        found = self._consumer.offsets_for_times({tp: timestamp}).get(tp)
        return int(found.offset if found else end)


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    """What is ours; a partition that comes back after a rebalance goes on where its worker is."""

    def __init__(self, consumer: KafkaConsumer, resume_at: ResumeAt) -> None:
        self._consumer, self._resume_at = consumer, resume_at
        self._on_the_move = False
        self.ours: frozenset[TopicPartition] | None = None
        self.new: set[TopicPartition] = set()

    def insist(self) -> None:
        """Have a rebalance that has begun come to its end.

        When partitions are added, kafka-python 3 begins one, but forgets about it where a poll is over between the
        parting and its result: it would read what it had before, and send no heartbeats any more.
        """
        if self._on_the_move:
            self._consumer._coordinator.request_rejoin()  # nothing public asks for it

    def on_partitions_revoked(self, _: Iterable[TopicPartition]) -> None:
        """Let go of nothing yet: most of them come back at once."""
        self._on_the_move = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._on_the_move = False
        self.ours = frozenset(assigned)
        for tp in self.ours:
            offset = self._resume_at(tp.partition)
            if offset is None:
                self.new.add(tp)
            else:
                self._consumer.seek(tp, offset)
