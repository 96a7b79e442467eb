"""Resources of a template that a real moto makes, seen by the AWS SDK, as a function would see them."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest

from samlet.aws_calls import AwsCalls
from samlet.errors import ResourceRefused, ServiceFailed
from samlet.model import Notification, Push, WantedResource
from samlet.processes import Reaper
from samlet.services import Moto
from samlet.services.moto_resources import MotoResources, adapted
from samlet.services.tool_environment import tool_environment
from samlet.sources.polled_queue import PolledQueue
from servers import CHECKOUT
from waiting import eventually_async

REGION, ACCOUNT = "eu-west-1", "000000000000"

NO_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:none"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:F"
PUSH = (Push("sns", FUNCTION),)

TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}


def _wanted(kind: str, name: str = "Thing", /, *attributes: str, **properties: Any) -> WantedResource:
    return WantedResource(name, f"AWS::{kind}", name, properties, frozenset(attributes))


def _moto(state: Path, reaper: Reaper) -> Moto:
    environments = CHECKOUT / ".samlet" / "environments"
    return Moto(state, environments=environments, port=0, setting="SAMLET_AWS_PORT", reaper=reaper)


@pytest.fixture
async def moto(state: Path, reaper: Reaper) -> AsyncIterator[Moto]:
    server = _moto(state, reaper)
    yield server
    await server.stop()


@pytest.fixture
async def resources(moto: Moto) -> MotoResources:
    return await moto.maker(REGION, ACCOUNT)


def _client(moto: Moto, service: str) -> Any:
    session = boto3.Session("local", "local", region_name=REGION)
    return session.client(service, endpoint_url=moto.url)


async def test_it_is_started_by_the_first_template_that_needs_it_and_shows_what_it_made(moto: Moto) -> None:
    await moto.start()
    assert (moto.wanted, moto.status()["state"]) == (False, "stopped")
    resources = await moto.maker(REGION, ACCOUNT)
    resources.make(_wanted("SQS::Queue", "Jobs"))
    assert await moto.maker(REGION, ACCOUNT) is resources
    status = moto.status()
    assert (status["state"], status["address"]) == ("ready", moto.url)
    assert status["resources"] == {"Jobs": f"{moto.url}/{ACCOUNT}/Jobs"}
    await moto.stop()
    assert moto.status()["state"] == "stopped"


async def test_a_queues_url_is_one_that_clients_reach(moto: Moto, resources: MotoResources) -> None:
    dead = resources.make(_wanted("SQS::Queue", "Dead", "Arn", QueueName="dead-letters"))
    redrive = {"deadLetterTargetArn": dead.attributes["Arn"], "maxReceiveCount": 3}
    made = resources.make(_wanted("SQS::Queue", "Jobs", "Arn", "QueueName", RedrivePolicy=redrive))
    assert made.attributes == {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs", "QueueName": "Jobs"}
    sqs = _client(moto, "sqs")
    sqs.send_message(QueueUrl=made.ref, MessageBody="hello")
    assert sqs.receive_message(QueueUrl=made.ref)["Messages"][0]["Body"] == "hello"
    told = sqs.get_queue_attributes(QueueUrl=made.ref, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(told["RedrivePolicy"])["deadLetterTargetArn"] == dead.attributes["Arn"]


async def test_its_log_tells_of_every_call_but_those_that_samlet_repeats_for_ever(
    moto: Moto, resources: MotoResources, state: Path
) -> None:
    made = resources.make(_wanted("SQS::Queue", "Jobs"))
    queue = PolledQueue("Mapping", f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs", AwsCalls(moto.url, REGION), ACCOUNT)
    log = state / "aws" / "moto.log"
    lines = log.read_text().count("POST")
    for _ in range(5):
        assert await queue.receive(1) == []
    _client(moto, "sqs").receive_message(QueueUrl=made.ref)  # a function's own; written behind what came before it
    await eventually_async(lambda: log.read_text().count("POST") > lines)
    assert log.read_text().count("POST") == lines + 1
    gone = PolledQueue("Mapping", f"arn:aws:sqs:{REGION}:{ACCOUNT}:Gone", AwsCalls(moto.url, REGION), ACCOUNT)
    await gone.receive(1)
    await eventually_async(lambda: log.read_text().count("POST") == lines + 2)


async def test_a_topic_reaches_its_queue(moto: Moto, resources: MotoResources) -> None:
    queue = resources.make(_wanted("SQS::Queue", "Jobs", "Arn"))
    topic = resources.make(_wanted("SNS::Topic", "News"))
    link = {"TopicArn": topic.ref, "Protocol": "sqs", "Endpoint": queue.attributes["Arn"], "RawMessageDelivery": True}
    resources.make(_wanted("SNS::Subscription", "Link", **link, FilterPolicy={"kind": ["a"]}))
    sns, sqs = _client(moto, "sns"), _client(moto, "sqs")
    for kind in ("a", "b"):
        words = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic.ref, Message=kind, MessageAttributes=words)
    messages = sqs.receive_message(QueueUrl=queue.ref, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in messages] == ["a"]


async def test_tables_buckets_streams_parameters_keys_and_buses_are_there(moto: Moto, resources: MotoResources) -> None:
    table = resources.make(_wanted("DynamoDB::Table", "Orders", "Arn", "StreamArn", **TABLE))
    assert (table.ref, set(table.attributes), table.notes) == ("Orders", {"Arn"}, ())
    _client(moto, "dynamodb").put_item(TableName=table.ref, Item={"id": {"S": "1"}})
    bucket = resources.make(_wanted("S3::Bucket", "uploads", "Arn"))
    assert (bucket.ref, bucket.attributes["Arn"]) == ("uploads", "arn:aws:s3:::uploads")
    _client(moto, "s3").put_object(Bucket=bucket.ref, Key="k", Body=b"v")
    clicks = resources.make(_wanted("Kinesis::Stream", "Clicks", ShardCount=1))
    _client(moto, "kinesis").put_record(StreamName=clicks.ref, Data=b"d", PartitionKey="p")
    parameter = resources.make(_wanted("SSM::Parameter", "Word", "Value", Name="/a/b", Type="String", Value="v"))
    assert (parameter.ref, parameter.attributes) == ("/a/b", {"Value": "v"})
    assert _client(moto, "ssm").get_parameter(Name="/a/b")["Parameter"]["Value"] == "v"
    key = resources.make(_wanted("KMS::Key", "Key", "Arn", KeyPolicy={"Version": "2012-10-17", "Statement": []}))
    alias = resources.make(_wanted("KMS::Alias", "Alias", AliasName="alias/shop", TargetKeyId=key.ref))
    assert _client(moto, "kms").encrypt(KeyId=alias.ref, Plaintext=b"p")["KeyId"] == key.attributes["Arn"]
    bus = resources.make(_wanted("Events::EventBus", "Bus", "Arn", Name="shop"))
    assert (bus.ref, bus.attributes["Arn"]) == ("shop", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/shop")
    entry = {"Source": "s", "DetailType": "t", "Detail": "{}", "EventBusName": bus.ref}
    assert _client(moto, "events").put_events(Entries=[entry])["FailedEntryCount"] == 0


async def test_a_secret_is_given_or_generated(moto: Moto, resources: MotoResources) -> None:
    generated = {"SecretStringTemplate": '{"user": "me"}', "GenerateStringKey": "password", "PasswordLength": 20}
    given = resources.make(_wanted("SecretsManager::Secret", "Given", SecretString="s"))
    whole = resources.make(_wanted("SecretsManager::Secret", "Whole", GenerateSecretString={"PasswordLength": 12}))
    inside = resources.make(_wanted("SecretsManager::Secret", "Inside", GenerateSecretString=generated))
    read = _client(moto, "secretsmanager").get_secret_value
    texts = [read(SecretId=made.ref)["SecretString"] for made in (given, whole, inside)]
    assert (texts[0], len(texts[1])) == ("s", 12)
    content = json.loads(texts[2])
    assert (content["user"], len(content["password"])) == ("me", 20)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (_wanted("Cognito::UserPool"), "moto has nothing that stands in for AWS::Cognito::UserPool"),
        (_wanted("SQS::Queue", QueueName="no name!"), "moto cannot make it: "),
        (_wanted("SNS::Subscription", Protocol="pigeon", Endpoint="a", TopicArn="b"), "Protocol: pigeon "),
        (
            replace(_wanted("SNS::Subscription", Protocol="lambda", TopicArn=NO_TOPIC), pushes=PUSH),
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
    resources.make(_wanted("SQS::Queue", "Jobs"))
    assert set(resources.names) == {"Jobs"}


async def test_an_attribute_that_moto_does_not_know_costs_that_one_alone(resources: MotoResources) -> None:
    made = resources.make(_wanted("SNS::Topic", "News", "TopicName", "Nonsense"))
    assert made.attributes == {"TopicName": "News"}
    assert made.notes == ("moto knows no attribute Nonsense: a stand-in is given",)


async def test_what_is_unchanged_keeps_its_content_and_what_changed_or_went_is_made_anew(
    moto: Moto, resources: MotoResources
) -> None:
    s3 = _client(moto, "s3")
    for name in ("kept", "changed", "gone"):
        made = resources.make(_wanted("S3::Bucket", name))
        s3.put_object(Bucket=made.ref, Key="k", Body=b"v")
    s3.delete_object(Bucket="changed", Key="k")
    s3.delete_object(Bucket="gone", Key="k")
    resources.make(_wanted("S3::Bucket", "kept"))
    resources.make(_wanted("S3::Bucket", "changed", BucketName="another"))
    resources.keep_only(frozenset({"kept", "changed"}))
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept", "another"]
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"v"


def _holding(moto: Moto, kind: str, ref: str) -> Callable[[], object]:
    """Put something into a queue, a bucket or a table; returns what takes it out again."""
    if kind == "SQS::Queue":
        sqs = _client(moto, "sqs")
        sqs.send_message(QueueUrl=ref, MessageBody="kept")
        return lambda: sqs.purge_queue(QueueUrl=ref)
    if kind == "S3::Bucket":
        s3 = _client(moto, "s3")
        s3.put_object(Bucket=ref, Key="k", Body=b"kept")
        return lambda: s3.delete_object(Bucket=ref, Key="k")
    table = _client(moto, "dynamodb")
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
    made = resources.make(_wanted(kind, "thing", "Arn", **first))
    empty = _holding(moto, kind, made.ref)
    changed = _wanted(kind, "thing", "Arn", **first, **more)
    for _ in range(2):
        kept = resources.make(changed)
        assert (kept.ref, kept.attributes) == (made.ref, made.attributes)
        assert kept.notes == (
            f"stays as it was, since it holds {held}: empty it and save the template again, or start Samlet anew",
        )
    assert resources.make(_wanted(kind, "thing", "Arn", **first)).notes == (), "it may be as it was again"
    empty()
    assert resources.make(changed).notes == ()
    assert resources.make(changed).ref == made.ref


@pytest.mark.parametrize(("kind", "first", "_more", "held"), HOLDING)
async def test_what_left_the_template_stays_while_it_holds_something_and_is_there_when_it_comes_back(
    moto: Moto, resources: MotoResources, capsys: pytest.CaptureFixture[str],
    kind: str, first: dict[str, Any], _more: dict[str, Any], held: str,
) -> None:  # fmt: skip
    wanted = _wanted(kind, "thing", **first)
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
    made = resources.make(_wanted("SQS::Queue", "Jobs"))
    _client(moto, "sqs").send_message(QueueUrl=made.ref, MessageBody="kept")
    asked = resources.make(_wanted("SQS::Queue", "Jobs", "Arn"))
    assert (asked.ref, asked.notes) == (made.ref, ())
    assert asked.attributes == {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:Jobs"}
    assert _client(moto, "sqs").receive_message(QueueUrl=made.ref)["Messages"][0]["Body"] == "kept"


async def test_that_what_a_stream_held_is_gone_is_said(
    resources: MotoResources, capsys: pytest.CaptureFixture[str]
) -> None:
    for shards in (1, 2):
        resources.make(_wanted("Kinesis::Stream", "Clicks", ShardCount=shards))
    assert capsys.readouterr().err.count("Clicks has other properties and is made anew: its records are gone") == 1


def _telling(name: str, *events: str, targets: tuple[str, ...] = (FUNCTION,)) -> WantedResource:
    """A bucket that tells each of the targets of the events."""
    told = tuple(Notification(event, (("prefix", "in/"), ("suffix", ".txt"))) for event in events)
    properties = {"NotificationConfiguration": {"LambdaConfigurations": [events, targets]}}
    pushes = tuple(Push("s3", target, notifications=told) for target in targets if told)
    return WantedResource(name, "AWS::S3::Bucket", name.lower(), properties, pushes=pushes)


def _told(moto: Moto, queue: str) -> list[str]:
    """The events in a queue, which is empty afterwards."""
    sqs = _client(moto, "sqs")
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages", [])
    bodies = [json.loads(message["Body"]) for message in messages]
    return [record["eventName"] for body in bodies for record in body.get("Records", [])]


async def test_a_bucket_puts_what_it_tells_functions_into_queues_and_stays_when_that_changes(
    moto: Moto, resources: MotoResources
) -> None:
    s3, other = _client(moto, "s3"), f"{FUNCTION}2"
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
    assert _client(moto, "sqs").list_queues().get("QueueUrls", []) == []
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket="up.loads")


async def test_a_topic_and_a_subscription_put_what_they_have_for_functions_into_queues(
    moto: Moto, resources: MotoResources
) -> None:
    sns = _client(moto, "sns")
    itself = replace(_wanted("SNS::Topic", "News", Subscription=[{"Protocol": "lambda"}]), pushes=PUSH)
    topic = resources.make(itself)
    link = _wanted("SNS::Subscription", "Link", TopicArn=topic.ref, Protocol="lambda", Endpoint=f"{FUNCTION}2")
    made = resources.make(replace(link, pushes=(Push("sns", f"{FUNCTION}2"),)))
    assert made.ref == made.pushes[0].origin
    found = sns.list_subscriptions_by_topic(TopicArn=topic.ref)["Subscriptions"]
    own = [(push.origin, push.queue) for push in (*topic.pushes, *made.pushes)]
    assert [(one["SubscriptionArn"], one["Endpoint"]) for one in found] == own
    assert {push.source for push in topic.pushes} == {"News"}
    resources.keep_only(frozenset({"News"}))
    assert len(sns.list_subscriptions_by_topic(TopicArn=topic.ref)["Subscriptions"]) == 1
    resources.keep_only(frozenset())
    assert _client(moto, "sqs").list_queues().get("QueueUrls", []) == []


async def test_a_topic_that_changed_has_its_subscriptions_again(moto: Moto, resources: MotoResources) -> None:
    sns, queue = _client(moto, "sns"), resources.make(_wanted("SQS::Queue", "Jobs", "Arn"))
    link = {"Protocol": "sqs", "Endpoint": queue.attributes["Arn"]}
    own = {"Protocol": "lambda", "Endpoint": FUNCTION}
    for name in ("old", "new"):
        topic = resources.make(_wanted("SNS::Topic", "News", DisplayName=name))
        resources.make(_wanted("SNS::Subscription", "Link", TopicArn=topic.ref, **link))
        resources.make(replace(_wanted("SNS::Subscription", "Own", TopicArn=topic.ref, **own), pushes=PUSH))
    found = sns.list_subscriptions_by_topic(TopicArn=topic.ref)["Subscriptions"]
    assert {one["SubscriptionArn"] for one in found} == {resources.names["Link"], resources.names["Own"]}


async def test_a_moto_that_died_comes_back_with_the_same_resources(moto: Moto, resources: MotoResources) -> None:
    queue = resources.make(_wanted("SQS::Queue", "Jobs"))
    pid = moto.status()["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)

    async def back() -> bool:
        return moto.status()["state"] == "ready" and moto.status()["pid"] not in (None, pid)

    await eventually_async(back, timeout=60)
    _client(moto, "sqs").send_message(QueueUrl=queue.ref, MessageBody="hello")


async def test_what_cannot_be_installed_is_said_in_one_line(state: Path, reaper: Reaper) -> None:
    requirements = state / "none.txt"
    requirements.write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ServiceFailed, match="tool cannot be installed: ") as failed:
        await tool_environment("tool", requirements, state / "environments", reaper)
    assert "\n" not in str(failed.value)


async def test_an_installation_that_is_stopped_ends_at_once_with_its_processes_and_counts_as_none(
    state: Path, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    lines: list[asyncio.StreamWriter] = []

    async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        asked.set()

    index = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    try:
        port = index.sockets[0].getsockname()[1]
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
        requirements = state / "requirements.txt"
        requirements.write_text(f"pack==1.0 --hash=sha256:{'0' * 64}\n")
        folder = state / "environments"
        installing = asyncio.create_task(tool_environment("tool", requirements, folder, reaper))
        await asyncio.wait_for(asked.wait(), 60)
        waiting = asyncio.create_task(tool_environment("tool", requirements, folder, reaper))
        assert any(str(folder) in line for line in _command_lines())
        for task in (waiting, installing):
            task.cancel()
        told = await asyncio.gather(waiting, installing, return_exceptions=True)
        assert [type(each) for each in told] == [asyncio.CancelledError] * 2
        assert not [line for line in _command_lines() if str(folder) in line]
    finally:
        index.close()
        for line in lines:
            line.close()
    assert not list(folder.glob("*/.complete"))


def _command_lines() -> list[str]:
    """Those of all processes that this one has started, and they in turn."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # ended since it was listed
            found.append(" ".join(process.cmdline()))
    return found


