"""A `records.Publisher` without a broker, for tests; one conformance suite runs against it and the real one."""

from collections.abc import Sequence

from taskflow.records import BrokerUnavailable, HeldBack, Outcome, Record, RecordRefused

MAX_VALUE_BYTES = 1_000_000  # about what a broker and its client take by default


class MemoryPublisher:
    """Keeps what it is sent in `log`; trouble is made by assigning `down` and `failing_keys`."""

    def __init__(self) -> None:
        self.log: list[Record] = []
        self.down = False
        self.failing_keys: set[str] = set()
        self._connected = False

    def connect(self) -> None:
        """Connect, unless the broker is down."""
        if self.down:
            raise BrokerUnavailable("down")
        self._connected = True

    def send(self, records: Sequence[Record], *, timeout: float) -> list[Outcome]:
        """Append to the log what can be appended; a key whose record fails waits."""
        failed: set[tuple[str, str]] = set()
        outcomes: list[Outcome] = []
        for record in records:
            outcome = HeldBack() if (record.topic, record.key) in failed else self._store(record, timeout)
            if outcome is not None:
                failed.add((record.topic, record.key))
            outcomes.append(outcome)
        if any(isinstance(outcome, BrokerUnavailable) for outcome in outcomes):
            self.close()
        return outcomes

    def close(self) -> None:
        """Forget the connection; the log stays."""
        self._connected = False

    def _store(self, record: Record, timeout: float) -> Outcome:
        if self.down or not self._connected or timeout <= 0 or record.key in self.failing_keys:
            return BrokerUnavailable("down")
        if len(record.value) > MAX_VALUE_BYTES:
            return RecordRefused("too large")
        self.log.append(record)
        return None
