"""Keeps the events that wake it; `{"tell": true}` asks for them."""

import base64
from typing import Any

EVENTS: list[Any] = []


def handler(event: Any, context: Any) -> Any:
    if event.get("tell"):
        return EVENTS
    EVENTS.append(event)
    return None


def picky(event: Any, context: Any) -> Any:
    """Refuse the records that say `no`, one by one."""
    if event.get("tell"):
        return EVENTS
    EVENTS.append(event)
    refused = [
        {"itemIdentifier": {"partition": name, "offset": record["offset"]}}
        for name, records in event["records"].items()
        for record in records
        if base64.b64decode(record["value"]) == b"no"
    ]
    return {"batchItemFailures": refused[:1]}


def strict(event: Any, context: Any) -> Any:
    """Fail the whole batch if one of its records says `no`."""
    if event.get("tell"):
        return EVENTS
    said = [base64.b64decode(record["value"]) for records in event["records"].values() for record in records]
    if b"no" in said:
        raise ValueError(f"{len(said)} records, and one says no")
    EVENTS.append(event)
    return None
