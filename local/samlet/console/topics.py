"""What the console shows and does on Kafka: topics, groups with their lag, messages, produce, redrive.

Everything here blocks: call it from a thread.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from samlet import kafka_client
from samlet import redrive as redriving
from samlet.cluster import Record, Span, partitions_of
from samlet.console.correlation import Message, Names, made_at
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap

MOST_MESSAGES = 200
LARGEST_SHOWN = 64 * 1024
"""Bytes of a value that are shown; the size is told."""
MOST_SEARCHED = 5_000
"""Records of a topic, or of a partition in a search by id, that are looked at: the newest ones."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages: of one partition or all, from one offset on or the newest; `text` is in key, headers or value."""

    partition: int | None = None
    offset: int | None = None
    text: str = ""
    limit: int = 50


class Topics:
    """One Kafka's topics."""

    def __init__(self, servers: Bootstrap) -> None:
        self._servers = servers

    def overview(self) -> list[dict[str, Any]]:
        """Every topic with its partitions, the groups that read it, and what a redrive to others would take."""
        described, groups = kafka_client.describe_topics(self._servers), kafka_client.committed_offsets(self._servers)
        return [
            {
                "name": topic,
                "messages": sum(end - first for first, end in partitions.values()),
                "partitions": [
                    {"partition": number, "first": first, "end": end} for number, (first, end) in partitions.items()
                ],
                "groups": _groups(topic, partitions, groups),
                "waiting": _waiting(topic, described, groups),
            }
            for topic, partitions in described.items()
        ]

    def messages(self, topic: str, wanted: Wanted) -> dict[str, Any]:
        """Messages of a topic, newest first; `searched` is how many were looked at. Raises KafkaFailed."""
        partitions = self._partitions(topic)
        if wanted.partition is not None and wanted.partition not in partitions:
            raise KafkaFailed(f"{topic} has no partition {wanted.partition}")
        limit = min(wanted.limit, MOST_MESSAGES)
        spans = _spans(partitions, wanted, limit)
        needle = wanted.text.encode()
        found = [
            record
            for record in kafka_client.read_spans(self._servers, topic, spans)
            if not needle or _holds(record, needle)
        ]
        newest = nlargest(limit, found, key=lambda record: (record.timestamp, record.offset))
        searched = sum(end - first for first, end in spans.values())
        return {"messages": [told(record) for record in newest], "found": len(found), "searched": searched}

    def message(self, topic: str, partition: int, offset: int) -> Record | None:
        """One record, None where there is none (any more)."""
        first, end = self._partitions(topic).get(partition, (0, 0))
        if not first <= offset < end:
            return None
        found = kafka_client.read_spans(self._servers, topic, {partition: (offset, offset + 1)})
        return next((record for record in found if record.offset == offset), None)

    def produce(self, topic: str, key: str | None, value: str | None, headers: Mapping[str, str]) -> None:
        """Write one record; no value is a tombstone. Raises KafkaFailed, also where there is no such topic."""
        self._partitions(topic)
        encoded = tuple((name, text.encode()) for name, text in headers.items())
        record = Record(topic, 0, 0, 0, _bytes(key), _bytes(value), encoded)
        kafka_client.KafkaCluster(self._servers).send(topic, [record])

    def redrive(self, topic: str, target: str, chosen: Sequence[tuple[int, int]] | None) -> int:
        """Write messages of a dead topic to `target` again, as `samlet events redrive` does; returns how many.

        `chosen` are partitions and offsets; without, it is all that was not redriven to `target` before, by console or
        command line. They stay in the dead topic: Kafka takes nothing out.
        """
        wanted = redriving.Redrive(topic, target, redriving.memory_of(topic, target))
        if chosen is not None:
            return redriving.move_chosen(self._servers, wanted, chosen)
        return redriving.move(self._servers, wanted, redriving.waiting(self._servers, wanted), None)

    def search(self, names: Names, since: float, matches: Callable[[Message], bool]) -> list[Message]:
        """The messages of all topics since a time (epoch seconds) that match."""
        found = []
        for record in kafka_client.read_since(self._servers, int(since * 1000), MOST_SEARCHED):
            ids = names.of_message(record.headers, record.value)
            if not ids.shared:
                continue
            made, at = made_at(record.headers), record.timestamp / 1000
            message = Message(record.topic, record.partition, record.offset, at, ids, made)
            if matches(message):
                found.append(message)
        return found

    def _partitions(self, topic: str) -> Mapping[int, Span]:
        return partitions_of(kafka_client.describe_topics(self._servers), topic)


def told(record: Record) -> dict[str, Any]:
    """A record as JSON: bytes that are no UTF-8 are told in hex, times in epoch ms."""
    value = None if record.value is None else record.value[:LARGEST_SHOWN]
    text = _text(value)
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _shown(record.key),
        "headers": [[name, _shown(content)] for name, content in record.headers],
        "value": text,
        "hex": value.hex() if value is not None and text is None else None,
        "size": None if record.value is None else len(record.value),
        "json": _is_json(text),
    }


def _groups(
    topic: str, partitions: Mapping[int, Span], groups: Mapping[str, Mapping[tuple[str, int], int]]
) -> list[dict[str, Any]]:
    found = []
    for group, places in groups.items():
        own = {part: places[topic, part] for part in partitions if (topic, part) in places}
        if own:
            lags = {part: max(0, partitions[part][1] - offset) for part, offset in own.items()}
            rows = [{"partition": part, "offset": own[part], "lag": lags[part]} for part in sorted(own)]
            found.append({"group": group, "lag": sum(lags.values()), "partitions": rows})
    return found


def _waiting(
    topic: str,
    described: Mapping[str, Mapping[int, Span]],
    groups: Mapping[str, Mapping[tuple[str, int], int]],
) -> dict[str, int]:
    """How much a redrive to a topic has left, for those to which there was one; to any other it is everything."""
    memories = {target: groups.get(redriving.memory_of(topic, target)) for target in described}
    return {
        target: sum(end - at for at, end in redriving.left(topic, described[topic], done).values())
        for target, done in memories.items()
        if done
    }


def _spans(partitions: Mapping[int, Span], wanted: Wanted, limit: int) -> dict[int, Span]:
    """Where to read: from an offset on, or the newest; a search looks further back."""
    chosen = partitions if wanted.partition is None else {wanted.partition: partitions[wanted.partition]}
    depth = MOST_SEARCHED // len(chosen) if wanted.text else limit
    if wanted.offset is None:
        return {part: (max(first, end - depth), end) for part, (first, end) in chosen.items()}
    return {
        part: (max(first, wanted.offset), min(end, max(first, wanted.offset) + depth))
        for part, (first, end) in chosen.items()
    }


def _holds(record: Record, needle: bytes) -> bool:
    return (
        needle in (record.key or b"")
        or needle in (record.value or b"")
        or any(needle in (content or b"") or needle in name.encode() for name, content in record.headers)
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _text(content: bytes | None) -> str | None:
    """The text, None where it is none; an end that was cut inside a character is left out."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        return content[: error.start].decode() if error.start >= LARGEST_SHOWN - 4 else None


def _shown(content: bytes | None) -> str | None:
    text = _text(content)
    return text if text is not None or content is None else "0x" + content.hex()


def _is_json(text: str | None) -> bool:
    try:
        json.loads(text or "")
    except (ValueError, RecursionError):
        return False
    return True
