"""What a publisher takes, and what it answers for each record.

SendError
├── RecordRefused       the record itself is at fault: the broker will never take it as it is
├── BrokerUnavailable   the broker is at fault: nothing is known against the record, and it may or may not be stored
└── HeldBack            not sent, because an earlier record of its key is not acknowledged
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class SendError(Exception):
    """Why a record is not acknowledged."""


class RecordRefused(SendError):
    """The broker or its client will never take this record."""


class BrokerUnavailable(SendError):
    """The broker did not answer, or can't take anything now."""


class HeldBack(SendError):
    """An earlier record of the same key comes first."""


@dataclass(frozen=True)
class Record:
    """A record to publish; the records of one key keep their order."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Outcome = SendError | None  # None: acknowledged by all in-sync replicas


class Publisher(Protocol):
    """What the service needs from Kafka; `KafkaPublisher` is the real one, `MemoryPublisher` its stand-in for tests."""

    def connect(self) -> None:
        """Make sure of a connection, outside of any transaction; BrokerUnavailable if there is none."""
        ...

    def send(self, records: Sequence[Record], *, timeout: float) -> list[Outcome]:
        """Publish in the order given and say for each record what became of it, within `timeout` seconds."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
