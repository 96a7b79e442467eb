"""Topics and buckets that wake real functions, by templates of every shape, started whole."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from samlet.emulator import Emulator, Options
from samlet.project import find
from samlet.settings import Settings
from template_shape import PYTHON, SETTINGS, Shape
from waiting import eventually_async

CODE = """
            import json, os
            def handler(event, context):
                with open(os.environ["DONE"], "a") as file:
                    file.write(json.dumps([context.invoked_function_arn, event]) + "\\n")
                if "fail" in json.dumps(event):
                    raise ValueError("as was wished")
"""
SAM = f"""
Transform: AWS::Serverless-2016-10-31
Parameters: {{Done: {{Type: String}}}}
Resources:
  Taker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      AutoPublishAlias: live
      Environment: {{Variables: {{DONE: !Ref Done}}}}
      DeadLetterQueue: {{Type: SQS, TargetArn: !GetAtt Dead.Arn}}
      EventInvokeConfig: {{MaximumRetryAttempts: 0}}
      InlineCode: |{CODE}
      Events:
        Upload:
          Type: S3
          Properties:
            Bucket: !Ref Uploads
            Events: s3:ObjectCreated:*
            Filter: {{S3Key: {{Rules: [{{Name: prefix, Value: in/}}, {{Name: suffix, Value: .txt}}]}}}}
        Told: {{Type: SNS, Properties: {{Topic: !Ref News, FilterPolicy: {{kind: [a, {{prefix: b}}]}}}}}}
        Queued: {{Type: SNS, Properties: {{Topic: !Ref Slow, SqsSubscription: true}}}}
  Uploads: {{Type: AWS::S3::Bucket}}
  News: {{Type: AWS::SNS::Topic}}
  Slow: {{Type: AWS::SNS::Topic}}
  Dead: {{Type: AWS::SQS::Queue}}
"""
PLAIN = f"""
Parameters: {{Done: {{Type: String}}}}
Resources:
  Taker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Environment: {{Variables: {{DONE: !Ref Done}}}}
      Code:
        ZipFile: |{CODE}
  Role: {{Type: AWS::IAM::Role, Properties: {{AssumeRolePolicyDocument: {{}}}}}}
  May:
    Type: AWS::Lambda::Permission
    Properties: {{FunctionName: !Ref Taker, Action: "lambda:InvokeFunction", Principal: s3.amazonaws.com}}
  Uploads:
    Type: AWS::S3::Bucket
    DependsOn: May
    Properties:
      NotificationConfiguration:
        LambdaConfigurations: [{{Event: "s3:ObjectRemoved:*", Function: !GetAtt Taker.Arn}}]
        TopicConfigurations: [{{Event: "s3:ObjectCreated:Copy", Topic: !Ref Outside}}]
        QueueConfigurations:
          - Event: "s3:ObjectCreated:Put"
            Queue: !GetAtt Jobs.Arn
            Filter: {{S3Key: {{Rules: [{{Name: prefix, Value: queued/}}]}}}}
  Jobs: {{Type: AWS::SQS::Queue}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{FunctionName: !Ref Taker, EventSourceArn: !GetAtt Jobs.Arn}}
  Inside:
    Type: AWS::SNS::Topic
    Properties: {{Subscription: [{{Protocol: lambda, Endpoint: !GetAtt Taker.Arn}}]}}
  Outside: {{Type: AWS::SNS::Topic, Properties: {{TopicName: beside}}}}
  Link:
    Type: AWS::SNS::Subscription
    Properties: {{Protocol: lambda, TopicArn: !Ref Outside, Endpoint: !GetAtt Taker.Arn}}
