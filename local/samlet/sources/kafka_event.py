"""Records to event and answer to offsets: what goes into a function that a Kafka mapping wakes, and what comes back.

A record's text is made once, when it arrives, so that what it takes in an event is known to the byte.
"""

import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from samlet.cluster import Record
from samlet.model import KafkaMapping

LARGEST_EVENT = 6 * 1024 * 1024  # bytes

_TIMESTAMP_TYPES = {0: "CREATE_TIME", 1: "LOG_APPEND_TIME"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and its text in an event, which is ASCII; `arrived` is monotonic, in seconds."""

    record: Record
    text: str
    arrived: float


class EventShape:
    """The events of one mapping, all but the records."""

    def __init__(self, mapping: KafkaMapping, bootstrap: str) -> None:
        source: dict[str, Any] = {"eventSource": "aws:kafka" if mapping.source_arn else "SelfManagedKafka"}
        if mapping.source_arn:
            source["eventSourceArn"] = mapping.source_arn
        source["bootstrapServers"] = bootstrap
        self.source = {name: value for name, value in source.items() if name != "eventSource"}
        self._before = f'{_compact(source)[:-1]},"records":{{'
        self._after = "}}"

    @property
    def room(self) -> int:
        """Bytes that an event has for its records, a partition's name and each comma counted."""
        return LARGEST_EVENT - len(self._before) - len(self._after)

    def event(self, entries: Sequence[Entry]) -> bytes:
        """Return the event for entries that are grouped by partition."""
        groups = (
            f'"{name}":[{",".join(entry.text for entry in group)}]' for name, group in groupby(entries, key=_partition)
        )
        return f"{self._before}{','.join(groups)}{self._after}".encode()


def text_of(record: Record) -> str:
    """Return the record as it stands in an event; a key or value that is null is left out, as AWS does."""
    parts = [
        f'{{"topic":"{record.topic}","partition":{record.partition},"offset":{record.offset},'
        f'"timestamp":{record.timestamp},"timestampType":"{_TIMESTAMP_TYPES.get(record.timestamp_type, "CREATE_TIME")}"'
    ]
    if record.key is not None:
        parts.append(f',"key":"{_base64(record.key)}"')
    if record.value is not None:
        parts.append(f',"value":"{_base64(record.value)}"')
    headers = ",".join(f"{{{json.dumps(name)}:{_signed(value)}}}" for name, value in record.headers)
    parts.append(f',"headers":[{headers}]}}')
    return "".join(parts)


def bytes_of(entry: Entry) -> int:
    """Return what an entry takes in an event that has its partition already."""
    return len(entry.text) + 1


def bytes_of_partition(record: Record) -> int:
    """Return what the first entry of a partition takes on top."""
    return len(record.topic) + len(str(record.partition)) + 7


def first_failures(payload: bytes, records: Iterable[Record]) -> Mapping[int, int] | None:
    """Return by partition the offset of the first record that an answer reports as failed; empty if all succeeded.

    None for what cannot be understood, or is about a record that was not sent: then all have failed.
    """
    try:
        answer = json.loads(payload or b"null")
    except (ValueError, RecursionError):
        return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if failures is None:
        return {}
    if not isinstance(failures, list) or not isinstance(answer, dict):
        return None
    sent = {(f"{record.topic}-{record.partition}", record.offset): record.partition for record in records}
    found: dict[int, int] = {}
    for place in map(_identifier, failures):
        if place not in sent:
            return None
        found[sent[place]] = min(found.get(sent[place], place[1]), place[1])
    return found


def _identifier(failure: Any) -> tuple[str, int]:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(identifier, dict):
        return "", -1
    partition, offset = identifier.get("partition"), identifier.get("offset")
    known = isinstance(partition, str) and isinstance(offset, int) and not isinstance(offset, bool)
    return (str(partition), int(offset)) if known and offset is not None else ("", -1)


def _partition(entry: Entry) -> str:
    return f"{entry.record.topic}-{entry.record.partition}"


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _signed(value: bytes | None) -> str:
    """Bytes as Java has them, from -128 to 127: so they come from AWS."""
    return _compact(memoryview(value or b"").cast("b").tolist())


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
