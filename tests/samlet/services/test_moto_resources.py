"""Resources of a template that a real moto makes, seen by the AWS SDK, as a function would see them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from moto_stage import ACCOUNT, FUNCTION, NO_TOPIC, PUSH, REGION, TABLE, client, resource
from samlet.errors import ResourceRefused
from samlet.model import WantedResource
from samlet.services import Moto
from samlet.services.moto_resources import MotoResources, adapted


async def test_a_queues_url_is_one_that_clients_reach(moto: Moto, resources: MotoResources) -> None:
    dead = resources.make(resource("SQS::Queue", "Dead", "Arn", QueueName="dead-letters"))
    redrive = {"deadLetterTargetArn": dead.attributes["Arn"], "maxReceiveCount": 3}
    made = resources.make(resource("SQS::Queue", "Jobs", "Arn", "QueueName", RedrivePolicy=redrive))
    assert made.attributes == {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs", "QueueName": "Jobs"}
    sqs = client(moto, "sqs")
    sqs.send_message(QueueUrl=made.ref, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=made.ref)["Messages"][0]["Body"] == "hello"
    told = sqs.get_queue_attributes(QueueUrl=made.ref, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(told["RedrivePolicy"])["deadLetterTargetArn"] == dead.attributes["Arn"]


async def test_a_topic_reaches_its_queue(moto: Moto, resources: MotoResources) -> None:
    queue = resources.make(resource("SQS::Queue", "Jobs", "Arn"))
    topic = resources.make(resource("SNS::Topic", "News"))
    link = {"TopicArn": topic.ref, "Protocol": "sqs", "Endpoint": queue.attributes["Arn"], "RawMessageDelivery": True}
    resources.make(resource("SNS::Subscription", "Link", **link, FilterPolicy={"kind": ["a"]}))
    sns, sqs = client(moto, "sns"), client(moto, "sqs")
    for kind in ("a", "b"):
        words = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic.ref, Message=kind, MessageAttributes=words)
    messages = sqs.receive_message(QueueUrl=queue.ref, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in messages] == ["a"]


async def test_tables_buckets_streams_parameters_keys_and_buses_are_there(moto: Moto, resources: MotoResources) -> None:
    table = resources.make(resource("DynamoDB::Table", "Orders", "Arn", "StreamArn", **TABLE))
    assert (table.ref, set(table.attributes), table.notes) == ("Orders", {"Arn"}, ())
    client(moto, "dynamodb").put_item(TableName=table.ref, Item={"id": {"S": "1"}})
    bucket = resources.make(resource("S3::Bucket", "uploads", "Arn"))
    assert (bucket.ref, bucket.attributes["Arn"]) == ("uploads", "arn:aws:s3:::uploads")
    client(moto, "s3").put_object(Bucket=bucket.ref, Key="k", Body=b"v")
    clicks = resources.make(resource("Kinesis::Stream", "Clicks", ShardCount=1))
    client(moto, "kinesis").put_record(StreamName=clicks.ref, Data=b"d", PartitionKey="p")
    parameter = resources.make(resource("SSM::Parameter", "Word", "Value", Name="/a/b", Type="String", Value="v"))
    assert (parameter.ref, parameter.attributes) == ("/a/b", {"Value": "v"})
    assert client(moto, "ssm").get_parameter(Name="/a/b")["Parameter"]["Value"] == "v"
    key = resources.make(resource("KMS::Key", "Key", "Arn", KeyPolicy={"Version": "2012-10-17", "Statement": []}))
    alias = resources.make(resource("KMS::Alias", "Alias", AliasName="alias/shop", TargetKeyId=key.ref))
    assert client(moto, "kms").encrypt(KeyId=alias.ref, Plaintext=b"p")["KeyId"] == key.attributes["Arn"]
    bus = resources.make(resource("Events::EventBus", "Bus", "Arn", Name="shop"))
    assert (bus.ref, bus.attributes["Arn"]) == ("shop", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/shop")
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": bus.ref}
    assert client(moto, "events").put_events(Entries=[entry])["FailedEntryCount"] == 0


async def test_a_secret_is_given_or_generated(moto: Moto, resources: MotoResources) -> None:
    generated = {"SecretStringTemplate": '{"user": "me"}', "GenerateStringKey": "password", "PasswordLength": 20}
    given = resources.make(resource("SecretsManager::Secret", "Given", SecretString="s"))
    whole = resources.make(resource("SecretsManager::Secret", "Whole", GenerateSecretString={"PasswordLength": 12}))
    inside = resources.make(resource("SecretsManager::Secret", "Inside", GenerateSecretString=generated))
    read = client(moto, "secretsmanager").get_secret_value
    texts = [read(SecretId=made.ref)["SecretString"] for made in (given, whole, inside)]
    assert (texts[0], len(texts[1])) == ("s", 12)
    content = json.loads(texts[2])
    assert (content["user"], len(content["password"])) == ("me", 20)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (resource("Cognito::UserPool"), "moto has nothing that stands in for AWS::Cognito::UserPool"),
        (resource("SQS::Queue", QueueName="no name!"), "moto cannot make it: "),
        (resource("SNS::Subscription", Protocol="pigeon", Endpoint="a", TopicArn="b"), "Protocol: pigeon "),
        (
            replace(resource("SNS::Subscription", Protocol="lambda", TopicArn=NO_TOPIC), pushes=PUSH),
            "Topic does not exist",
        ),
    ],
)
async def test_what_moto_cannot_make_is_refused_with_a_reason_and_costs_nothing_else(
    resources: MotoResources, wanted: WantedResource, reason: str
) -> None:
    with pytest.raises(ResourceRefused, match=reason):
        resources.make(wanted)
    assert resources.names == {}
    resources.make(resource("SQS::Queue", "Jobs"))
    assert set(resources.names) == {"Jobs"}


async def test_an_attribute_that_moto_does_not_know_costs_that_one_alone(resources: MotoResources) -> None:
    made = resources.make(resource("SNS::Topic", "News", "TopicName", "Nonsense"))
    assert made.attributes == {"TopicName": "News"}
    assert made.notes == ("moto knows no attribute Nonsense: a stand-in is given",)


@pytest.mark.parametrize(
    ("wanted", "properties"),
    [
        (resource("S3::Bucket", "b-bucket"), {"BucketName": "b-bucket"}),
        (resource("S3::Bucket", "uploads", BucketName="mine"), {"BucketName": "mine"}),
        (resource("KMS::Key", "Key"), {}),
    ],
)
def test_what_has_no_name_gets_one_that_is_the_same_at_every_start(
    wanted: WantedResource, properties: dict[str, Any]
) -> None:
    assert adapted(wanted) == (properties, ())


def test_what_wakes_functions_is_nothing_that_moto_itself_delivers() -> None:
    rules = {"LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": "arn"}]}
    wanted = resource("S3::Bucket", "uploads", NotificationConfiguration=rules)
    assert adapted(wanted) == ({"BucketName": "uploads"}, ())
    both = [{"Protocol": "lambda", "Endpoint": "f"}, {"Protocol": "sqs", "Endpoint": "arn:aws:sqs:x:1:q"}]
    properties, notes = adapted(resource("SNS::Topic", "News", Subscription=both))
    assert (properties["Subscription"], notes) == (both[1:], ())
    properties, notes = adapted(resource("SNS::Topic", "News", Subscription=[*both, {"Protocol": "pigeon"}]))
    assert (properties["Subscription"], len(notes)) == (both[1:], 1)


def test_a_queues_subscription_without_a_queue_is_refused_as_aws_does() -> None:
    slip = {"Protocol": "sqs", "Endpoint": FUNCTION}
    reason = f"Endpoint: Protocol sqs needs the ARN of a queue, not {FUNCTION}"
    properties, notes = adapted(resource("SNS::Topic", "News", Subscription=[slip]))
    assert (properties["Subscription"], notes) == ([], (f"Subscription: {reason}",))
    with pytest.raises(ResourceRefused) as refused:
        adapted(resource("SNS::Subscription", TopicArn=NO_TOPIC, **slip))
    assert str(refused.value) == reason
