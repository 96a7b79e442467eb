"""What topics and buckets have for functions, as the template says it."""

import json
from collections.abc import Mapping
from typing import Any

from samlet.errors import ResourceRefused, TemplateError
from samlet.event_pattern import alternatives
from samlet.model import Notification, Push
from samlet.template.properties import Properties

# What moto tells as AWS does. It also tells of tags at every upload, and never of a marker that deletes.
_EVENTS = {
    *(f"s3:ObjectCreated:{how}" for how in ("*", "Put", "Post", "Copy", "CompleteMultipartUpload")),
    *(f"s3:ObjectRemoved:{how}" for how in ("*", "Delete")),
    "s3:ObjectAcl:Put",
}
_TOLD = {"LambdaConfigurations": "Function", "QueueConfigurations": "Queue", "TopicConfigurations": "Topic"}
_FIFO = "a FIFO topic wakes no function, on AWS neither"

type Pushes = tuple[tuple[Push, ...], tuple[str, ...]]
"""What there is for functions (a bucket has it for queues and topics, too), and what is left out of it, in words."""


def pushes(kind: str, properties: Properties) -> Pushes:
    """What a resource of that type has for functions; raises ResourceRefused where AWS would not make it either."""
    if kind == "AWS::S3::Bucket":
        return _of_bucket(properties)
    if kind == "AWS::SNS::Topic":
        return _of_topic(properties)
    if kind == "AWS::SNS::Subscription" and _is_function(properties):
        return (_of_subscription(properties),), ()
    return (), ()


def _of_bucket(properties: Properties) -> Pushes:
    given = properties.inner("NotificationConfiguration")
    notes = []
    if "EventBridgeConfiguration" in given:
        notes.append("NotificationConfiguration: EventBridgeConfiguration: there is no local event bus")
    found: dict[str, list[Notification]] = {}
    for item, target in [(item, item.text(word)) for name, word in _TOLD.items() for item in given.maps(name)]:
        event = item.text("Event")
        if event in _EVENTS:
            found.setdefault(target, []).append(Notification(event, _rules(item)))
        else:
            notes.append(f"NotificationConfiguration: {event}: moto's buckets do not tell of it as AWS's do")
    if found and properties.inner("VersioningConfiguration").text("Status", "Suspended") == "Enabled":
        notes.append("VersioningConfiguration: events have no versionId, and none comes of a marker that deletes")
    return tuple(Push("s3", target, notifications=tuple(told)) for target, told in found.items()), tuple(notes)


def _of_topic(properties: Properties) -> Pushes:
    targets = [item.text("Endpoint") for item in properties.maps("Subscription") if _is_function(item)]
    if targets and properties.boolean("FifoTopic", default=False):
        return (), (f"Subscription: {_FIFO}",)
    return tuple(Push("sns", target) for target in dict.fromkeys(targets)), ()


def _of_subscription(properties: Properties) -> Push:
    if properties.text("TopicArn").endswith(".fifo"):
        raise ResourceRefused(f"TopicArn: {_FIFO}")
    if properties.boolean("RawMessageDelivery", default=False):
        raise ResourceRefused("RawMessageDelivery: functions get no raw messages, on AWS neither")
    scope = properties.choice("FilterPolicyScope", "MessageAttributes", "MessageAttributes", "MessageBody")
    policy = _policy(properties, inner=scope == "MessageBody")
    return Push("sns", properties.text("Endpoint"), filter_policy=policy, filter_scope=scope)


def _is_function(subscription: Properties) -> bool:
    return subscription.text("Protocol", "").lower() == "lambda"


def _policy(properties: Properties, *, inner: bool) -> Mapping[str, Any] | None:
    """The filter policy, decoded; a TemplateError names the place of one that AWS would refuse."""
    policy = properties.raw("FilterPolicy")
    try:
        policy = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError as error:
        raise properties.error("FilterPolicy", f"is no JSON: {error}") from error
    if policy is None or policy == {}:
        return None
    if not isinstance(policy, dict):
        raise properties.error("FilterPolicy", "needs a JSON object")
    try:
        trees = alternatives(policy)
    except TemplateError as error:
        raise properties.error("FilterPolicy", str(error)) from error
    if not inner and any(isinstance(rule, dict) for tree in trees for rule in tree.values()):
        text = "attributes have no inner fields; with FilterPolicyScope MessageBody, messages are looked into"
        raise properties.error("FilterPolicy", text)
    return policy


def _rules(item: Properties) -> tuple[tuple[str, str], ...]:
    """The rules for keys, but for those that ask nothing."""
    found = []
    for rule in item.inner("Filter").inner("S3Key").maps("Rules"):
        name = rule.text("Name").lower()
        if name not in ("prefix", "suffix"):
            raise rule.error("Name", f"needs prefix or suffix, not {rule.text('Name')}")
        if value := rule.text("Value"):
            found.append((name, value))
    return tuple(found)
