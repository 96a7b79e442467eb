"""Gives the records of a dead-letter topic another chance: writes them to a topic again, each once a run.

How far it has come is remembered in Kafka, as the offsets of a consumer group of its own, so a second run takes only
what has come since; console and command line share that memory. It is written before it is remembered: what a crash
interrupts may be written twice, never lost.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import batched

from samlet import kafka_client
from samlet.cluster import Record, Span, partitions_of
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap

_BATCH = 100  # records that a crash may repeat
# What Spring and Kafka Connect add to a record that they give up; Lambda and Samlet add nothing.
_FAILURE_HEADERS = ("kafka_dlt-", "__connect.errors.")

type Passes = Callable[[Record], bool]


@dataclass(frozen=True)
class Redrive:
    """From where to where; `passes` says which records, `memory` is the group that remembers."""

    source: str
    target: str
    memory: str
    passes: Passes = lambda _: True
    dropped_headers: frozenset[str] = frozenset()

    def cleaned(self, record: Record) -> Record:
        """The record without the headers that its failure left."""
        kept = (pair for pair in record.headers if not self._of_failure(pair[0]))
        return replace(record, headers=tuple(kept))

    def _of_failure(self, header: str) -> bool:
        return header in self.dropped_headers or header.startswith(_FAILURE_HEADERS)


def memory_of(source: str, target: str, pattern: str | None = None) -> str:
    """The group that remembers a redrive; each filter has its own, so that what it leaves is not passed over later."""
    mark = f"-{hashlib.sha256(pattern.encode()).hexdigest()[:8]}" if pattern else ""
    return f"samlet-redrive-{source}-to-{target}{mark}"


def waiting(bootstrap: Bootstrap, redrive: Redrive) -> dict[int, Span]:
    """What of the source is not dealt with yet: the next offset and the end of each partition."""
    described = kafka_client.describe_topics(bootstrap)
    partitions_of(described, redrive.target)
    partitions = partitions_of(described, redrive.source)
    if redrive.source == redrive.target:
        raise KafkaFailed(f"{redrive.source} can't be redriven into itself")
    return left(redrive.source, partitions, kafka_client.committed_offsets(bootstrap).get(redrive.memory, {}))


def left(source: str, partitions: Mapping[int, Span], done: Mapping[tuple[str, int], int]) -> dict[int, Span]:
    """What the offsets of a redrive's memory leave of the source."""
    return {
        partition: (min(end, max(first, done.get((source, partition), first))), end)
        for partition, (first, end) in partitions.items()
    }


def matching(bootstrap: Bootstrap, redrive: Redrive, spans: dict[int, Span]) -> Iterator[Record]:
    """The records of the spans that pass."""
    return filter(redrive.passes, kafka_client.read_spans(bootstrap, redrive.source, spans))


def move(bootstrap: Bootstrap, redrive: Redrive, spans: dict[int, Span], most: int | None) -> int:
    """Write what passes to the target, `most` records of it, and remember how far; returns how many were written."""
    written = 0
    reached: dict[int, int] = {}
    for batch in batched(kafka_client.read_spans(bootstrap, redrive.source, spans), _BATCH):
        taken: list[Record] = []
        for record in batch:
            if written + len(taken) == most:
                break
            if redrive.passes(record):
                taken.append(redrive.cleaned(record))
            reached[record.partition] = record.offset + 1
        written += kafka_client.write(bootstrap, redrive.target, taken)
        kafka_client.commit_offsets(bootstrap, redrive.memory, redrive.source, reached)
        if written == most:
            return written
    # The last offsets may hold no record (transactions, compaction).
    ends = {partition: end for partition, (_, end) in spans.items()}
    kafka_client.commit_offsets(bootstrap, redrive.memory, redrive.source, ends)
    return written


def move_chosen(bootstrap: Bootstrap, redrive: Redrive, chosen: Collection[tuple[int, int]]) -> int:
    """Write single records, by partition and offset, whether or not they were redriven before; returns how many.

    Offsets remember no gaps: a record counts as redriven where it is the next of its partition, or follows one that is.
    """
    spans = waiting(bootstrap, redrive)
    places = set(chosen)
    records = kafka_client.read_spans(bootstrap, redrive.source, _covering(bootstrap, redrive.source, places))
    taken = [record for record in records if (record.partition, record.offset) in places]
    taken.sort(key=lambda record: (record.timestamp, record.partition, record.offset))
    written = kafka_client.write(bootstrap, redrive.target, map(redrive.cleaned, taken))
    reached = {partition: _next(partition, at, places) for partition, (at, _) in spans.items()}
    if grown := {partition: at for partition, at in reached.items() if at > spans[partition][0]}:
        kafka_client.commit_offsets(bootstrap, redrive.memory, redrive.source, grown)
    return written


def _next(partition: int, at: int, places: Collection[tuple[int, int]]) -> int:
    while (partition, at) in places:
        at += 1
    return at


def _covering(bootstrap: Bootstrap, source: str, places: Collection[tuple[int, int]]) -> dict[int, Span]:
    partitions = partitions_of(kafka_client.describe_topics(bootstrap), source)
    spans: dict[int, Span] = {}
    for partition, offset in places:
        first, end = partitions.get(partition, (0, 0))
        if not first <= offset < end:
            raise KafkaFailed(f"there is no message {offset} in partition {partition}")
        low, high = spans.get(partition, (offset, offset + 1))
        spans[partition] = (min(low, offset), max(high, offset + 1))
    return spans
