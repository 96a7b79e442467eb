"""A message of a topic as a function gets it, and which ones a filter policy lets through."""

import json
from typing import Any

import pytest

from samlet.sources.sns_event import message_filter, sns_event

SUBSCRIPTION = "arn:aws:sns:eu-west-1:000000000000:news:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55"
MESSAGE = {
    "Type": "Notification",
    "MessageId": "m1",
    "TopicArn": "arn:aws:sns:eu-west-1:000000000000:news",
    "Message": "hello",
    "Timestamp": "2026-01-01T00:00:00.000Z",
    "SignatureVersion": "2",
    "Signature": "c2ln",
    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/a.pem",
    "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?other",
}


def _with(**attributes: tuple[str, str]) -> dict[str, Any]:
    given = {name: {"Type": kind, "Value": value} for name, (kind, value) in attributes.items()}
    return MESSAGE | {"MessageAttributes": given}


def test_a_message_looks_as_lambda_gives_it() -> None:
    attributes = {"kind": {"Type": "String", "Value": "a"}, "raw": {"Type": "Binary", "Value": "AAE="}}
    message = MESSAGE | {"Subject": "Greeting", "MessageAttributes": attributes}
    assert json.loads(sns_event(message, SUBSCRIPTION)) == {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": SUBSCRIPTION,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": "m1",
                    "TopicArn": "arn:aws:sns:eu-west-1:000000000000:news",
                    "Subject": "Greeting",
                    "Message": "hello",
                    "Timestamp": "2026-01-01T00:00:00.000Z",
                    "SignatureVersion": "2",
                    "Signature": "c2ln",
                    "SigningCertUrl": "https://sns.eu-west-1.amazonaws.com/a.pem",
                    "UnsubscribeUrl": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe"
                    f"&SubscriptionArn={SUBSCRIPTION}",
                    "MessageAttributes": attributes,
                },
            }
        ]
    }


def test_a_message_without_subject_and_attributes_says_so() -> None:
    (record,) = json.loads(sns_event(MESSAGE, SUBSCRIPTION))["Records"]
    assert (record["Sns"]["Subject"], record["Sns"]["MessageAttributes"]) == (None, {})


@pytest.mark.parametrize(
    ("policy", "message", "passes"),
    [
        (None, MESSAGE, True),
        ({"kind": ["a", "b"]}, _with(kind=("String", "b")), True),
        ({"kind": ["a"]}, _with(kind=("String", "c")), False),
        ({"kind": ["a"]}, MESSAGE, False),
        ({"kind": [{"prefix": "a"}], "n": [1]}, _with(kind=("String", "ab"), n=("Number", "2")), False),
        ({"n": [{"numeric": [">", 5, "<=", 7.5]}]}, _with(n=("Number", "7.50")), True),
        ({"n": [5]}, _with(n=("String", "5")), False),
        ({"kind": ["b"]}, _with(kind=("String.Array", '["a", "b", null]')), True),
        ({"kind": [{"anything-but": ["a", "b"]}]}, _with(kind=("String.Array", '["a", "c"]')), True),
        ({"kind": [{"exists": False}]}, MESSAGE, True),
        ({"kind": [{"exists": True}]}, _with(kind=("Binary", "AAE=")), False),
        ({"kind": [{"equals-ignore-case": "A"}]}, _with(kind=("String", "a")), True),
        ({"$or": [{"kind": ["a"]}, {"n": [1]}]}, _with(n=("Number", "1")), True),
        ({"kind": ["a"]}, _with(kind=("Number", "no number")), False),
    ],
)
def test_a_policy_asks_of_attributes(policy: Any, message: dict[str, Any], *, passes: bool) -> None:
    assert message_filter(policy, "MessageAttributes")(message) is passes


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ('{"order": {"total": 8}}', True),
        ('{"order": [{"total": 1}, {"total": 8}]}', True),
        ('{"order": {"total": 3}}', False),
        ('{"order": 8}', False),
        ("no JSON", False),
        ("[]", False),
    ],
)
def test_a_policy_of_that_scope_asks_of_the_body(body: str, *, passes: bool) -> None:
    policy = {"order": {"total": [{"numeric": [">", 5]}]}}
    assert message_filter(policy, "MessageBody")(MESSAGE | {"Message": body}) is passes
