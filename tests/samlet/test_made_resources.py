"""Resources that moto makes for a template, started whole: functions are told of them, and woken or heard by them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from samlet.aws_calls import AwsCalls
from samlet.emulator import Emulator, Options
from samlet.errors import TemplateError
from samlet.project import find
from samlet.settings import Settings
from template_shape import PYTHON, SETTINGS, Shape
from waiting import eventually_async

WITH_OTHERS = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Show:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.13
          Handler: index.handler
          Environment: {Variables: {QUEUE: !Ref Jobs, TABLE_ARN: !GetAtt Orders.Arn, POOL: !Ref Users}}
          InlineCode: |
            import os, urllib.request, urllib.parse, json
            def handler(event, context):
                wanted = ("QUEUE", "TABLE_ARN", "POOL", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA")
                told = {name: os.environ.get(name) for name in wanted}
                if told["AWS_ENDPOINT_URL"] and event:
                    scope = "Credential=local/20260101/eu-central-1/sqs/aws4_request"
                    signed = {"Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=x"}
                    body = urllib.parse.urlencode({"Action": "SendMessage", "MessageBody": "hello"}).encode()
                    with urllib.request.urlopen(urllib.request.Request(told["QUEUE"], body, signed)) as answer:
                        told["sent"] = answer.status
                return told
      Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: !If [Long, 60, 5]}}
      Orders: {Type: AWS::Serverless::SimpleTable}
      Users: {Type: AWS::Cognito::UserPool}
      Policy: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!Ref Jobs], PolicyDocument: {}}}
    Conditions: {Long: !Equals [a, a]}
"""


@pytest.fixture
def with_others(shape: Shape, cache_with_moto: Path, monkeypatch: pytest.MonkeyPatch) -> Shape:
    monkeypatch.setitem(SETTINGS, "cache_folder", cache_with_moto)
    shape.write(template_yaml=WITH_OTHERS)
    return shape


