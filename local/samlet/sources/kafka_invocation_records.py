"""What a queue, a topic or a bucket is told of records that a mapping gives up, in AWS's words."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from samlet.model import LATEST
from samlet.runtime.destination_client import envelope, is_bucket, object_key, response_context, timestamp
from samlet.runtime.outcome import Outcome
from samlet.sources.kafka_event import Entry
from samlet.sources.kafka_route import Route

RETRIED = "RetryAttemptsExhausted"
TOO_LARGE = "MaximumPayloadSizeExceeded"
EXPIRED = "RecordAgeExpired"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why records are given up, after how many attempts, and the function's answer to the last one, if it was asked.

    `condition` is AWS's word for it, `reason` says it to a person.
    """

    condition: str
    attempts: int = 0
    outcome: Outcome | None = None
    reason: str = ""


async def tell(route: Route, arn: str, entries: Sequence[Entry], failure: Failure) -> None:
    """Send the record of a failed batch; a bucket gets the whole event with it. Raises DeliveryFailed."""
    now = route.clock()
    record = failed_batch(route, entries, failure, now)
    if not is_bucket(arn):
        await route.destinations.send(arn, json.dumps(record))
        return
    record["payload"] = route.shape.event(entries).decode()
    # In the form that AWS has for streams: for Kafka it tells none.
    first = entries[0].record
    key = object_key(f"aws/lambda/{route.mapping.logical_id}/{first.topic}-{first.partition}", now)
    await route.destinations.store(arn, key, json.dumps(record))


def failed_batch(route: Route, entries: Sequence[Entry], failure: Failure, now: float) -> dict[str, object]:
    """Return what AWS documents for a failed batch of Kafka; `now` in epoch seconds."""
    outcome = failure.outcome
    request_id = outcome.request_id if outcome else str(uuid.uuid4())
    return {
        **envelope(now, request_id, route.function_arn, failure.condition, failure.attempts),
        "responseContext": response_context(outcome, LATEST) if outcome else None,
        "KafkaBatchInfo": {
            "batchSize": len(entries),
            **route.shape.source,
            "payloadSize": len(route.shape.event(entries)),
            "recordsInfo": _places(entries),
        },
    }


def _places(entries: Sequence[Entry]) -> dict[str, dict[str, str]]:
    found = {}
    for name, group in groupby((entry.record for entry in entries), key=lambda one: f"{one.topic}-{one.partition}"):
        records = list(group)
        found[name] = {
            "firstRecordOffset": str(records[0].offset),
            "lastRecordOffset": str(records[-1].offset),
            "firstRecordTimestamp": timestamp(records[0].timestamp / 1000),
            "lastRecordTimestamp": timestamp(records[-1].timestamp / 1000),
        }
    return found
