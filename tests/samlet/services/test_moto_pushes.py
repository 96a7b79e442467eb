"""What buckets and topics in moto have for functions is put into queues, which Samlet reads."""

import json
from dataclasses import replace

from moto_stage import FUNCTION, PUSH, client, resource
from samlet.model import Notification, Push, WantedResource
from samlet.services import Moto
from samlet.services.moto_resources import MotoResources


def _telling(name: str, *events: str, targets: tuple[str, ...] = (FUNCTION,)) -> WantedResource:
    """A bucket that tells each of the targets of the events."""
    told = tuple(Notification(event, (("prefix", "in/"), ("suffix", ".txt"))) for event in events)
    properties = {"NotificationConfiguration": {"LambdaConfigurations": [events, targets]}}
    pushes = tuple(Push("s3", target, notifications=told) for target in targets if told)
    return WantedResource(name, "AWS::S3::Bucket", name.lower(), properties, pushes=pushes)


def _told(moto: Moto, queue: str) -> list[str]:
    """The events in a queue, which is empty afterwards."""
    sqs = client(moto, "sqs")
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages", [])
    bodies = [json.loads(message["Body"]) for message in messages]
    return [record["eventName"] for body in bodies for record in body.get("Records", [])]


async def test_a_bucket_puts_what_it_tells_functions_into_queues_and_stays_when_that_changes(
    moto: Moto, resources: MotoResources
) -> None:
    s3, other = client(moto, "s3"), f"{FUNCTION}2"
    (push,) = resources.make(_telling("Up.loads", "s3:ObjectCreated:*")).pushes
    assert push.source == "up.loads"
    for key in ("in/a.txt", "in/a.png", "out/a.txt"):
        s3.put_object(Bucket="up.loads", Key=key, Body=b"v")
    s3.delete_object(Bucket="up.loads", Key="out/a.txt")
    assert _told(moto, push.queue) == ["ObjectCreated:Put"]

    made = resources.make(_telling("Up.loads", "s3:ObjectRemoved:*", targets=(FUNCTION, other)))
    assert s3.get_object(Bucket="up.loads", Key="in/a.txt")["Body"].read() == b"v"
    s3.delete_object(Bucket="up.loads", Key="in/a.txt")
    assert [_told(moto, each.queue) for each in made.pushes] == [["ObjectRemoved:Delete"]] * 2
    assert made.pushes[0].queue == push.queue

    assert resources.make(_telling("Up.loads")).pushes == ()
    assert client(moto, "sqs").list_queues().get("QueueUrls", []) == []
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket="up.loads")


async def test_a_topic_and_a_subscription_put_what_they_have_for_functions_into_queues(
    moto: Moto, resources: MotoResources
) -> None:
    sns = client(moto, "sns")
    itself = replace(resource("SNS::Topic", "News", Subscription=[{"Protocol": "lambda"}]), pushes=PUSH)
    topic = resources.make(itself)
    link = resource("SNS::Subscription", "Link", TopicArn=topic.ref, Protocol="lambda", Endpoint=f"{FUNCTION}2")
    made = resources.make(replace(link, pushes=(Push("sns", f"{FUNCTION}2"),)))
    assert made.ref == made.pushes[0].origin
    found = sns.list_subscriptions_by_topic(TopicArn=topic.ref)["Subscriptions"]
    own = [(push.origin, push.queue) for push in (*topic.pushes, *made.pushes)]
    assert [(one["SubscriptionArn"], one["Endpoint"]) for one in found] == own
    assert {push.source for push in topic.pushes} == {"News"}
    resources.keep_only(frozenset({"News"}))
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic.ref)["Subscriptions"]) == 1
    resources.keep_only(frozenset())
    assert client(moto, "sqs").list_queues().get("QueueUrls", []) == []
