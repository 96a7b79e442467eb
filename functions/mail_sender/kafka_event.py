"""The event of a Kafka mapping: records by partition, and the answer that names those to be given again.

Powertools takes the batch apart and words the answer. What is added here is the order within a partition: after the
first record that must be tried again, the later ones are not touched, because the mapping gives them again as well.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.kafka_event import KafkaEventRecord

from taskflow import traces
from taskflow.logs import logger_for

logger = logger_for("mail_sender")


@dataclass(frozen=True)
class KafkaRecord:
    """One record, its place and its trace; `value` is None for a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    event_id: str = ""
    traceparent: str | None = None


def is_kafka_event(event: Mapping[str, Any]) -> bool:
    return isinstance(event.get("records"), dict)


class EarlierRecordFailed(Exception):
    """A record of the same partition is to be tried again first."""


def handle_batch(event: Mapping[str, Any], handle: Callable[[KafkaRecord], None]) -> PartialItemFailureResponse:
    """Hands each record on, and reports the first one of each partition that failed and all behind it."""
    failed: set[tuple[str, int]] = set()

    def handle_in_order(record: KafkaEventRecord) -> None:  # Powertools calls it with this keyword
        place = (record.topic, record.partition)
        if place in failed:
            raise EarlierRecordFailed
        try:
            _handle_traced(_record(record.raw_event), handle)
        except Exception:
            # Whatever it is, the mapping's attempts count it, and in the end put the record on events.dead.
            logger.exception("record failed", extra={"partition": record.partition, "offset": record.offset})
            failed.add(place)
            raise

    processor = BatchProcessor(event_type=EventType.Kafka, raise_on_entire_batch_failure=False)
    return process_partial_response(event=dict(event), record_handler=handle_in_order, processor=processor)


def _handle_traced(record: KafkaRecord, handle: Callable[[KafkaRecord], None]) -> None:
    attributes = traces.message_attributes("process", record.topic, record.event_id) | {
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
    }
    keys = {"correlation_id": traces.trace_id(record.traceparent)} if record.traceparent else {}
    with (
        logger.append_context_keys(**keys),
        traces.span(f"process {record.topic}", "consumer", parent=record.traceparent, attributes=attributes),
    ):
        handle(record)


def _record(raw: Mapping[str, Any]) -> KafkaRecord:
    return KafkaRecord(
        raw["topic"],
        int(raw["partition"]),
        int(raw["offset"]),
        _decoded(raw.get("key")),
        _decoded(raw.get("value")),
        _header(raw, "ce_id"),
        traces.valid(_header(raw, "traceparent")),
    )


def _header(raw: Mapping[str, Any], name: str) -> str:
    """A header that we write in ASCII, or nothing; anybody's others may be missing, null, or of signed bytes."""
    for header in raw.get("headers") or ():
        if header.get(name):
            return bytes(byte & 0xFF for byte in header[name]).decode("ascii", "replace")
    return ""


def _decoded(field: str | None) -> bytes | None:
    return None if field is None else b64decode(field)
