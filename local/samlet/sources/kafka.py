"""An event source mapping on one Kafka topic: reads as one member of its consumer group and wakes its function."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from samlet.kafka_client import Cluster, KafkaCluster, Record, Start
from samlet.log import Level, say
from samlet.model import KafkaMapping
from samlet.sources.filters import RecordFilter
from samlet.sources.invoker import Invoker
from samlet.sources.kafka_delivery import Backoff, Counts, Route
from samlet.sources.kafka_partition import PartitionWorker, finish
from samlet.sources.kafka_reader import Reader, in_thread

_WATCH = 1.0  # seconds between looks at the broker
_INVOCATIONS_END_WITHIN = 1.0  # seconds; together with the next one below the 2 s that a stop may take
_READER_ENDS_WITHIN = 0.8


class KafkaSource:
    """One mapping. Each partition is handled in order and on its own: one that retries holds up no other."""

    def __init__(
        self,
        mapping: KafkaMapping,
        invoker: Invoker,
        bootstrap: str,
        *,
        cluster: Cluster | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = mapping.logical_id
        self._mapping = mapping
        self._filter = RecordFilter(mapping.filters)
        self._cluster = cluster or KafkaCluster(bootstrap)
        self._route = Route(mapping, invoker, self._cluster, bootstrap, backoff or Backoff(), clock)
        self._counts = Counts()
        self._workers: dict[int, tuple[PartitionWorker, asyncio.Task[None]]] = {}
        self._reader: Reader | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._state = "stopped"
        self._lost_at: float | None = None

    async def start(self) -> None:
        """Begin to read; returns at once, `status` tells how far it is."""
        if not self._mapping.enabled:
            self._state = "disabled"
            return
        if self._mapping.on_failure and self._route.dead_topic is None:
            self._say(
                f"the on-failure destination {self._mapping.on_failure} is not run here: records are dropped", "error"
            )
        self._stopping.clear()
        self._state = "starting"
        start = Start(self._mapping.starting_position, int((self._mapping.starting_timestamp or 0) * 1000))
        self._reader = Reader(self._cluster, self._mapping.topic, self._mapping.group_id, start, self)
        self._reader.begin()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let running invocations end for a moment, commit, and leave the group; within 2 s."""
        if self._reader is None:
            return
        self._stopping.set()
        if self._watching:
            self._watching.cancel()
        await finish([task for _, task in self._workers.values()], _INVOCATIONS_END_WITHIN)
        await self._reader.stop(_READER_ENDS_WITHIN)
        self._workers.clear()
        self._reader = None
        self._state = "stopped"

    def status(self) -> dict[str, Any]:
        """Return state, lag and counts; `state` is `ready` while the mapping reads."""
        return {
            "state": self._state,
            "function": self._mapping.function,
            "topic": self._mapping.topic,
            "group": self._mapping.group_id,
            "partitions": sorted(self._workers),
            "lag": self._lag(),
            "delivered": self._counts.delivered,
            "skipped": self._counts.filtered,
            "unreadable": self._counts.unreadable,
            "given_up": self._counts.given_up,
        }

    def assigned(self, partitions: frozenset[int]) -> None:
        """Start a worker for each partition that is new, end those of partitions that are gone (see `Reading`)."""
        if self._stopping.is_set():
            return
        for gone in self._workers.keys() - partitions:
            self._workers.pop(gone)[1].cancel()
        for new in partitions - self._workers.keys():
            self._workers[new] = self._worker(new)
        if self._lost_at is None:
            self._state = "ready" if partitions else "waiting for the topic"

    def arrived(self, records: Sequence[Record]) -> None:
        """Pass records to their partitions' workers (see `Reading`)."""
        touched = set()
        for record in records:
            if record.partition in self._workers:
                worker = self._workers[record.partition][0]
                worker.take(record, wanted=self._wants(record))
                touched.add(worker)
        for worker in touched:
            worker.settle()
        self._set_pauses()

    def failed(self, reason: str) -> None:
        """Say once that the broker is lost (see `Reading`)."""
        if self._stopping.is_set():
            return
        if self._lost_at is None:
            self._say(f"lost Kafka at {self._route.bootstrap} ({reason}); trying on", "warning")
            self._state = "lost"
        self._lost_at = time.monotonic()

    def _worker(self, partition: int) -> tuple[PartitionWorker, asyncio.Task[None]]:
        reader = self._reader
        assert reader is not None

        def commit(offset: int) -> None:
            reader.commit(partition, offset)
            self._set_pauses()

        worker = PartitionWorker(self._route, self._counts, commit, self._stopping)
        return worker, asyncio.create_task(worker.run())

    def _wants(self, record: Record) -> bool:
        if self._filter.passes(record):
            return True
        self._counts.filtered += 1
        if self._filter.is_unreadable(record):
            self._counts.unreadable += 1
            if str(self._counts.unreadable).rstrip("0") == "1":  # the 1st, 10th, 100th …: a flood is no storm
                place = f"{record.topic}-{record.partition} @ {record.offset}"
                self._say(f"{place} is no JSON object and was skipped ({self._counts.unreadable} so far)", "warning")
        return False

    def _set_pauses(self) -> None:
        if self._reader is not None:
            self._reader.paused = frozenset(part for part, (worker, _) in self._workers.items() if worker.is_full)

    def _lag(self) -> int:
        ends = self._reader.ends if self._reader else {}
        committed = {part: worker.committed for part, (worker, _) in self._workers.items()}
        return sum(max(0, ends.get(part, 0) - at) for part, at in committed.items() if at is not None)

    async def _watch(self) -> None:
        """Notice a broker that is gone or back, also while the client is stuck in a call."""
        misses = 0
        while True:
            await asyncio.sleep(_WATCH)
            misses = 0 if await in_thread(self._cluster.reachable) else misses + 1
            if misses >= 2:
                self.failed("nobody listens there")
            elif self._is_back():
                self._lost_at = None
                self._state = "ready" if self._workers else "waiting for the topic"
                self._say(f"Kafka at {self._route.bootstrap} is back", "info")

    def _is_back(self) -> bool:
        reader = self._reader
        if reader is None or self._lost_at is None or reader.healthy_since is None:
            return False
        return reader.polled_at > self._lost_at and time.monotonic() - reader.healthy_since >= _WATCH

    def _say(self, text: str, level: Level) -> None:
        with contextlib.suppress(ValueError):  # a console that is already closed
            say(self.name, text, level=level)
