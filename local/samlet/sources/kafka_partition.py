"""One partition of one mapping: what waits, what is under way, and how far all is dealt with."""

from collections.abc import Callable, Sequence

from samlet.sources.batching import Buffer
from samlet.sources.kafka_event import Entry

_WAITING_BATCHES = 3
_WAITING_RECORDS = 4_000  # so that what one fetch brings finds room
_WAITING_BYTES = 8 * 1024 * 1024  # of events; more than one event may have


class Partition:
    """At most one batch at a time; `commit(offset)` is called when everything before `offset` is dealt with."""

    def __init__(self, number: int, batch_size: int, commit: Callable[[int], None]) -> None:
        self.number = number
        self.buffer = Buffer()
        self.committed: int | None = None
        self.is_ours = True
        self._commit = commit
        self._most = max(_WAITING_RECORDS, _WAITING_BATCHES * batch_size)
        self._full = False
        self._seen = 0  # the offset after the last record that arrived, skipped or not
        self._busy_until: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether no more should be fetched: from when much waits until little does, as each pause costs a fetch."""
        share = max(len(self.buffer) / self._most, self.buffer.bytes / _WAITING_BYTES)
        self._full = share >= 1 or (self._full and share > 0.25)
        return self._full

    @property
    def is_busy(self) -> bool:
        """Whether a batch with records of it is under way."""
        return self._busy_until is not None

    def arrive(self, first: int, seen: int, entries: Sequence[Entry]) -> None:
        """Queue the records that the function is to get, of those from the offset `first` to before `seen`."""
        if self.committed is None:
            self.committed = first
        self._seen = seen
        self.buffer.extend(entries)
        self._pass_over()

    def begin(self, last: Entry) -> None:
        """Take note that a batch is under way, and what is the last record of this partition in it."""
        self._busy_until = last.record.offset + 1

    def resolve(self, last: Entry) -> None:
        """Take note that all records of the batch up to this one are dealt with."""
        offset = last.record.offset + 1
        if offset == self._busy_until:
            self._busy_until = None
        self._advance(offset)
        self._pass_over()

    def _pass_over(self) -> None:
        """Commit what is skipped, up to the next record that waits."""
        if not self.is_busy:
            first = self.buffer.first
            self._advance(first.record.offset if first else self._seen)

    def _advance(self, offset: int) -> None:
        # Less than before where the topic was made again: its offsets have begun anew.
        if offset != self.committed:
            self.committed = offset
            if self.is_ours:
                self._commit(offset)
