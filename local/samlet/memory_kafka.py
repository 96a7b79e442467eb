"""A Kafka in memory that behaves like `KafkaCluster` towards one member a group: for tests."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from samlet.cluster import Group, Record, ResumeAt, Start
from samlet.errors import KafkaFailed

_TICK = 0.005


class MemoryCluster:
    """Topics, their records, and what each group has committed; set `up` to False for a broker that is dead."""

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        self.topics: dict[str, list[list[Record]]] = {}
        self.committed: dict[tuple[str, str, int], int] = {}
        self.up = True
        self.lock = threading.Lock()
        for topic, partitions in (topics or {}).items():
            self.create(topic, partitions)

    def create(self, topic: str, partitions: int = 1) -> None:
        """Make a topic."""
        with self.lock:
            self.topics[topic] = [[] for _ in range(partitions)]

    def append(self, topic: str, record: Record) -> None:
        """Write one record to the partition that it names."""
        with self.lock:
            if not self.up or topic not in self.topics:
                raise KafkaFailed(f"{topic} cannot be written")
            partition = record.partition % len(self.topics[topic])
            log = self.topics[topic][partition]
            log.append(replace(record, topic=topic, partition=partition, offset=len(log)))

    def join(self, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> Group:
        """See `Cluster.join`."""
        if not self.up:
            raise KafkaFailed("nobody answers there")
        return _MemoryGroup(self, topic, group_id, start, resume_at)

    def send(self, topic: str, records: Iterable[Record]) -> None:
        """See `Cluster.send`."""
        for record in records:
            self.append(topic, replace(record, timestamp=int(time.time() * 1000)))

    def reachable(self) -> bool:
        """See `Cluster.reachable`."""
        return self.up


class _MemoryGroup:
    def __init__(self, cluster: MemoryCluster, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> None:
        self._cluster, self._topic, self._group_id, self._start = cluster, topic, group_id, start
        self._resume_at = resume_at
        self._positions: dict[int, int] | None = None
        self._paused: frozenset[int] = frozenset()

    def poll(self, timeout: float) -> Sequence[Record]:
        deadline = time.monotonic() + timeout
        while True:
            if records := self._fetch():
                return records
            if time.monotonic() >= deadline:
                return []
            time.sleep(_TICK)

    def partitions(self) -> frozenset[int] | None:
        return None if self._positions is None else frozenset(self._positions)

    def pause(self, partitions: frozenset[int]) -> None:
        self._paused = partitions

    def commit(self, offsets: Mapping[int, int]) -> None:
        if not self._cluster.up:
            raise KafkaFailed("the broker is gone")
        with self._cluster.lock:
            self._cluster.committed.update({(self._group_id, self._topic, part): at for part, at in offsets.items()})

    def ends(self) -> Mapping[int, int]:
        return {part: len(log) for part, log in enumerate(self._cluster.topics.get(self._topic, []))}

    def close(self) -> None:
        self._positions = None

    def _fetch(self) -> list[Record]:
        if not self._cluster.up:
            raise KafkaFailed("the broker is gone")
        with self._cluster.lock:
            logs = self._cluster.topics.get(self._topic, [])
            if self._positions is None or len(self._positions) != len(logs):
                self._positions = {part: self._first(part, log) for part, log in enumerate(logs)}
            found: dict[int, list[Record]] = defaultdict(list)
            for part, at in self._positions.items():
                if part not in self._paused:
                    found[part] = logs[part][at:]
                    self._positions[part] = len(logs[part])
        return [record for records in found.values() for record in records]

    def _first(self, part: int, log: list[Record]) -> int:
        place = (self._group_id, self._topic, part)
        known = self._resume_at(part)
        known = self._cluster.committed.get(place) if known is None else known
        if known is not None:
            return known
        if self._start.position == "TRIM_HORIZON":
            return 0
        first = len(log)
        if self._start.position == "AT_TIMESTAMP":
            first = next((record.offset for record in log if record.timestamp >= self._start.timestamp), first)
        self._cluster.committed[place] = first
        return first
