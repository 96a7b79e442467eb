"""Records to event and answer to offset: what goes into a function that a Kafka mapping wakes, and what comes back."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from samlet.kafka_client import Record
from samlet.model import KafkaMapping

_TIMESTAMP_TYPES = {0: "CREATE_TIME", 1: "LOG_APPEND_TIME"}


def build_event(mapping: KafkaMapping, bootstrap: str, records: Sequence[Record]) -> bytes:
    """Return the invocation event for some records, in the order given."""
    by_partition: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_partition.setdefault(f"{record.topic}-{record.partition}", []).append(_entry(record))
    event: dict[str, Any] = {"eventSource": "aws:kafka" if mapping.source_arn else "SelfManagedKafka"}
    if mapping.source_arn:
        event["eventSourceArn"] = mapping.source_arn
    event |= {"bootstrapServers": bootstrap, "records": by_partition}
    return json.dumps(event, separators=(",", ":")).encode()


def first_failure(payload: bytes, records: Sequence[Record]) -> int | None:
    """Return the index of the first record that the answer reports as failed, None if all succeeded.

    What cannot be understood, or is about a record that was not sent, means all of them (0).
    """
    try:
        answer = json.loads(payload)
    except ValueError:
        return 0
    if answer is None:
        return None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else 0
    if failures is None or failures == []:
        return None
    if not isinstance(failures, list):
        return 0
    places = {(f"{record.topic}-{record.partition}", record.offset): at for at, record in enumerate(records)}
    return min(places.get(_identifier(failure), 0) for failure in failures)


def _identifier(failure: Any) -> tuple[str, int]:
    identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
    if not isinstance(identifier, dict):
        return "", -1
    partition, offset = identifier.get("partition"), identifier.get("offset")
    known = isinstance(partition, str) and isinstance(offset, int) and not isinstance(offset, bool)
    return (str(partition), int(offset)) if known and offset is not None else ("", -1)


def _entry(record: Record) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": _TIMESTAMP_TYPES.get(record.timestamp_type, "CREATE_TIME"),
    }
    if record.key is not None:
        entry["key"] = base64.b64encode(record.key).decode()
    if record.value is not None:
        entry["value"] = base64.b64encode(record.value).decode()
    entry["headers"] = [{name: list(value)} for name, value in record.headers]
    return entry
