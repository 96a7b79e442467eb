"""When a batch closes: on the window, counted from its first record, on the size, or on 6 MB; and what is in it."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from samlet.sources.kafka_event import Entry, bytes_of, bytes_of_partition


@dataclass(frozen=True, slots=True)
class Limits:
    """What closes a batch: records, the window in seconds, and the bytes of an event that records may take."""

    size: int
    window: float
    room: int


class Buffer:
    """The records of one partition that no batch has taken yet, in order."""

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first(self) -> Entry | None:
        """The oldest record."""
        return self._waiting[0] if self._waiting else None

    @property
    def bytes_in_event(self) -> int:
        """What all of it would take in an event."""
        return self.bytes + bytes_of_partition(self._waiting[0].record) if self._waiting else 0

    def extend(self, entries: Iterable[Entry]) -> None:
        """Append records."""
        for entry in entries:
            self._waiting.append(entry)
            self.bytes += bytes_of(entry)

    def take(self, most: int, room: int) -> list[Entry]:
        """Return as many as fit."""
        taken: list[Entry] = []
        if self._waiting:
            room -= bytes_of_partition(self._waiting[0].record)
        while self._waiting and len(taken) < most and bytes_of(self._waiting[0]) <= room:
            entry = self._waiting.popleft()
            room -= bytes_of(entry)
            taken.append(entry)
        self.bytes -= sum(map(bytes_of, taken))
        return taken

    def take_one(self) -> Entry:
        """Return the oldest, whatever its size."""
        entry = self._waiting.popleft()
        self.bytes -= bytes_of(entry)
        return entry


def closes_in(buffers: Sequence[Buffer], limits: Limits, now: float) -> float | None:
    """Return the seconds until a batch of these partitions closes, 0 for at once, None with nothing to wait for."""
    arrivals = [buffer.first.arrived for buffer in buffers if buffer.first]
    if not arrivals:
        return None
    if sum(map(len, buffers)) >= limits.size or sum(buffer.bytes_in_event for buffer in buffers) >= limits.room:
        return 0.0
    return max(0.0, min(arrivals) + limits.window - now)


def take(buffers: Sequence[Buffer], limits: Limits) -> list[Entry]:
    """Return the next batch, grouped by partition, the one that waits longest first.

    A record that is larger than an event may be is a batch of its own.
    """
    waiting = sorted((buffer for buffer in buffers if buffer), key=_age)
    batch: list[Entry] = []
    room = limits.room
    for buffer in waiting:
        if len(batch) >= limits.size:
            break
        taken = buffer.take(limits.size - len(batch), room)
        if not taken and not batch:
            return [buffer.take_one()]
        if taken:
            room -= sum(map(bytes_of, taken)) + bytes_of_partition(taken[0].record)
        batch += taken
    return batch


def _age(buffer: Buffer) -> float:
    assert buffer.first
    return buffer.first.arrived