"""
TOPIC = "arn:aws:sns:eu-central-1:000000000000:"
TAKER = "arn:aws:lambda:eu-central-1:000000000000:function:Taker"

type Client = Callable[[str], Any]
type Doing = Callable[[Client], None]


class Running:
    """A template that is run, with what its function was given."""

    def __init__(self, shape: Shape, template: str) -> None:
        shape.write(template_yaml=template)
        self.done = shape.folder / "done"
        self.done.touch()
        project = find(template=shape.folder / "template.yaml")
        options = Options(python=PYTHON, parameters={"Done": str(self.done)}, strict=True)
        self.emulator = Emulator(project, Settings(**SETTINGS), options)

    def client(self, service: str) -> Any:
        session = boto3.Session("local", "local", region_name="eu-central-1")
        return session.client(service, endpoint_url=self.emulator.addresses["aws"])

    def taken(self) -> list[tuple[str, dict[str, Any]]]:
        lines = [json.loads(line) for line in self.done.read_text().splitlines()]
        return [(arn, record) for arn, event in lines for record in event["Records"]]

    async def after(self, doing: Doing, count: int) -> list[tuple[str, dict[str, Any]]]:
        """What the function was given until there are so many records of `doing`."""
        before = len(self.taken())
        await asyncio.to_thread(doing, self.client)
        await eventually_async(lambda: len(self.taken()) >= before + count, timeout=30)
        return self.taken()[before:]


@pytest.fixture
def running(shape: Shape, cache_with_moto: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Running]:
    monkeypatch.setitem(SETTINGS, "cache_folder", cache_with_moto)
    return lambda template: Running(shape, template)


def _put(*keys: str) -> Doing:
    def put(client: Client) -> None:
        for key in keys:
            client("s3").put_object(Bucket="uploads", Key=key, Body=b"hello")

    return put


def _publish(topic: str, *messages: tuple[str, str]) -> Doing:
    def publish(client: Client) -> None:
        for text, kind in messages:
            told = {"kind": {"DataType": "String", "StringValue": kind}}
            client("sns").publish(TopicArn=TOPIC + topic, Message=text, Subject="s", MessageAttributes=told)

    return publish


def test_sams_s3_and_sns_events_wake_the_alias_of_a_function(running: Callable[[str], Running]) -> None:
    run = running(SAM)

    async def use() -> None:
        async with run.emulator.running():
            ((arn, upload),) = await run.after(_put("out/a.txt", "in/a.png", "in/a b.txt"), 1)
            assert (arn, upload["eventName"]) == (f"{TAKER}:live", "ObjectCreated:Put")
            assert (upload["s3"]["bucket"]["name"], upload["s3"]["object"]["key"]) == ("uploads", "in/a+b.txt")

            told = await run.after(_publish("News", ("1", "c"), ("2", "a"), ("3", "bb")), 2)
            assert {arn for arn, _ in told} == {f"{TAKER}:live"}
            assert sorted(record["Sns"]["Message"] for _, record in told) == ["2", "3"]
            assert {record["Sns"]["Subject"] for _, record in told} == {"s"}

            ((_, queued),) = await run.after(_publish("Slow", ("hello", "a")), 1)
            assert queued["eventSource"] == "aws:sqs"
            assert json.loads(queued["body"])["Message"] == "hello"
            mappings = run.emulator.parts()["push_mappings"]["mappings"]
            assert mappings["TakerTold"] == {
                "kind": "sns", "source": "News", "target": "Taker", "sent": 2, "filtered": 1,
            }  # fmt: skip
            assert len(run.taken()) == 4

    asyncio.run(use())


def test_an_event_that_the_function_fails_goes_where_its_dead_letters_go(running: Callable[[str], Running]) -> None:
    run = running(SAM)

    async def use() -> None:
        async with run.emulator.running():
            await run.after(_put("in/fail.txt"), 1)
            sqs = run.client("sqs")
            url = sqs.get_queue_url(QueueName="Dead")["QueueUrl"]

            async def letters() -> list[dict[str, Any]]:
                answer = await asyncio.to_thread(sqs.receive_message, QueueUrl=url, MessageAttributeNames=["All"])
                return list(answer.get("Messages", []))

            (letter,) = await eventually_async(letters, timeout=30)
            assert json.loads(letter["Body"])["Records"][0]["s3"]["object"]["key"] == "in/fail.txt"
            assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "as was wished"
            assert len(run.taken()) == 1

    asyncio.run(use())


def test_plain_cloudformation_wakes_functions_by_a_bucket_a_topic_a_subscription_and_what_a_bucket_tells_those(
    running: Callable[[str], Running],
) -> None:
    run = running(PLAIN)

    async def use() -> None:
        async with run.emulator.running():

            def delete(client: Client) -> None:
                _put("a")(client)
                client("s3").delete_object(Bucket="uploads", Key="a")

            ((arn, gone),) = await run.after(delete, 1)
            assert (arn, gone["eventName"]) == (TAKER, "ObjectRemoved:Delete")
            ((_, inside),) = await run.after(_publish("Inside", ("1", "a")), 1)
            ((_, outside),) = await run.after(_publish("beside", ("2", "a")), 1)
            assert [record["Sns"]["Message"] for record in (inside, outside)] == ["1", "2"]
            assert outside["EventSubscriptionArn"].startswith(f"{TOPIC}beside:")

            ((_, message),) = await run.after(_put("queued/b c"), 1)
            (queued,) = json.loads(message["body"])["Records"]
            assert (message["eventSource"], queued["s3"]["object"]["key"]) == ("aws:sqs", "queued/b+c")

            def copy(client: Client) -> None:
                client("s3").copy_object(
                    Bucket="uploads", Key="copy", CopySource={"Bucket": "uploads", "Key": "queued/b c"}
                )

            ((_, news),) = await run.after(copy, 1)
            (copied,) = json.loads(news["Sns"]["Message"])["Records"]
            assert (copied["eventName"], news["Sns"]["Subject"]) == ("ObjectCreated:Copy", "Amazon S3 Notification")

    asyncio.run(use())
