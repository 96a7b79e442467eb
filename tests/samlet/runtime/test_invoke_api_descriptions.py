"""ListFunctions, GetFunction and their like, asked by boto3 of functions that came from a template."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime import Functions
from samlet.template import load

from .asking import ask

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      Shop:
        Type: AWS::Serverless::Function
        Properties:
          FunctionName: shop
          Runtime: python3.13
          Handler: app.handler
          CodeUri: code/
          AutoPublishAlias: live
          Description: Sells things
          Timeout: 7
          MemorySize: 512
          Architectures: [arm64]
          ReservedConcurrentExecutions: 3
          Tags: {team: sales}
          Environment: {Variables: {PASSWORD: hidden, USER: hidden-too}}
          EventInvokeConfig:
            MaximumRetryAttempts: 1
            MaximumEventAgeInSeconds: 120
            DestinationConfig: {OnFailure: {Type: Lambda, Destination: !GetAtt Undertaker.Arn}}
      Undertaker:
        Type: AWS::Serverless::Function
        Properties: {Runtime: python3.13, Handler: app.handler, CodeUri: code/}
"""
ARN = "arn:aws:lambda:eu-central-1:000000000000:function:shop"


@pytest.fixture
def asked(tmp_path: Path, running: Running) -> Any:
    """Runs `work(client)` with the functions of the template."""
    (tmp_path / "code").mkdir()
    path = tmp_path / "template.yaml"
    path.write_text(dedent(TEMPLATE))

    async def ask_all(work: Any) -> None:
        async with running(*load(path, {}).functions.values()) as functions:
            await ask(functions, work)

    return ask_all


async def test_get_function_configuration_has_the_templates_fields(asked: Any) -> None:
    def work(client: Any) -> None:
        shown = client.get_function_configuration(FunctionName="shop")
        expected = {
            "FunctionName": "shop",
            "FunctionArn": ARN,
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Description": "Sells things",
            "Timeout": 7,
            "MemorySize": 512,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "Architectures": ["arm64"],
            "EphemeralStorage": {"Size": 512},
            "TracingConfig": {"Mode": "PassThrough"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/shop"},
            "Role": "arn:aws:iam::000000000000:role/ShopRole",
            "State": "Active",
            "LastUpdateStatus": "Successful",
        }
        assert {name: shown[name] for name in expected} == expected

    await asked(work)


async def test_the_values_of_variables_are_never_shown(asked: Any) -> None:
    def work(client: Any) -> None:
        answer = client.get_function(FunctionName="shop")
        assert answer["Configuration"]["Environment"]["Error"]["Message"].endswith("PASSWORD, USER")
        assert "hidden" not in repr(answer) + repr(client.list_functions(FunctionVersion="ALL"))

    await asked(work)


async def test_get_function_has_code_tags_and_concurrency(asked: Any, tmp_path: Path) -> None:
    def work(client: Any) -> None:
        answer = client.get_function(FunctionName=f"{ARN}:live")
        assert answer["Configuration"]["FunctionArn"] == f"{ARN}:live"
        assert answer["Configuration"]["Version"] == "1"
        assert answer["Code"]["Location"] == (tmp_path / "code").as_uri()
        assert answer["Tags"]["team"] == "sales"
        assert answer["Concurrency"] == {"ReservedConcurrentExecutions": 3}
        assert client.get_function_concurrency(FunctionName="shop")["ReservedConcurrentExecutions"] == 3
        assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="Undertaker")

    await asked(work)


async def test_list_functions_shows_all_or_all_versions(asked: Any) -> None:
    def work(client: Any) -> None:
        assert [shown["FunctionArn"] for shown in client.list_functions()["Functions"]] == [
            ARN,
            ARN.replace("shop", "Undertaker"),
        ]
        versions = client.list_functions(FunctionVersion="ALL")["Functions"]
        assert [shown["FunctionArn"] for shown in versions][:2] == [f"{ARN}:$LATEST", f"{ARN}:1"]

    await asked(work)


async def test_the_event_invoke_config_is_the_templates(asked: Any) -> None:
    def work(client: Any) -> None:
        shown = client.get_function_event_invoke_config(FunctionName="shop", Qualifier="live")
        assert shown["FunctionArn"] == f"{ARN}:live"
        assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (1, 120)
        undertaker = {"OnSuccess": {}, "OnFailure": {"Destination": ARN.replace("shop", "Undertaker")}}
        assert shown["DestinationConfig"] == undertaker
        listed = client.list_function_event_invoke_configs(FunctionName="shop")["FunctionEventInvokeConfigs"]
        assert [config["MaximumRetryAttempts"] for config in listed] == [1]
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="doesn't have an EventInvokeConfig"):
            client.get_function_event_invoke_config(FunctionName="Undertaker")

    await asked(work)


async def test_lists_have_pages(make: MakeFunction, running: Running) -> None:
    def work(client: Any) -> None:
        first = client.list_functions(MaxItems=50)
        assert (len(first["Functions"]), "NextMarker" in first) == (50, True)
        pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 20})
        sizes = [len(page["Functions"]) for page in pages]
        assert sizes == [20, 20, 20, 1]
        everything = [shown["FunctionName"] for shown in pages.search("Functions")]
        assert sorted(set(everything)) == sorted(everything)
        with pytest.raises(client.exceptions.ClientError, match=r"ValidationException.*marker"):
            client.list_functions(Marker="elsewhere")
        with pytest.raises(client.exceptions.ClientError, match=r"ValidationException.*maxItems"):
            client.list_functions(MaxItems=0)

    many = [make("", f"F{number:02}") for number in range(61)]
    async with running(*many) as functions:
        assert isinstance(functions, Functions)
        await ask(functions, work)