@pytest.mark.parametrize(
    ("wanted", "properties"),
    [
        (_wanted("S3::Bucket", "b-bucket"), {"BucketName": "b-bucket"}),
        (_wanted("S3::Bucket", "uploads", BucketName="mine"), {"BucketName": "mine"}),
        (_wanted("KMS::Key", "Key"), {}),
    ],
)
def test_what_has_no_name_gets_one_that_is_the_same_at_every_start(
    wanted: WantedResource, properties: dict[str, Any]
) -> None:
    assert adapted(wanted) == (properties, ())


def test_what_wakes_functions_is_nothing_that_moto_itself_delivers() -> None:
    rules = {"LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": "arn"}]}
    wanted = _wanted("S3::Bucket", "uploads", NotificationConfiguration=rules)
    assert adapted(wanted) == ({"BucketName": "uploads"}, ())
    both = [{"Protocol": "lambda", "Endpoint": "f"}, {"Protocol": "sqs", "Endpoint": "arn:aws:sqs:x:1:q"}]
    properties, notes = adapted(_wanted("SNS::Topic", "News", Subscription=both))
    assert (properties["Subscription"], notes) == (both[1:], ())
    properties, notes = adapted(_wanted("SNS::Topic", "News", Subscription=[*both, {"Protocol": "pigeon"}]))
    assert (properties["Subscription"], len(notes)) == (both[1:], 1)


