"""What Samlet needs of a Kafka: a few verbs and what they carry. `kafka_client` has it, `memory_kafka` plays it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from samlet.errors import KafkaFailed

type Span = tuple[int, int]
"""Offsets of one partition: the first one, and the one behind the last."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `timestamp` in epoch milliseconds, `timestamp_type` as on the wire (0 created, 1 appended)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_type: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Where a group begins that has no offsets yet; `timestamp` in epoch milliseconds."""

    position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = "TRIM_HORIZON"
    timestamp: int = 0


class Group(Protocol):
    """One member of a consumer group on one topic; for one thread."""

    def poll(self, timeout: float) -> Sequence[Record]:
        """Return the next records, as soon as there are any; takes part in rebalances."""
        ...

    def partitions(self) -> frozenset[int] | None:
        """Return the partitions that this member has, None until the group has decided."""
        ...

    def pause(self, partitions: frozenset[int]) -> None:
        """Fetch from all partitions but these."""
        ...

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit the next offset of each partition; partitions that have moved to another member are left out."""
        ...

    def ends(self) -> Mapping[int, int]:
        """Return the end of each partition as far as it is known."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


type ResumeAt = Callable[[int], int | None]


class Cluster(Protocol):
    """The few verbs that the event source needs of a Kafka."""

    def join(self, topic: str, group_id: str, start: Start, resume_at: ResumeAt) -> Group:
        """Join a group; a partition for which `resume_at` gives an offset goes on there, whatever is committed."""
        ...

    def send(self, topic: str, records: Iterable[Record]) -> None:
        """Write the records' key, value and headers to `topic`, and return when they are safe."""
        ...

    def reachable(self) -> bool:
        """Whether anybody listens at one of the bootstrap addresses."""
        ...


def partitions_of(described: Mapping[str, Mapping[int, Span]], topic: str) -> Mapping[int, Span]:
    """Return a topic's partitions. Raises KafkaFailed, with the topics that there are, for one that there isn't."""
    if topic not in described:
        there = f"there are: {', '.join(sorted(described)) or 'none'}"
        raise KafkaFailed(f"there is no topic {topic}; {there}; `samlet events create {topic}` makes it")
    return described[topic]
