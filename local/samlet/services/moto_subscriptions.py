"""Who has subscribed to a topic while Samlet runs, so that a topic made anew in moto can have them back.

AWS changes a topic in its place, where these stay; here they get subscriptions of other ARNs.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from samlet.aws_calls import AwsCalls, CallFailed
from samlet.log import say
from samlet.model import MadeResource, WantedResource

_KEPT = ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")


def of_others(
    calls: AwsCalls, topic: WantedResource, made: MadeResource, known: Set[str]
) -> Sequence[Mapping[str, Any]]:
    """Return the subscriptions of a topic, as a template would have them, that are not the template's.

    `known` are the ARNs of those that are; what the topic names itself is told by where it leads.
    """
    inline = topic.properties.get("Subscription")
    own = {(str(one.get("Protocol")), str(one.get("Endpoint"))) for one in inline or () if isinstance(one, dict)}
    try:
        return [
            {**one, **_attributes(calls, one["SubscriptionArn"])}
            for one in _listed(calls, made.ref)
            if one["SubscriptionArn"] not in known and (one["Protocol"], one["Endpoint"]) not in own
        ]
    except CallFailed:
        return []  # moto is gone, and all subscriptions with it


def say_lost(logical_id: str, subscription: Mapping[str, Any], reason: str) -> None:
    """Name a subscription that could not be made again."""
    whose = f"{subscription['Protocol']} {subscription['Endpoint']}"
    say("moto", f"{logical_id} was made anew, and {whose} is subscribed to it no more: {reason}", level="warning")


def _listed(calls: AwsCalls, topic: str) -> Iterator[dict[str, str]]:
    page: dict[str, str] = {}
    while True:
        answer = calls.query("sns", "ListSubscriptionsByTopic", TopicArn=topic, **page)
        for member in answer.iter("member"):
            yield {part.tag: part.text or "" for part in member}
        following = answer.findtext(".//NextToken")
        if not following:
            return
        page = {"NextToken": following}


def _attributes(calls: AwsCalls, arn: str) -> dict[str, str]:
    told = calls.query("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)
    entries = {entry.findtext("key"): entry.findtext("value") or "" for entry in told.iter("entry")}
    return {name: entries[name] for name in _KEPT if entries.get(name)}
