"""When a batch closes: on the window, counted from its first record, on the size, or on 6 MB."""

from collections import deque
from dataclasses import dataclass

from samlet.kafka_client import Record

_PAYLOAD = 6 * 1024 * 1024
_ENVELOPE = 1024  # bytes of an event beside its records
_RECORD_ENVELOPE = 256  # bytes of a record in the event beside key, value and headers


@dataclass(frozen=True, slots=True)
class Limits:
    """What closes a batch; the window in seconds."""

    size: int
    window: float
    payload: int = _PAYLOAD - _ENVELOPE


class Buffer:
    """The records of one partition that no batch has taken yet, with the time at which each arrived."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[Record, float]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def payload(self) -> int:
        """Bytes that the waiting records take in an event."""
        return self._bytes

    @property
    def first(self) -> Record | None:
        """The oldest record."""
        return self._waiting[0][0] if self._waiting else None

    def add(self, record: Record, now: float) -> None:
        """Append a record that arrived at `now`."""
        self._waiting.append((record, now))
        self._bytes += payload_of(record)

    def closes_in(self, now: float) -> float | None:
        """Return the seconds until a batch closes, 0 for at once, None with nothing to wait for."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._limits.size or self._bytes >= self._limits.payload:
            return 0.0
        return max(0.0, self._waiting[0][1] + self._limits.window - now)

    def take(self) -> list[Record]:
        """Return the next batch; a record that is larger than an event may be is one of its own."""
        batch: list[Record] = []
        taken = 0
        while self._waiting and len(batch) < self._limits.size:
            size = payload_of(self._waiting[0][0])
            if batch and taken + size > self._limits.payload:
                break
            batch.append(self._waiting.popleft()[0])
            taken += size
        self._bytes -= taken
        return batch


def payload_of(record: Record) -> int:
    """Return how many bytes a record takes in an event, at most."""
    encoded = (len(record.key or b"") + len(record.value or b"") + 4) * 4 // 3
    headers = sum(len(name) + 4 * len(value) + 8 for name, value in record.headers)
    return encoded + headers + len(record.topic) + _RECORD_ENVELOPE
