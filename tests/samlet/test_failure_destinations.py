"""Batches of Kafka that a function fails, told to a queue, a topic and a bucket that moto made: a whole Samlet."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from kafka_stage import make_topic
from samlet.aws_calls import AwsCalls
from samlet.cluster import Record
from samlet.emulator import Emulator, Options
from samlet.kafka_client import KafkaCluster
from samlet.project import find
from samlet.services import reset
from samlet.settings import Settings
from template_shape import PYTHON, SETTINGS, Shape
from waiting import eventually_async

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Parameters: {Servers: {Type: String}}
    Resources:
      Fails:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.13
          Handler: index.handler
          InlineCode: |
            def handler(event, context):
                raise ValueError("as was wished")
      ToQueue: &mapping
        Type: AWS::Lambda::EventSourceMapping
        Properties: &properties
          FunctionName: !Ref Fails
          SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: [!Ref Servers]}}
          Topics: [orders]
          StartingPosition: TRIM_HORIZON
          ProvisionedPollerConfig: {MinimumPollers: 1}
          SourceAccessConfigurations: [{Type: SASL_SCRAM_512_AUTH, URI: nowhere}]
          MaximumRetryAttempts: 0
          DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}
      ToTopic:
        <<: *mapping
        Properties: {<<: *properties, DestinationConfig: {OnFailure: {Destination: !Ref News}}}
      ToBucket:
        <<: *mapping
        Properties: {<<: *properties, DestinationConfig: {OnFailure: {Destination: !GetAtt Batches.Arn}}}
      Dead: {Type: AWS::SQS::Queue}
      Heard: {Type: AWS::SQS::Queue}
      Batches: {Type: AWS::S3::Bucket}
      News:
        Type: AWS::SNS::Topic
        Properties: {Subscription: [{Protocol: sqs, Endpoint: !GetAtt Heard.Arn}]}
"""


def test_a_failed_batch_is_told_to_each_kind_of_destination_also_of_an_embedded_kafka_that_asks_nobody(
    shape: Shape, cache_with_moto: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SETTINGS, "cache_folder", cache_with_moto)
    toml = 'services = { kafka = {} }\nparameters = { Servers = "{kafka.bootstrap_servers}" }'
    shape.write(template_yaml=TEMPLATE, samlet_toml=toml)
    project = find(template=shape.folder / "template.yaml")
    emulator = Emulator(project, Settings(**SETTINGS), Options(python=PYTHON, strict=True))

    async def told() -> tuple[Any, Any, Any]:
        async with emulator.running():
            servers = emulator.addresses["kafka"]
            await asyncio.to_thread(make_topic, servers, "orders")
            await asyncio.to_thread(KafkaCluster(servers).send, "orders", [Record("", 0, 0, 0, b"k", b'{"n":1}')])
            calls = AwsCalls(emulator.addresses["aws"], "eu-central-1")
            dead, heard = await _received(calls, "Dead"), json.loads((await _received(calls, "Heard"))["Message"])
            return dead, heard, await _stored(calls)

    try:
        dead, heard, (key, stored) = asyncio.run(told())
    finally:
        reset(shape.folder / ".samlet")
    waived = "the embedded Kafka asks for no password: SourceAccessConfigurations don't count"
    assert capsys.readouterr().err.count(waived) == 3
    for record in (dead, heard, stored):
        context = record["requestContext"]
        assert context["functionArn"] == "arn:aws:lambda:eu-central-1:000000000000:function:Fails"
        assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 1)
        assert record["responseContext"]["functionError"] == "Unhandled"
        place = record["KafkaBatchInfo"]["recordsInfo"]["orders-0"]
        assert (place["firstRecordOffset"], place["lastRecordOffset"]) == ("0", "0")
    assert key.startswith("aws/lambda/ToBucket/orders-0/")
    assert json.loads(stored["payload"])["records"]["orders-0"][0]["value"] == "eyJuIjoxfQ=="


def test_a_bucket_hears_of_asynchronous_events_that_fail(
    shape: Shape, cache_with_moto: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "cache_folder", cache_with_moto)
    shape.write(
        template_yaml="""
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Fails:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: python3.13
                  Handler: index.handler
                  InlineCode: "def handler(event, context): raise ValueError('as was wished')"
              Config:
                Type: AWS::Lambda::EventInvokeConfig
                Properties:
                  FunctionName: !Ref Fails
                  Qualifier: $LATEST
                  MaximumRetryAttempts: 0
                  DestinationConfig: {OnFailure: {Destination: !GetAtt Batches.Arn}}
              Batches: {Type: AWS::S3::Bucket}
        """
    )
    project = find(template=shape.folder / "template.yaml")
    emulator = Emulator(project, Settings(**SETTINGS), Options(python=PYTHON, strict=True))

    async def told() -> tuple[str, dict[str, Any]]:
        async with emulator.running():
            url = f"{emulator.addresses['lambda']}/2015-03-31/functions/Fails/invocations"
            await asyncio.to_thread(urlopen, Request(url, b'{"n": 1}', {"X-Amz-Invocation-Type": "Event"}))
            return await _stored(AwsCalls(emulator.addresses["aws"], "eu-central-1"))

    key, record = asyncio.run(told())
    assert key.startswith("aws/lambda/async/Fails/2")
    assert (record["requestContext"]["condition"], record["requestPayload"]) == ("RetriesExhausted", {"n": 1})
    assert record["responsePayload"]["errorMessage"] == "as was wished"


async def _received(calls: AwsCalls, queue: str) -> dict[str, Any]:
    """The body of the first message that comes into a queue."""
    wanted = {"QueueUrl": f"{calls.url}/000000000000/{queue}"}

    async def ask() -> list[dict[str, Any]]:
        answer = await asyncio.to_thread(calls.json, "sqs", "AmazonSQS.ReceiveMessage", wanted)
        return list(answer.get("Messages") or [])

    messages: list[dict[str, Any]] = await eventually_async(ask, timeout=60)
    body: dict[str, Any] = json.loads(messages[0]["Body"])
    return body


async def _stored(calls: AwsCalls) -> tuple[str, dict[str, Any]]:
    """The first object that comes into the bucket: its key, and what is in it."""

    async def ask() -> str:
        listed = await asyncio.to_thread(_get, f"{calls.url}/batches")
        return listed.partition("<Key>")[2].partition("</Key>")[0]

    key = await eventually_async(ask, timeout=60)
    return key, json.loads(await asyncio.to_thread(_get, f"{calls.url}/batches/{key}"))


def _get(url: str) -> str:
    signed = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
    with urlopen(Request(url, headers={"Authorization": signed})) as answer:
        return str(answer.read().decode())
