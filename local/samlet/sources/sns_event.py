"""A message of an SNS topic as the event that a function gets, and whether a subscription's filter lets it through."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from samlet.event_pattern import alternatives, compile_tree

type Notification = Mapping[str, Any]
"""What SNS puts into a queue: a map with `Message`, `MessageAttributes` and so on."""


def sns_event(notification: Notification, subscription: str) -> bytes:
    """The event for what came by the subscription of that ARN."""
    region = subscription.split(":")[3]
    unsubscribe = f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={subscription}"
    message = {
        "Type": notification.get("Type", "Notification"),
        "MessageId": notification["MessageId"],
        "TopicArn": notification["TopicArn"],
        "Subject": notification.get("Subject"),
        "Message": notification["Message"],
        "Timestamp": notification["Timestamp"],
        "SignatureVersion": notification.get("SignatureVersion", "1"),
        "Signature": notification.get("Signature", ""),
        # Functions get these two spelt otherwise than queues.
        "SigningCertUrl": notification.get("SigningCertURL", ""),
        "UnsubscribeUrl": unsubscribe,
        "MessageAttributes": notification.get("MessageAttributes") or {},
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription, "Sns": message}
    return json.dumps({"Records": [record]}).encode()


def message_filter(policy: Mapping[str, Any] | None, scope: str) -> Callable[[Notification], bool]:
    """Whether a message passes a filter policy, which asks of its attributes or, by `scope`, of its body."""
    if not policy:
        return lambda _: True
    tests = [compile_tree(tree) for tree in alternatives(policy)]
    seen = _body if scope == "MessageBody" else _attributes

    def passes(notification: Notification) -> bool:
        document = seen(notification)
        return document is not None and any(test(document) for test in tests)

    return passes


def _body(notification: Notification) -> Any:
    """What a policy sees of a message; None, which passes none, unless it is a JSON object."""
    try:
        content = json.loads(notification["Message"])
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _attributes(notification: Notification) -> dict[str, Any]:
    """The attributes as JSON values; binary ones are not looked at."""
    given = notification.get("MessageAttributes") or {}
    return {name: _value(item["Type"], item["Value"]) for name, item in given.items() if item["Type"] != "Binary"}


def _value(kind: str, text: str) -> Any:
    if kind not in ("Number", "String.Array"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