def test_other_resources_are_made_and_functions_are_told_their_names_and_where_they_are(
    with_others: Shape, capsys: pytest.CaptureFixture[str]
) -> None:
    told = with_others.invoke("Show", {"send": True})
    assert told["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert told["AWS_ENDPOINT_URL_LAMBDA"] not in (None, told["AWS_ENDPOINT_URL"])
    assert told["QUEUE"] == f"{told['AWS_ENDPOINT_URL']}/000000000000/Jobs"
    assert told["TABLE_ARN"] == "arn:aws:dynamodb:eu-central-1:000000000000:table/Orders"
    assert (told["sent"], told["POOL"]) == (200, "Users")
    listed = [line for line in capsys.readouterr().err.splitlines() if "not run here" in line]
    assert len(listed) == 1
    reason = "moto has nothing that stands in for AWS::Cognito::UserPool"
    assert listed[0].endswith(f"template.yaml:24: Users (AWS::Cognito::UserPool): {reason}")


def test_without_an_aws_of_ones_own_they_are_listed(with_others: Shape, capsys: pytest.CaptureFixture[str]) -> None:
    with_others.write(samlet_toml="services = { aws = false }")
    told = with_others.invoke("Show")
    assert told["AWS_ENDPOINT_URL"] is None
    assert told["QUEUE"] == "https://sqs.eu-central-1.amazonaws.com/000000000000/Jobs"
    listed = capsys.readouterr().err
    for line, name in ((22, "Jobs"), (23, "Orders"), (24, "Users")):
        assert f"template.yaml:{line}: {name} (" in listed
    assert "Policy" not in listed


def test_the_users_own_aws_wins_and_is_left_alone(
    with_others: Shape, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SETTINGS, "aws_endpoint_url", "http://127.0.0.1:9")
    told = with_others.invoke("Show")
    assert (told["AWS_ENDPOINT_URL"], told["AWS_ENDPOINT_URL_LAMBDA"]) == ("http://127.0.0.1:9", None)
    said = capsys.readouterr().err
    assert "not run here" not in said
    assert "Jobs, Orders, Users are expected at AWS_ENDPOINT_URL" in said


def test_strict_makes_an_error_of_what_nobody_makes(with_others: Shape) -> None:
    with pytest.raises(TemplateError, match=r"--strict was given: Users$"):
        with_others.invoke("Show", strict=True)


def test_a_message_in_a_queue_wakes_its_function_by_way_of_a_topic(with_others: Shape) -> None:
    with_others.write(
        template_yaml="""
            Transform: AWS::Serverless-2016-10-31
            Globals: {Function: {Runtime: python3.13, Handler: index.handler}}
            Resources:
              Worker:
                Type: AWS::Serverless::Function
                Properties:
                  Environment: {Variables: {DONE: !Ref Done}}
                  InlineCode: |
                    import os
                    def handler(event, context):
                        with open(os.environ["DONE"], "a") as file:
                            file.writelines(record["body"] + "\\n" for record in event["Records"])
                  Events: {Job: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 5}}}
              Jobs: {Type: AWS::SQS::Queue}
              News:
                Type: AWS::SNS::Topic
                Properties: {Subscription: [{Protocol: sqs, Endpoint: !GetAtt Jobs.Arn}]}
              Other:
                Type: AWS::SNS::Subscription
                Properties: {Protocol: sqs, TopicArn: !Ref News, Endpoint: !GetAtt Jobs.Arn, RawMessageDelivery: true}
            Parameters: {Done: {Type: String}}
        """
    )
    done = with_others.folder / "done"
    project = find(template=with_others.folder / "template.yaml")
    options = Options(python=PYTHON, parameters={"Done": str(done)})
    emulator = Emulator(project, Settings(**SETTINGS), options)

    async def published() -> None:
        async with emulator.running():
            calls = AwsCalls(emulator.addresses["aws"], "eu-central-1")
            topic = "arn:aws:sns:eu-central-1:000000000000:News"
            await asyncio.to_thread(calls.query, "sns", "Publish", TopicArn=topic, Message="hello")
            await eventually_async(lambda: done.exists() and "\nhello\n" in f"\n{done.read_text()}", timeout=30)
            mappings = emulator.parts()["queue_mappings"]["mappings"]
            assert mappings["WorkerJob"]["function"] == "Worker"
            assert set(emulator.parts()["aws"]["resources"]) == {"Jobs", "News", "Other"}

    asyncio.run(published())


def test_queues_and_topics_hear_of_asynchronous_invocations_and_of_dead_letters(with_others: Shape) -> None:
    with_others.write(
        template_yaml="""
            Transform: AWS::Serverless-2016-10-31
            Globals: {Function: {Runtime: python3.13, Handler: index.handler}}
            Resources:
              Fails:
                Type: AWS::Serverless::Function
                Properties:
                  DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}
                  EventInvokeConfig:
                    MaximumRetryAttempts: 0
                    DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Failed.Arn}}
                  InlineCode: |
                    def handler(event, context):
                        raise ValueError("as was wished")
              Works:
                Type: AWS::Serverless::Function
                Properties:
                  EventInvokeConfig: {DestinationConfig: {OnSuccess: {Type: SNS, Destination: !Ref News}}}
                  InlineCode: "def handler(event, context): return 'fine'"
              Dead: {Type: AWS::SQS::Queue}
              Failed: {Type: AWS::SQS::Queue}
              Heard: {Type: AWS::SQS::Queue}
              News:
                Type: AWS::SNS::Topic
                Properties: {Subscription: [{Protocol: sqs, Endpoint: !GetAtt Heard.Arn}]}
        """
    )
    project = find(template=with_others.folder / "template.yaml")
    emulator = Emulator(project, Settings(**SETTINGS), Options(python=PYTHON, strict=True))

    async def sent() -> tuple[Any, Any, Any]:
        async with emulator.running():
            calls = AwsCalls(emulator.addresses["aws"], "eu-central-1")
            async with httpx.AsyncClient(base_url=emulator.addresses["lambda"]) as client:
                for name in ("Fails", "Works"):
                    path = f"/2015-03-31/functions/{name}/invocations"
                    answer = await client.post(path, json={"n": 1}, headers={"X-Amz-Invocation-Type": "Event"})
                    assert answer.status_code == 202
            return await _received(calls, "Dead"), await _received(calls, "Failed"), await _received(calls, "Heard")

    dead, failed, heard = asyncio.run(sent())
    assert json.loads(dead["Body"]) == {"n": 1}
    told = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    record = json.loads(failed["Body"])
    assert told == {
        "RequestID": record["requestContext"]["requestId"], "ErrorCode": "200", "ErrorMessage": "as was wished",
    }  # fmt: skip
    assert (record["requestContext"]["condition"], record["requestPayload"]) == ("RetriesExhausted", {"n": 1})
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert json.loads(json.loads(heard["Body"])["Message"])["responsePayload"] == "fine"


async def _received(calls: AwsCalls, queue: str) -> dict[str, Any]:
    """The first message that comes into a queue."""
    wanted = {"QueueUrl": f"{calls.url}/000000000000/{queue}", "MessageAttributeNames": ["All"]}

    async def ask() -> list[dict[str, Any]]:
        answer = await asyncio.to_thread(calls.json, "sqs", "AmazonSQS.ReceiveMessage", wanted)
        return list(answer.get("Messages") or [])

    messages: list[dict[str, Any]] = await eventually_async(ask, timeout=30)
    return messages[0]
