import json
from typing import Any

import pytest

from samlet.sources.queue_event import handled, queue_event

ARN = "arn:aws:sqs:eu-west-1:000000000000:jobs"


def _message(name: str, **more: Any) -> dict[str, Any]:
    return {"MessageId": name, "ReceiptHandle": f"r-{name}", "Body": "hello", "MD5OfBody": "5d41", **more}


def test_a_message_looks_as_lambda_gives_it() -> None:
    attributes = {"SentTimestamp": "1", "ApproximateReceiveCount": "2"}
    own = {
        "kind": {"DataType": "String", "StringValue": "a"},
        "raw": {"DataType": "Binary", "BinaryValue": "AAE="},
    }
    message = _message("1", Attributes=attributes, MessageAttributes=own, MD5OfMessageAttributes="c4")
    (record,) = json.loads(queue_event([message], ARN))["Records"]
    assert record == {
        "messageId": "1",
        "receiptHandle": "r-1",
        "body": "hello",
        "attributes": attributes,
        "messageAttributes": {
            "kind": {"stringValue": "a", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "raw": {"binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
        },
        "md5OfBody": "5d41",
        "md5OfMessageAttributes": "c4",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (b"null", []),
        (b"{}", []),
        (b'{"batchItemFailures": []}', []),
        (b'{"batchItemFailures": null}', []),
        (b'{"batchItemFailures": [{"itemIdentifier": "2"}]}', ["2"]),
        (b'{"batchItemFailures": [{"itemIdentifier": "nobody"}]}', ["1", "2"]),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', ["1", "2"]),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', ["1", "2"]),
        (b'{"batchItemFailures": [{"wrong": "1"}]}', ["1", "2"]),
        (b'{"batchItemFailures": ["1"]}', ["1", "2"]),
        (b'"text"', ["1", "2"]),
        (b"no json", ["1", "2"]),
    ],
)
def test_partial_failures_leave_what_they_name_and_everything_if_they_name_it_wrongly(
    answer: bytes, left: list[str]
) -> None:
    messages = [_message("1"), _message("2")]
    done = [message["MessageId"] for message in handled(messages, answer, partial=True)]
    assert sorted({"1", "2"} - set(done)) == left


def test_without_partial_failures_the_answer_does_not_count() -> None:
    messages = [_message("1")]
    assert handled(messages, b'{"batchItemFailures": [{"itemIdentifier": "1"}]}', partial=False) == messages
