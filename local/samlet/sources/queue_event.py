"""A batch of SQS messages as the event that a function gets, and what its answer says of each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

type Message = Mapping[str, Any]


def queue_event(messages: Sequence[Message], arn: str) -> bytes:
    """The event for messages as `ReceiveMessage` returns them."""
    region = arn.split(":")[3]
    return json.dumps({"Records": [_record(message, arn, region) for message in messages]}).encode()


def _record(message: Message, arn: str, region: str) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes") or {},
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    said = {name[:1].lower() + name[1:]: value[name] for name in ("StringValue", "BinaryValue") if name in value}
    return {**said, "stringListValues": [], "binaryListValues": [], "dataType": value.get("DataType", "String")}


def handled(messages: Sequence[Message], answer: bytes, *, partial: bool) -> list[Message]:
    """The messages that the answer of a successful invocation lets go; none if it names failures wrongly.

    Without partial failures it is all of them, whatever the answer.
    """
    if not partial:
        return list(messages)
    failed = _failed(answer)
    known = {message["MessageId"] for message in messages}
    if failed is None or not failed <= known:
        return []
    return [message for message in messages if message["MessageId"] not in failed]


def _failed(answer: bytes) -> set[str] | None:
    """The ids that an answer names as failed; None if it cannot be understood."""
    try:
        content = json.loads(answer or b"null")
    except ValueError:
        return None
    items = content.get("batchItemFailures") if isinstance(content, dict) else content
    if items is None:
        return set()
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    ids = [item.get("itemIdentifier") for item in items]
    return (
        {name for name in ids if isinstance(name, str)} if all(isinstance(name, str) and name for name in ids) else None
    )
