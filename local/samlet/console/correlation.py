"""The ids by which steps belong together, wherever they stand: HTTP and Kafka headers, fields of JSON, log lines."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_NAMES = ("correlation_id", "request_id", "trace_id", "traceparent", "x-amzn-trace-id")
_MESSAGE_NAMES = frozenset({"ceid", "eventid", "messageid"})
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_AMZN = re.compile(r"(?:^|;)Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")
_PAIR = re.compile(r'"([\w-]{2,60})"\s*:\s*"([^"\\]{4,200})"')
_MOST_RECORDS = 500


@dataclass(frozen=True, slots=True)
class Ids:
    """What one item names: ids that it shares with others, and ids of messages, by which a mail is known."""

    shared: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Message:
    """A Kafka record with the ids that it names; `timestamp` and `made` in epoch seconds, `made` of CloudEvents."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    ids: Ids
    made: str | None = None
    key: str | None = None

    @property
    def place(self) -> str:
        """Where it lies, `topic-partition@offset`."""
        return f"{self.topic}-{self.partition}@{self.offset}"


class Names:
    """The names that count, however they are spelled: `X-Correlation-Id` is `correlation_id` is `correlationId`."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._known = frozenset(map(_plain, names or DEFAULT_NAMES))

    def of(self, pairs: Iterable[tuple[str, Any]]) -> Ids:
        """The ids among names and values."""
        shared, messages = set(), set()
        for name, value in pairs:
            if not isinstance(value, str) or not 4 <= len(value) <= 200:
                continue
            plain = _plain(name)
            if plain in self._known:
                shared.add(trace_of(value))
            elif plain in _MESSAGE_NAMES:
                messages.add(value)
        return Ids(frozenset(shared), frozenset(messages))

    def of_line(self, line: str) -> Ids:
        """The ids in a line of a log, if it is a JSON object."""
        return self.of(_fields(line)) if line.startswith("{") else Ids()

    def of_part(self, text: str) -> Ids:
        """The ids in the beginning of a JSON text that is cut."""
        return self.of(_PAIR.findall(text))

    def of_message(self, headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Ids:
        """The ids of a Kafka record: in its headers, and in the fields of its value."""
        pairs = [(name, (content or b"").decode(errors="replace")) for name, content in headers]
        return self.of([*pairs, *_fields(value or b"")])

    def messages_in(self, event: Mapping[str, Any]) -> Iterator[Message]:
        """The records in the event of a Kafka mapping."""
        batches = event.get("records")
        entries = [entry for batch in batches.values() for entry in batch] if isinstance(batches, dict) else []
        for entry in entries[:_MOST_RECORDS]:
            headers = [
                (name, bytes(byte & 0xFF for byte in content))
                for header in entry.get("headers") or ()
                for name, content in header.items()
            ]
            yield Message(
                entry["topic"],
                entry["partition"],
                entry["offset"],
                entry["timestamp"] / 1000,
                self.of_message(headers, _unpacked(entry.get("value"))),
                made_at(headers),
                (_unpacked(entry.get("key")) or b"").decode(errors="replace") or None,
            )


def made_at(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The time at which a record's event was made, where CloudEvents' header tells it."""
    return next((content.decode(errors="replace") for name, content in headers if name == "ce_time" and content), None)


def trace_of(value: str) -> str:
    """The part of a value that all steps share: the trace id of a `traceparent` or an X-Ray header, else all of it."""
    if found := _TRACEPARENT.fullmatch(value):
        return found[1]
    found = _AMZN.search(value)
    return found[1] if found else value


def _plain(name: str) -> str:
    lower = name.lower()
    return re.sub(r"[^a-z0-9]", "", lower.removeprefix("x-"))


def _fields(content: str | bytes) -> Iterable[tuple[str, Any]]:
    try:
        read = json.loads(content) if content[:1] in ("{", b"{") else None
    except (ValueError, RecursionError):
        return ()
    return read.items() if isinstance(read, dict) else ()


def _unpacked(text: str | None) -> bytes | None:
    try:
        return None if text is None else base64.b64decode(text)
    except (binascii.Error, ValueError):
        return None
