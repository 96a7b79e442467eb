"""The events of `samlet generate-event sqs|sns|s3`; each is built by the code of its source, loaded only for that."""

import argparse
import hashlib
import sys
import time
import uuid
from typing import Any

from samlet.cli.generated import place
from samlet.errors import SamletError


def sqs(arguments: argparse.Namespace) -> str:
    """The event of some messages of a queue."""
    from samlet.sources.queue_event import queue_event

    _check_name("--queue", arguments.queue)
    region, account = place(arguments)
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in arguments.attribute}
    sent = str(int(time.time() * 1000))
    told = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": sent,
        "SenderId": "local",
        "ApproximateFirstReceiveTimestamp": sent,
    }
    messages = [
        {
            "MessageId": str(uuid.uuid4()),
            "ReceiptHandle": uuid.uuid4().hex,
            "Body": body,
            "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "Attributes": told,
            "MessageAttributes": attributes,
        }
        for body in _texts(arguments.bodies)
    ]
    return queue_event(messages, f"arn:aws:sqs:{region}:{account}:{arguments.queue}").decode()


def sns(arguments: argparse.Namespace) -> str:
    """The event of a message of a topic."""
    from samlet.sources.sns_event import sns_event

    _check_name("--topic", arguments.topic)
    region, account = place(arguments)
    topic = f"arn:aws:sns:{region}:{account}:{arguments.topic}"
    message = sys.stdin.read() if arguments.message == "-" else arguments.message
    notification: dict[str, Any] = {
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        "Subject": arguments.subject,
        "Message": message,
        "Timestamp": _now(),
        "MessageAttributes": {name: {"Type": "String", "Value": value} for name, value in arguments.attribute},
    }
    return sns_event(notification, f"{topic}:{uuid.uuid4()}").decode()


def s3(arguments: argparse.Namespace) -> str:
    """The event of an object in a bucket."""
    from samlet.sources.s3_event import encoded, s3_events

    _check_name("--bucket", arguments.bucket)
    if not arguments.key or arguments.key.startswith("s3://"):
        raise SamletError(f"{arguments.key!r} is no key; name the bucket by --bucket, and the key as it stands in it")
    etag = hashlib.md5(arguments.key.encode(), usedforsecurity=False).hexdigest()
    told = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": place(arguments)[0],
        "eventTime": _now(),
        "eventName": arguments.event,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "example",
            "bucket": {"name": arguments.bucket, "arn": f"arn:aws:s3:::{arguments.bucket}"},
            "object": {"key": encoded(arguments.key), "size": arguments.size, "eTag": etag},
        },
    }
    (event,) = s3_events({"Records": [told]}, time.time())
    return event.decode()


def _check_name(option: str, text: str) -> None:
    """Raise SamletError for an ARN or a URL: the event has an ARN that is made of the name."""
    if ":" in text or "/" in text or not text:
        name = text.replace("/", ":").rpartition(":")[2]
        raise SamletError(f"{option} {text!r} is no name" + (f"; is {name!r} meant?" if name else ""))


def _texts(given: list[str]) -> list[str]:
    return [line for text in given for line in (sys.stdin.read().splitlines() if text == "-" else [text])] or ["{}"]


def _now() -> str:
    from samlet.runtime.destination_client import timestamp

    return timestamp(time.time())
