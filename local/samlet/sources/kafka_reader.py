"""The thread that a mapping's Kafka client lives in: it polls, commits, and starts over when the broker goes away."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from samlet.cluster import Cluster, Group, Record, Start
from samlet.errors import KafkaFailed
from samlet.sources.filters import RecordFilter, Verdict
from samlet.sources.kafka_event import Entry, text_of

_POLL = 0.1  # seconds; how long a commit waits at most for its turn
_PAUSED_POLL = 0.02  # the same while a partition is paused, which may end at any time
_PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between attempts to join
_COMMITS_TRIED = 20


@dataclass(slots=True)
class Arrival:
    """What one poll has brought of a partition: offsets from `first` to before `seen`, and those that are wanted."""

    first: int
    seen: int
    entries: list[Entry]
    skipped: int = 0
    unreadable: list[Record] = field(default_factory=list)


class Reading(Protocol):
    """Whoever gets what the thread reads; called in the event loop."""

    def assigned(self, partitions: frozenset[int]) -> None:
        """Take note of the partitions that are ours from now on."""
        ...

    def arrived(self, arrivals: Mapping[int, Arrival]) -> None:
        """Take what has come, by partition."""
        ...

    def failed(self, reason: str) -> None:
        """Take note that the broker does not answer."""
        ...


class Reader:
    """One member of a consumer group, kept alive by a daemon thread: its client may block for ever."""

    def __init__(
        self, cluster: Cluster, topic: str, group_id: str, start: Start, wanted: RecordFilter, reading: Reading
    ) -> None:
        self._cluster, self._topic, self._group_id, self._start = cluster, topic, group_id, start
        self._wanted, self._reading = wanted, reading
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._done = asyncio.Event()
        self._lock = threading.Lock()
        self._to_commit: dict[int, int] = {}
        self._positions: dict[int, int] = {}  # what has been handed over, so that a new client goes on there
        self._partitions: frozenset[int] | None = None
        self._commits_failed = 0
        self.paused: frozenset[int] = frozenset()
        self.ends: dict[int, int] = {}
        self.polled_at = 0.0  # monotonic, of the last poll that came back
        self.healthy_since: float | None = None

    def begin(self) -> None:
        """Start reading."""
        threading.Thread(target=self._run, name=f"kafka-{self._group_id}", daemon=True).start()

    def commit(self, partition: int, offset: int) -> None:
        """Have an offset committed soon."""
        with self._lock:
            self._to_commit[partition] = offset

    async def stop(self, within: float) -> None:
        """Commit what is left and leave the group; a client that hangs is left behind after `within` seconds."""
        self._stopped.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), within)

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._member()
            except Exception as error:  # noqa: BLE001  # whatever a client trips over, a new one may not
                self.healthy_since = None
                self._post(self._reading.failed, str(error))
                failures = 0 if time.monotonic() - began > 30 else failures + 1
                self._stopped.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
        self._post(self._done.set)

    def _member(self) -> None:
        # Not `self._positions.get`: that would be the dictionary of now, and each change of partitions makes a new one.
        group = self._cluster.join(self._topic, self._group_id, self._start, lambda part: self._positions.get(part))
        try:
            while not self._stopped.is_set():
                self._commit(group)
                paused = self.paused
                group.pause(paused)
                self._hand_over(group, group.poll(_PAUSED_POLL if paused else _POLL))
            self._commit(group)
        finally:
            with contextlib.suppress(KafkaFailed):
                group.close()

    def _hand_over(self, group: Group, records: Sequence[Record]) -> None:
        partitions = group.partitions()
        self.polled_at = time.monotonic()
        self.healthy_since = self.healthy_since or self.polled_at
        if partitions is not None and partitions != self._partitions:
            self._partitions = partitions
            self._positions = {part: at for part, at in self._positions.items() if part in partitions}
            self._post(self._reading.assigned, partitions)
        for record in records:
            self._positions[record.partition] = record.offset + 1
        self.ends = dict(group.ends())
        if records:
            # Filtered and put into words here, so that the event loop has one thing to do for a poll.
            self._post(self._reading.arrived, _sorted(records, self._wanted, self.polled_at))

    def _commit(self, group: Group) -> None:
        if group.partitions() is None:
            return
        with self._lock:
            offsets, self._to_commit = self._to_commit, {}
        if not offsets:
            return
        try:
            group.commit(offsets)
            self._commits_failed = 0
        except KafkaFailed:
            # A rebalance or a broker on its way down; the next round has it again, unless there is news by then.
            with self._lock:
                self._to_commit = offsets | self._to_commit
            self._commits_failed += 1
            if self._commits_failed > _COMMITS_TRIED:
                self._commits_failed = 0
                raise
            self._stopped.wait(_POLL)

    def _post[*Args](self, call: Callable[[*Args], None], *args: *Args) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(call, *args)


def _sorted(records: Sequence[Record], wanted: RecordFilter, now: float) -> dict[int, Arrival]:
    arrivals: dict[int, Arrival] = {}
    for record in records:
        arrival = arrivals.get(record.partition)
        if arrival is None:
            arrival = arrivals[record.partition] = Arrival(record.offset, record.offset, [])
        arrival.seen = record.offset + 1
        verdict = wanted.judge(record)
        if verdict is Verdict.WANTED:
            arrival.entries.append(Entry(record, text_of(record), now))
            continue
        arrival.skipped += 1
        if verdict is Verdict.UNREADABLE:
            arrival.unreadable.append(record)
    return arrivals


async def in_thread[Answer](call: Callable[[], Answer]) -> Answer:
    """Run a call that may block for long in a daemon thread, so that it never keeps the process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def settle(answer: Answer | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)  # type: ignore[arg-type]  # None only beside an error, or as the answer itself

    def run() -> None:
        answer, failure = None, None
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001  # passed on to whoever awaits
            failure = error
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, answer, failure)

    threading.Thread(target=run, daemon=True).start()
    return await future