def test_a_queues_subscription_without_a_queue_is_refused_as_aws_does() -> None:
    slip = {"Protocol": "sqs", "Endpoint": FUNCTION}
    reason = f"Endpoint: Protocol sqs needs the ARN of a queue, not {FUNCTION}"
    properties, notes = adapted(_wanted("SNS::Topic", "News", Subscription=[slip]))
    assert (properties["Subscription"], notes) == ([], (f"Subscription: {reason}",))
    with pytest.raises(ResourceRefused) as refused:
        adapted(_wanted("SNS::Subscription", TopicArn=NO_TOPIC, **slip))
    assert str(refused.value) == reason


async def test_the_page_of_another_site_may_read_nothing_but_what_a_bucket_allows(
    moto: Moto, resources: MotoResources
) -> None:
    secret = resources.make(_wanted("SecretsManager::Secret", "Password", SecretString="hunter2"))
    scope = f"Credential=local/20260101/{REGION}/secretsmanager/aws4_request"
    signed = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x"
    read = {"X-Amz-Target": "secretsmanager.GetSecretValue", "Authorization": signed}
    evil, page = {"Origin": "https://evil.example"}, {"Origin": "https://page.example"}
    buckets = _client(moto, "s3")
    buckets.create_bucket(Bucket="open", CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": [page["Origin"]]}
    buckets.put_bucket_cors(Bucket="open", CORSConfiguration={"CORSRules": [rule]})
    buckets.put_object(Bucket="open", Key="a", Body=b"hello")
    link = buckets.generate_presigned_url("get_object", Params={"Bucket": "open", "Key": "a"})
    async with httpx.AsyncClient() as browser:
        asked = await browser.post(moto.url, json={"SecretId": secret.ref}, headers=read | evil)
        assert (asked.status_code, asked.json()["SecretString"]) == (200, "hunter2")
        assert "access-control-allow-origin" not in asked.headers
        allowed = await browser.get(link, headers=page)
        assert (allowed.text, allowed.headers["access-control-allow-origin"]) == ("hello", page["Origin"])
        assert "access-control-allow-origin" not in (await browser.get(link, headers=evil)).headers
