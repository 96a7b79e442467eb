"""What becomes of the resources in moto when the template changes: kept, made anew, or kept for what they hold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from moto_stage import ACCOUNT, FUNCTION, PUSH, REGION, TABLE, client, resource
from samlet.services import Moto
from samlet.services.moto_resources import MotoResources


async def test_what_is_unchanged_keeps_its_content_and_what_changed_or_went_is_made_anew(
    moto: Moto, resources: MotoResources
) -> None:
    s3 = client(moto, "s3")
    for name in ("kept", "changed", "gone"):
        made = resources.make(resource("S3::Bucket", name))
        s3.put_object(Bucket=made.ref, Key="k", Body=b"v")
    s3.delete_object(Bucket="changed", Key="k")
    s3.delete_object(Bucket="gone", Key="k")
    resources.make(resource("S3::Bucket", "kept"))
    resources.make(resource("S3::Bucket", "changed", BucketName="another"))
    resources.keep_only(frozenset({"kept", "changed"}))
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept", "another"]
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"v"


def _holding(moto: Moto, kind: str, ref: str) -> Callable[[], object]:
    """Put something into a queue, a bucket or a table; returns what takes it out again."""
    if kind == "SQS::Queue":
        sqs = client(moto, "sqs")
        sqs.send_message(QueueUrl=ref, MessageBody="kept")
        return lambda: sqs.purge_queue(QueueUrl=ref)
    if kind == "S3::Bucket":
        s3 = client(moto, "s3")
        s3.put_object(Bucket=ref, Key="k", Body=b"kept")
        return lambda: s3.delete_object(Bucket=ref, Key="k")
    table = client(moto, "dynamodb")
    table.put_item(TableName=ref, Item={"id": {"S": "kept"}})
    return lambda: table.delete_item(TableName=ref, Key={"id": {"S": "kept"}})


HOLDING: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("SQS::Queue", {}, {"VisibilityTimeout": 77}, "1 message"),
    ("S3::Bucket", {}, {"VersioningConfiguration": {"Status": "Enabled"}}, "1 object"),
    ("DynamoDB::Table", TABLE, {"TableClass": "STANDARD"}, "1 item"),
]


@pytest.mark.parametrize(("kind", "first", "more", "held"), HOLDING)
async def test_what_holds_something_is_not_made_anew_before_it_is_empty(
    moto: Moto, resources: MotoResources, kind: str, first: dict[str, Any], more: dict[str, Any], held: str
) -> None:
    made = resources.make(resource(kind, "thing", "Arn", **first))
    empty = _holding(moto, kind, made.ref)
    changed = resource(kind, "thing", "Arn", **first, **more)
    for _ in range(2):
        kept = resources.make(changed)
        assert (kept.ref, kept.attributes) == (made.ref, made.attributes)
        assert kept.notes == (
            f"stays as it was, since it holds {held}: empty it and save the template again, or start Samlet anew",
        )
    assert resources.make(resource(kind, "thing", "Arn", **first)).notes == (), "it may be as it was again"
    empty()
    assert resources.make(changed).notes == ()
    assert resources.make(changed).ref == made.ref


@pytest.mark.parametrize(("kind", "first", "_more", "held"), HOLDING)
async def test_what_left_the_template_stays_while_it_holds_something_and_is_there_when_it_comes_back(
    moto: Moto, resources: MotoResources, capsys: pytest.CaptureFixture[str],
    kind: str, first: dict[str, Any], _more: dict[str, Any], held: str,
) -> None:  # fmt: skip
    wanted = resource(kind, "thing", **first)
    made = resources.make(wanted)
    empty = _holding(moto, kind, made.ref)
    line = f"thing is not in the template any more; it stays, since it holds {held}"
    for _ in range(2):
        resources.keep_only(frozenset())
    assert capsys.readouterr().err.count(line) == 1
    assert resources.make(wanted) == made
    resources.keep_only(frozenset({"thing"}))
    resources.keep_only(frozenset())
    assert capsys.readouterr().err.count(line) == 1, "it has been away twice"
    empty()
    resources.make(wanted)
    resources.keep_only(frozenset({"thing"}))
    resources.keep_only(frozenset())
    assert not resources.names


async def test_who_asks_for_another_attribute_of_a_queue_finds_its_messages_there(
    moto: Moto, resources: MotoResources
) -> None:
    made = resources.make(resource("SQS::Queue", "Jobs"))
    client(moto, "sqs").send_message(QueueUrl=made.ref, MessageBody="kept")
    asked = resources.make(resource("SQS::Queue", "Jobs", "Arn"))
    assert (asked.ref, asked.notes) == (made.ref, ())
    assert asked.attributes == {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs"}
    assert client(moto, "sqs").receive_message(QueueUrl=made.ref)["Messages"][0]["Body"] == "kept"


async def test_that_what_a_stream_held_is_gone_is_said(
    resources: MotoResources, capsys: pytest.CaptureFixture[str]
) -> None:
    for shards in (1, 2):
        resources.make(resource("Kinesis::Stream", "Clicks", ShardCount=shards))
    assert capsys.readouterr().err.count("Clicks has other properties and is made anew: its records are gone") == 1


async def test_a_topic_that_changed_has_its_subscriptions_again(moto: Moto, resources: MotoResources) -> None:
    sns, queue = client(moto, "sns"), resources.make(resource("SQS::Queue", "Jobs", "Arn"))
    link = {"Protocol": "sqs", "Endpoint": queue.attributes["Arn"]}
    own = {"Protocol": "lambda", "Endpoint": FUNCTION}
    for name in ("old", "new"):
        topic = resources.make(resource("SNS::Topic", "News", DisplayName=name))
        resources.make(resource("SNS::Subscription", "Link", TopicArn=topic.ref, **link))
        resources.make(replace(resource("SNS::Subscription", "Own", TopicArn=topic.ref, **own), pushes=PUSH))
    found = sns.list_subscriptions_by_topic(TopicArn=topic.ref)["Subscriptions"]
    assert {one["SubscriptionArn"] for one in found} == {resources.names["Link"], resources.names["Own"]}


async def test_what_subscribed_while_samlet_runs_stays_subscribed_to_a_topic_that_changes(
    moto: Moto, resources: MotoResources
) -> None:
    sns = client(moto, "sns")
    queues = {name: resources.make(resource("SQS::Queue", name, "Arn")).attributes["Arn"] for name in ("A", "B", "C")}

    def news(title: str, **properties: Any) -> str:
        changed = resource("SNS::Topic", "News", DisplayName=title, **properties)
        return resources.make(replace(changed, pushes=PUSH)).ref

    def endpoints() -> set[str]:
        found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        return {one["Endpoint"] for one in found if "samlet-" not in one["Endpoint"]}

    inline = {"Protocol": "sqs", "Endpoint": queues["A"]}
    topic = news("old", Subscription=[inline])
    filtered = {"FilterPolicy": '{"kind": ["order"]}', "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queues["B"], Attributes=filtered)
    resources.make(resource("SNS::Subscription", "Link", TopicArn=topic, Protocol="sqs", Endpoint=queues["C"]))
    assert news("new", Subscription=[inline]) == topic
    assert endpoints() == {queues["A"], queues["B"]}, "Link has left the template with the same save"
    sns.publish(TopicArn=topic, Message="no", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    sns.publish(
        TopicArn=topic, Message="yes", MessageAttributes={"kind": {"DataType": "String", "StringValue": "order"}}
    )
    told = client(moto, "sqs").receive_message(QueueUrl=resources.names["B"], MaxNumberOfMessages=10)["Messages"]
    assert [one["Body"] for one in told] == ["yes"]
    assert news("newer", Subscription=[{"Protocol": "sqs", "Endpoint": queues["C"]}]) == topic
    assert endpoints() == {queues["B"], queues["C"]}, "the template's own go with the template"
    resources.make(resource("SNS::Topic", "News", TopicName="another"))
    topic = resources.names["News"]
    assert endpoints() == set(), "a topic of another name is another one"
