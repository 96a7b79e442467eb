"""What topics and buckets have for functions, as the template says it."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
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
_KINDS = """
    ObjectCreated:* ObjectCreated:Put ObjectCreated:Post ObjectCreated:Copy ObjectCreated:CompleteMultipartUpload
    ObjectRemoved:* ObjectRemoved:Delete ObjectRemoved:DeleteMarkerCreated ObjectRestore:* ObjectRestore:Post
    ObjectRestore:Completed ObjectRestore:Delete ReducedRedundancyLostObject Replication:*
    Replication:OperationFailedReplication Replication:OperationMissedThreshold
    Replication:OperationReplicatedAfterThreshold Replication:OperationNotTracked LifecycleExpiration:*
    LifecycleExpiration:Delete LifecycleExpiration:DeleteMarkerCreated LifecycleTransition IntelligentTiering
    ObjectTagging:* ObjectTagging:Put ObjectTagging:Delete ObjectAcl:Put"""
_OF_S3 = {f"s3:{kind}" for kind in _KINDS.split()}
_TOLD = {"LambdaConfigurations": "Function", "QueueConfigurations": "Queue", "TopicConfigurations": "Topic"}
_SUBSCRIPTION = {
    *("DeliveryPolicy", "Endpoint", "FilterPolicy", "FilterPolicyScope", "Protocol", "RawMessageDelivery"),
    *("RedrivePolicy", "Region", "ReplayPolicy", "SubscriptionRoleArn", "TopicArn"),
}
_FIFO = "a FIFO topic wakes no function, on AWS neither"
_DROPPED = "moto drops what this endpoint does not take"

type Pushes = tuple[tuple[Push, ...], tuple[str, ...]]
"""What there is for functions (a bucket has it for queues and topics, too), and what is left out of it, in words."""


def pushes(kind: str, properties: Properties) -> Pushes:
    """What a resource of that type has for functions; raises ResourceRefused where AWS would not make it either."""
    if kind == "AWS::S3::Bucket":
        return _of_bucket(properties)
    if kind == "AWS::SNS::Topic":
        return _of_topic(properties)
    if kind == "AWS::SNS::Subscription":
        told = (_of_subscription(properties),) if _is_function(properties) else ()
        lost = () if told or "RedrivePolicy" not in properties else (f"RedrivePolicy: {_DROPPED}",)
        return told, (*_strange(properties, _SUBSCRIPTION), *lost)
    return (), ()


def _of_bucket(properties: Properties) -> Pushes:
    given = properties.inner("NotificationConfiguration")
    notes = list(_strange(given, {*_TOLD, "EventBridgeConfiguration"}, "NotificationConfiguration: "))
    if "EventBridgeConfiguration" in given:
        notes.append("NotificationConfiguration: EventBridgeConfiguration: there is no local event bus")
    found: dict[str, list[Notification]] = {}
    for item, word in [(item, word) for name, word in _TOLD.items() for item in given.maps(name)]:
        event = item.text("Event")
        notes += _strange(item, {"Event", "Filter", word}, "NotificationConfiguration: ")
        if event in _EVENTS:
            found.setdefault(item.text(word), []).append(Notification(event, _rules(item)))
        else:
            why = "moto's buckets do not tell of it as AWS's do" if event in _OF_S3 else "is no event of S3"
            notes.append(f"NotificationConfiguration: {event}: {why}")
    notes += _overlaps([each for told in found.values() for each in told])
    if found and properties.inner("VersioningConfiguration").text("Status", "Suspended") == "Enabled":
        notes.append("VersioningConfiguration: events have no versionId, and none comes of a marker that deletes")
    return tuple(Push("s3", target, notifications=tuple(told)) for target, told in found.items()), tuple(notes)


def _overlaps(told: Sequence[Notification]) -> Iterator[str]:
    """A note for events that two places are told of the same objects, which AWS refuses."""
    for one, other in combinations(told, 2):
        first, second = sorted((one.event, other.event), key=len)
        if (first == second or second.startswith(first.removesuffix("*"))) and _meet(one.rules, other.rules):
            both = first if first == second else f"{first} and {second}"
            yield f"NotificationConfiguration: {both} for the same keys twice, which AWS does not take"


def _meet(rules: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> bool:
    """Whether there are keys that pass both."""
    one, other = dict(rules), dict(others)
    prefixes = sorted((one.get("prefix", ""), other.get("prefix", "")), key=len)
    suffixes = sorted((one.get("suffix", ""), other.get("suffix", "")), key=len)
    return prefixes[1].startswith(prefixes[0]) and suffixes[1].endswith(suffixes[0])


def _strange(properties: Properties, known: Collection[str], place: str = "") -> Iterator[str]:
    """A note for each name that AWS does not know there."""
    return (f"{place}{name}: is no property that is known here" for name in properties if name not in known)


def _of_topic(properties: Properties) -> Pushes:
    targets = [item.text("Endpoint") for item in properties.maps("Subscription") if _is_function(item)]
    if targets and properties.boolean("FifoTopic", default=False):
        return (), (f"Subscription: {_FIFO}",)
    return tuple(Push("sns", target) for target in dict.fromkeys(targets)), ()


def _of_subscription(properties: Properties) -> Push:
    topic = properties.text("TopicArn")
    if not topic.startswith("arn:"):
        raise ResourceRefused(f"TopicArn: needs the ARN of a topic, not {topic}")
    if topic.endswith(".fifo"):
        raise ResourceRefused(f"TopicArn: {_FIFO}")
    if properties.boolean("RawMessageDelivery", default=False):
        raise ResourceRefused("RawMessageDelivery: functions get no raw messages, on AWS neither")
    scope = properties.choice("FilterPolicyScope", "MessageAttributes", "MessageAttributes", "MessageBody")
    policy = _policy(properties, inner=scope == "MessageBody")
    lost = _redrive(properties)
    return Push("sns", properties.text("Endpoint"), filter_policy=policy, filter_scope=scope, dead_letters=lost)


def _is_function(subscription: Properties) -> bool:
    return subscription.text("Protocol", "").lower() == "lambda"


def _policy(properties: Properties, *, inner: bool) -> Mapping[str, Any] | None:
    """The filter policy, decoded; a TemplateError names the place of one that AWS would refuse."""
    policy = _json_object(properties, "FilterPolicy")
    if not policy:
        return None
    try:
        trees = alternatives(policy)
    except TemplateError as error:
        raise properties.error("FilterPolicy", str(error)) from error
    if not inner and any(isinstance(rule, dict) for tree in trees for rule in tree.values()):
        text = "attributes have no inner fields; with FilterPolicyScope MessageBody, messages are looked into"
        raise properties.error("FilterPolicy", text)
    return policy


def _redrive(properties: Properties) -> str | None:
    """The ARN of the queue for what cannot be delivered."""
    policy = _json_object(properties, "RedrivePolicy")
    if not policy:
        return None
    arn = policy.get("deadLetterTargetArn")
    if not isinstance(arn, str):
        raise properties.error("RedrivePolicy", "needs a deadLetterTargetArn")
    return arn


def _json_object(properties: Properties, name: str) -> dict[str, Any] | None:
    """An object that may be written as text, too."""
    given = properties.raw(name)
    try:
        given = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        raise properties.error(name, f"is no JSON: {error}") from error
    if given is not None and not isinstance(given, dict):
        raise properties.error(name, "needs a JSON object")
    return given


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
