"""What a bucket tells, as a function gets it of S3."""

import json
from typing import Any

import pytest

from samlet.sources.s3_event import encoded, s3_events


def _told(name: str = "ObjectCreated:Put", key: str = "k", etag: str = "e1") -> dict[str, Any]:
    """What moto puts into a queue."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "one",
            "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
            "object": {"key": key, "size": 5, "eTag": etag},
        },
    }


def _events(*records: dict[str, Any], now: float = 1.0) -> list[dict[str, Any]]:
    events = [json.loads(event)["Records"] for event in s3_events({"Records": list(records)}, now)]
    assert all(len(event) == 1 for event in events)
    return [event[0] for event in events]


def test_an_upload_looks_as_lambda_gets_it_of_s3() -> None:
    (record,) = _events(_told(key="in%2Fred+flower%281%29.txt"))
    answered = record.pop("responseElements")
    assert set(answered) == {"x-amz-request-id", "x-amz-id-2"}
    owner = {"principalId": "AWS:local"}
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": owner,
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "one",
            "bucket": {"name": "uploads", "ownerIdentity": owner, "arn": "arn:aws:s3:::uploads"},
            "object": {"key": "in/red+flower%281%29.txt", "size": 5, "eTag": "e1", "sequencer": "0000000000000F4240"},
        },
    }


def test_a_later_event_has_a_greater_sequencer() -> None:
    early, late = (_events(_told(), now=now)[0]["s3"]["object"]["sequencer"] for now in (9.5, 1_000_000.25))
    assert len(early) == len(late)
    assert early < late


def test_of_what_is_gone_there_is_no_size_and_no_etag() -> None:
    (record,) = _events(_told("ObjectRemoved:Delete"))
    assert set(record["s3"]["object"]) == {"key", "sequencer"}


def test_the_end_of_an_upload_in_parts_is_told_once() -> None:
    names = [_told("ObjectCreated:Put", etag="ab-2"), _told("ObjectCreated:CompleteMultipartUpload", etag="ab-2")]
    assert [record["eventName"] for record in _events(*names)] == ["ObjectCreated:CompleteMultipartUpload"]


def test_the_test_of_a_new_configuration_is_no_event() -> None:
    assert list(s3_events({"Service": "Amazon S3", "Event": "s3:TestEvent"}, 1.0)) == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [("a/b c.txt", "a/b+c.txt"), ("a+b", "a%2Bb"), ("dt=1", "dt%3D1"), ("ü", "%C3%BC"), ("a*b-c_d.e", "a*b-c_d.e")],
)
def test_a_key_is_encoded_as_in_a_form_but_for_slashes(key: str, shown: str) -> None:
    assert encoded(key) == shown
