"""An event source mapping on one Kafka topic: reads as one member of its consumer group and wakes its function."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from samlet import kafka_client
from samlet.background import BackgroundLoop
from samlet.cluster import Cluster, Record, Start
from samlet.log import Level, say
from samlet.model import KafkaMapping
from samlet.runtime.destination_client import DestinationClient
from samlet.sources.filters import RecordFilter
from samlet.sources.invoker import Invoker
from samlet.sources.kafka_event import EventShape
from samlet.sources.kafka_partition import Partition
from samlet.sources.kafka_pollers import Pollers, lag
from samlet.sources.kafka_reader import Arrival, Reader, in_thread
from samlet.sources.kafka_route import Backoff, Counts, Route
from samlet.sources.kafka_scaling import pollers_wanted

_WATCH = 1.0  # seconds between looks at the broker, and at how many pollers it takes
_WAITING = "waiting for the topic"
_INVOCATIONS_END_WITHIN = 1.0  # seconds; together with the next one below the 2 s that a stop may take
_READER_ENDS_WITHIN = 0.8
_TROUBLE = "not in the form that the filters are about, JSON in UTF-8, and was skipped"


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
        destinations: DestinationClient | None = None,
        function_arn: str = "",
    ) -> None:
        self.name = mapping.logical_id
        self._mapping = mapping
        self._bootstrap = bootstrap
        self._filter = RecordFilter(mapping.filters)
        self._cluster = cluster or kafka_client.KafkaCluster(bootstrap)
        shape = EventShape(mapping, bootstrap)
        self._route = Route(
            mapping,
            invoker,
            self._cluster,
            shape,
            backoff or Backoff(),
            clock,
            destinations or DestinationClient(),
            function_arn,
        )
        self._counts = Counts()
        self._throttled = 0  # of those counts, as of the last look
        self._reader: Reader | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._pollers = Pollers(self._route, self._counts, self._stopping)
        self._state = "stopped"
        self._lost_at: float | None = None
        self._was_in = False
        self._looking = BackgroundLoop(mapping.logical_id, "looking after the broker")
        self._reasons: set[str] = set()  # why there was no way in, as far as it is said

    async def start(self) -> None:
        """Begin to read; returns at once, `status` tells how far it is."""
        mapping = self._mapping
        if not mapping.enabled:
            self._state = "disabled"
            return
        if mapping.on_failure and not mapping.on_failure_served:
            self._say(f"the on-failure destination {mapping.on_failure} is not run here: records are dropped", "error")
        if (mapping.starting_timestamp or 0) > self._route.clock():
            self._say("StartingPositionTimestamp lies in the future, which AWS refuses", "warning")
        self._stopping.clear()
        self._state = "starting"
        start = Start(mapping.starting_position, int((mapping.starting_timestamp or 0) * 1000))
        self._reader = Reader(self._cluster, mapping.topic, mapping.group_id, start, self._filter, self)
        self._reader.begin()
        self._pollers.scale(mapping.min_pollers)
        self._watching = asyncio.create_task(self._looking.run(self._watch))

    @property
    def mapping(self) -> KafkaMapping:
        """What it does."""
        return self._mapping

    async def stop(self, patience: float = _INVOCATIONS_END_WITHIN) -> None:
        """Let running invocations end for `patience` seconds, commit, and leave the group; within 2 s if not told."""
        if self._reader is None:
            return
        self._stopping.set()
        if self._watching:
            self._watching.cancel()
        await self._pollers.finish(patience)
        await self._reader.stop(_READER_ENDS_WITHIN)
        self._pollers.partitions.clear()
        self._reader = None
        self._state = "stopped"
        self._sum_up()

    def status(self) -> dict[str, Any]:
        """Return state, lag and counts; `state` is `ready` while the mapping reads."""
        return {
            "state": self._state,
            "function": self._mapping.function,
            "topic": self._mapping.topic,
            "group": self._mapping.group_id,
            "partitions": sorted(self._pollers.partitions),
            "pollers": self._pollers.count,
            "lag": self._lag(),
            "delivered": self._counts.delivered,
            "skipped": self._counts.filtered,
            "unreadable": self._counts.unreadable,
            "given_up": self._counts.given_up,
            **self._looking.status(),
        }

    def assigned(self, partitions: frozenset[int]) -> None:
        """Take up each partition that is new, and let go of those that are gone (see `Reading`)."""
        if self._stopping.is_set():
            return
        known = self._pollers.partitions
        for gone in known.keys() - partitions:
            known.pop(gone).is_ours = False
        for new in partitions - known.keys():
            known[new] = Partition(new, self._mapping.batch_size, partial(self._commit, new))
        self._pollers.wake()
        self._set_pauses()  # one that was full and comes back is empty
        self._was_in = True
        if self._lost_at is None:
            self._state = "ready" if partitions else _WAITING

    def arrived(self, arrivals: Mapping[int, Arrival]) -> None:
        """Pass records on to their partitions (see `Reading`)."""
        for number, arrival in arrivals.items():
            if number in self._pollers.partitions:
                self._count(arrival)
                self._pollers.partitions[number].arrive(arrival.first, arrival.seen, arrival.entries)
        self._pollers.wake()
        self._set_pauses()

    def failed(self, reason: str) -> None:
        """Say once that the broker is lost (see `Reading`); before it ever was there, each reason once."""
        if self._stopping.is_set():
            return
        if self._lost_at is None:
            lost = "cannot get into" if self._state == "starting" else "lost"
            self._say(f"{lost} Kafka at {self._bootstrap} ({reason}); trying on", "warning")
            self._state = "lost"
            self._reasons = {reason}
        elif not self._was_in and reason not in self._reasons:
            self._say(f"still no way into Kafka at {self._bootstrap} ({reason})", "warning")
            self._reasons.add(reason)
        self._lost_at = time.monotonic()

    def _commit(self, partition: int, offset: int) -> None:
        if self._reader is not None:
            self._reader.commit(partition, offset)
            self._set_pauses()

    def _count(self, arrival: Arrival) -> None:
        self._counts.filtered += arrival.skipped
        for record in arrival.unreadable:
            self._counts.unreadable += 1
            if str(self._counts.unreadable).rstrip("0") == "1":  # the 1st, 10th, 100th …: a flood is no storm
                self._say(f"{_place(record)} is {_TROUBLE} ({self._counts.unreadable} so far)", "warning")

    def _set_pauses(self) -> None:
        if self._reader is not None:
            full = (number for number, partition in self._pollers.partitions.items() if partition.is_full)
            self._reader.paused = frozenset(full)

    def _lag(self) -> int:
        return lag(self._pollers.partitions, self._reader.ends if self._reader else {})

    def _scale(self) -> None:
        throttled, self._throttled = self._counts.throttled > self._throttled, self._counts.throttled
        wanted = pollers_wanted(
            self._pollers.count,
            lag=self._lag(),
            batch_size=self._mapping.batch_size,
            partitions=len(self._pollers.partitions),
            throttled=throttled,
            least=self._mapping.min_pollers,
            most=self._mapping.max_pollers,
        )
        if wanted != self._pollers.count:
            self._pollers.scale(wanted)

    def _sum_up(self) -> None:
        counts = self._counts
        if counts.filtered or counts.given_up:
            unreadable = f" ({counts.unreadable} of them unreadable)" if counts.unreadable else ""
            skipped = f"{counts.filtered} skipped by its filters{unreadable}"
            self._say(f"{counts.delivered} records delivered, {skipped}, {counts.given_up} given up", "info")

    async def _watch(self) -> None:
        """Notice a broker that is gone or back, also while the client is stuck in a call."""
        misses = waited = 0
        while True:
            await asyncio.sleep(_WATCH)
            self._scale()
            waited = waited + 1 if self._state == _WAITING else 0
            if waited == 2:  # not for a moment only, as after each rebalance
                topic = self._mapping.topic
                text = f"no partition of the topic {topic} is there to be read; is the topic made?"
                self._say(f"{text} `samlet events create {topic}` makes it", "warning")
            misses = 0 if await in_thread(self._cluster.reachable) else misses + 1
            if misses >= 2:
                self.failed("nobody listens there")
            elif self._is_back():
                self._lost_at = None
                self._state = "ready" if self._pollers.partitions else _WAITING
                self._say(f"Kafka at {self._bootstrap} is back", "info")

    def _is_back(self) -> bool:
        reader = self._reader
        if reader is None or self._lost_at is None or reader.healthy_since is None:
            return False
        return reader.polled_at > self._lost_at and time.monotonic() - reader.healthy_since >= _WATCH

    def _say(self, text: str, level: Level) -> None:
        with contextlib.suppress(ValueError):  # a console that is already closed
            say(self.name, text, level=level)


def _place(record: Record) -> str:
    return f"{record.topic}-{record.partition} @ {record.offset}"
