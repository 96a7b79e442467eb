"""Gives the records of a dead-letter topic another chance: writes them to a topic again, each once a run.

How far it has come is remembered in Kafka, as the offsets of a consumer group of its own, so a second run takes only
what has come since. It is written before it is remembered: what a crash interrupts may be written twice, never lost.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import batched

from samlet.cluster import Record, Span, partitions_of
from samlet.errors import SamletError
from samlet.kafka_access import Bootstrap
from samlet.kafka_client import commit_offsets, committed_offsets, describe_topics, read_spans, write

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
    passes: Passes
    dropped_headers: frozenset[str] = frozenset()

    def cleaned(self, record: Record) -> Record:
        """The record without the headers that its failure left."""
        kept = (pair for pair in record.headers if not self._of_failure(pair[0]))
        return replace(record, headers=tuple(kept))

    def _of_failure(self, header: str) -> bool:
        return header in self.dropped_headers or header.startswith(_FAILURE_HEADERS)


def memory_of(source: str, target: str, pattern: str | None) -> str:
    """The group that remembers a redrive; each filter has its own, so that what it leaves is not passed over later."""
    mark = f"-{hashlib.sha256(pattern.encode()).hexdigest()[:8]}" if pattern else ""
    return f"samlet-redrive-{source}-to-{target}{mark}"


def passing(pattern: str | None) -> Passes:
    """Whether a record matches an event pattern over `key` and `value`, as an event source mapping's filter has it."""
    from samlet.sources.filters import RecordFilter, Verdict  # not at the top: see up.py

    if pattern is None:
        return lambda _: True
    try:
        rule = json.loads(pattern)
    except ValueError as error:
        raise SamletError(f"--filter is no JSON: {error}") from error
    if not isinstance(rule, dict):
        raise SamletError('--filter needs an object such as {"value": {"kind": ["created"]}}')
    wanted = RecordFilter([rule])
    return lambda record: wanted.judge(record) is Verdict.WANTED


def waiting(bootstrap: Bootstrap, redrive: Redrive) -> dict[int, Span]:
    """What of the source is not dealt with yet: the next offset and the end of each partition."""
    described = describe_topics(bootstrap)
    partitions_of(described, redrive.target)
    partitions = partitions_of(described, redrive.source)
    if redrive.source == redrive.target:
        raise SamletError(f"{redrive.source} can't be redriven into itself")
    done = committed_offsets(bootstrap).get(redrive.memory, {})
    return {
        partition: (max(first, done.get((redrive.source, partition), first)), end)
        for partition, (first, end) in partitions.items()
    }


def matching(bootstrap: Bootstrap, redrive: Redrive, spans: dict[int, Span]) -> Iterator[Record]:
    """The records of the spans that pass."""
    return filter(redrive.passes, read_spans(bootstrap, redrive.source, spans))


def move(bootstrap: Bootstrap, redrive: Redrive, spans: dict[int, Span], most: int | None) -> int:
    """Write what passes to the target, `most` records of it, and remember how far; returns how many were written."""
    written = 0
    reached: dict[int, int] = {}
    for batch in batched(read_spans(bootstrap, redrive.source, spans), _BATCH):
        taken: list[Record] = []
        for record in batch:
            if written + len(taken) == most:
                break
            if redrive.passes(record):
                taken.append(redrive.cleaned(record))
            reached[record.partition] = record.offset + 1
        written += write(bootstrap, redrive.target, taken)
        commit_offsets(bootstrap, redrive.memory, redrive.source, reached)
        if written == most:
            return written
    # The last offsets may hold no record (transactions, compaction).
    ends = {partition: end for partition, (_, end) in spans.items()}
    commit_offsets(bootstrap, redrive.memory, redrive.source, ends)
    return written
