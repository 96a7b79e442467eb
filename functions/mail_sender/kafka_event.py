"""The event of a Kafka mapping: records by partition, and the answer that names where to go on.

The order within a partition is kept: after the first record that must be tried again, the later ones of its partition
are not touched, because the mapping gives them again from there.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from taskflow.logs import logger_for

logger = logger_for("mail_sender")


@dataclass(frozen=True)
class KafkaRecord:
    """One record and its place; `value` is None for a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


def is_kafka_event(event: Mapping[str, Any]) -> bool:
    return isinstance(event.get("records"), dict)


def handle_batch(event: Mapping[str, Any], handle: Callable[[KafkaRecord], None]) -> dict[str, Any]:
    """Hands each record on, and reports the first of each partition that failed."""
    failures = []
    for partition, records in event["records"].items():
        for raw in records:
            try:
                handle(_record(raw))
            except Exception:
                # Whatever it is, the mapping's attempts count it, and in the end put the record on events.dead.
                logger.exception("record failed", extra={"partition": partition, "offset": raw.get("offset")})
                failures.append({"itemIdentifier": {"partition": partition, "offset": raw["offset"]}})
                break
    return {"batchItemFailures": failures}


def _record(raw: Mapping[str, Any]) -> KafkaRecord:
    return KafkaRecord(
        raw["topic"], int(raw["partition"]), int(raw["offset"]), _decoded(raw.get("key")), _decoded(raw.get("value"))
    )


def _decoded(field: str | None) -> bytes | None:
    return None if field is None else b64decode(field)
