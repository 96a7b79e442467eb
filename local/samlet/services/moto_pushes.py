"""Lets moto's topics and buckets reach functions: what they have for one goes into a queue, which Samlet polls.

moto's own way to functions needs Docker. Its way to queues loses one thing: of a message with a text for each protocol
(`MessageStructure: json`), functions get that for queues.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from samlet.aws_calls import AwsCalls
from samlet.model import Push

_XML = "http://s3.amazonaws.com/doc/2006-03-01/"


def connect_topic(calls: AwsCalls, account: str, topic: str, pushes: Sequence[Push]) -> tuple[Push, ...]:
    """Have what the topic of that ARN has for functions put into queues. Raises CallFailed."""
    opened = [_opened(calls, account, topic, push) for push in pushes]
    return tuple(replace(push, origin=_subscribe(calls, topic, push.queue)) for push in opened)


def connect_bucket(calls: AwsCalls, account: str, bucket: str, pushes: Sequence[Push]) -> tuple[Push, ...]:
    """Have what a bucket has for functions put into queues, and nothing else from now on. Raises CallFailed."""
    opened = tuple(_opened(calls, account, bucket, push) for push in pushes)
    calls.put("s3", f"/{bucket}?notification", _configuration(opened))
    return opened


def disconnect(calls: AwsCalls, account: str, pushes: Sequence[Push]) -> None:
    """Delete the queues, and the subscriptions that led there. Raises CallFailed."""
    for push in pushes:
        if push.origin:
            calls.query("sns", "Unsubscribe", SubscriptionArn=push.origin)
        name = push.queue.rpartition(":")[2]
        calls.json("sqs", "AmazonSQS.DeleteQueue", {"QueueUrl": f"{calls.url}/{account}/{name}"})


def _opened(calls: AwsCalls, account: str, ref: str, push: Push) -> Push:
    """With the queue between a topic or a bucket and the function."""
    # A queue's name has 80 characters and no dots, a topic's up to 256, and a bucket's may have dots.
    mark = hashlib.sha256(f"{ref} {push.target}".encode()).hexdigest()[:8]
    source = ref.rpartition(":")[2]
    name = f"samlet-{source.replace('.', '-')[:60]}-{mark}"
    calls.json("sqs", "AmazonSQS.CreateQueue", {"QueueName": name})
    wanted = {"QueueUrl": f"{calls.url}/{account}/{name}", "AttributeNames": ["QueueArn"]}
    arn = calls.json("sqs", "AmazonSQS.GetQueueAttributes", wanted)["Attributes"]["QueueArn"]
    return replace(push, source=source, queue=arn)


def _subscribe(calls: AwsCalls, topic: str, queue: str) -> str:
    answer = calls.query("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue)
    return answer.findtext(".//SubscriptionArn") or ""


def _configuration(pushes: Sequence[Push]) -> bytes:
    root = ElementTree.Element("NotificationConfiguration", xmlns=_XML)
    told = [(push.queue, notification) for push in pushes for notification in push.notifications]
    for number, (queue, notification) in enumerate(told):
        part = ElementTree.SubElement(root, "QueueConfiguration")
        ElementTree.SubElement(part, "Id").text = f"{notification.event.split(':')[1]}-{number}"
        ElementTree.SubElement(part, "Queue").text = queue
        ElementTree.SubElement(part, "Event").text = notification.event
        if notification.rules:
            keys = ElementTree.SubElement(ElementTree.SubElement(part, "Filter"), "S3Key")
            for name, value in notification.rules:
                rule = ElementTree.SubElement(keys, "FilterRule")
                ElementTree.SubElement(rule, "Name").text = name
                ElementTree.SubElement(rule, "Value").text = value
    return ElementTree.tostring(root)
