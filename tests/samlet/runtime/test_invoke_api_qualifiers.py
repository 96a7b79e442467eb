"""Aliases and versions of a function, asked for by boto3."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

PUBLISHED: dict[str, Any] = {"aliases": {"live": "1"}, "versions": ("1",)}
WHO = "def handler(event, context):\n    return context.invoked_function_arn\n"


@pytest.mark.parametrize(
    ("name", "qualifier", "version", "end"),
    [
        ("test-echo", None, "$LATEST", ":function:test-echo"),
        ("test-echo", "$LATEST", "$LATEST", ":function:test-echo:$LATEST"),
        ("test-echo", "live", "1", ":function:test-echo:live"),
        ("test-echo", "1", "1", ":function:test-echo:1"),
        ("test-echo:live", None, "1", ":function:test-echo:live"),
        ("test-echo:live", "live", "1", ":function:test-echo:live"),
        ("000000000000:function:test-echo:live", None, "1", ":function:test-echo:live"),
        ("function:test-echo:live", None, "1", ":function:test-echo:live"),
        ("arn:aws:lambda:eu-central-1:000000000000:function:test-echo:1", None, "1", ":function:test-echo:1"),
    ],
)
async def test_name_arn_partial_arn_and_qualifier(
    asked: Callable[..., Any], name: str, qualifier: str | None, version: str, end: str
) -> None:
    def work(client: Any) -> None:
        asked_for = {"Qualifier": qualifier} if qualifier else {}
        answer = client.invoke(FunctionName=name, LogType="Tail", **asked_for)
        assert answer["ExecutedVersion"] == version
        assert json.loads(answer["Payload"].read()).endswith(end)

    await asked(work, WHO, **PUBLISHED)


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
async def test_an_unknown_qualifier_is_a_resource_not_found(asked: Callable[..., Any], kind: str) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.ResourceNotFoundException) as unknown:
            client.invoke(FunctionName="test-echo", Qualifier="blue", InvocationType=kind)
        error = unknown.value.response
        arn = "arn:aws:lambda:eu-central-1:000000000000:function:test-echo:blue"
        assert error["Error"] == {"Code": "ResourceNotFoundException", "Message": f"Function not found: {arn}"}
        assert error["Type"] == "User"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 404

    await asked(work, WHO, **PUBLISHED)


async def test_two_different_qualifiers_are_an_invalid_parameter(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        with pytest.raises(client.exceptions.InvalidParameterValueException, match="derived qualifier"):
            client.invoke(FunctionName="test-echo:live", Qualifier="1")

    await asked(work, WHO, **PUBLISHED)


async def test_the_start_line_names_the_executed_version(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> str:
        answer = client.invoke(FunctionName="test-echo:live", LogType="Tail")
        return base64.b64decode(answer["LogResult"]).decode()

    log = await asked(work, WHO, **PUBLISHED)
    assert log.splitlines()[0].endswith("Version: 1")


async def test_aliases_and_versions_can_be_looked_up(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        alias = client.get_alias(FunctionName="test-echo", Name="live")
        assert (alias["Name"], alias["FunctionVersion"]) == ("live", "1")
        assert alias["AliasArn"].endswith(":function:test-echo:live")
        listed = client.list_aliases(FunctionName="test-echo")["Aliases"]
        assert [found["Name"] for found in listed] == ["live"]
        assert client.list_aliases(FunctionName="test-echo", FunctionVersion="2")["Aliases"] == []
        versions = client.list_versions_by_function(FunctionName="test-echo")["Versions"]
        assert [found["Version"] for found in versions] == ["$LATEST", "1"]
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="Cannot find alias arn"):
            client.get_alias(FunctionName="test-echo", Name="blue")

    await asked(work, WHO, **PUBLISHED)


async def test_a_qualifier_counts_for_descriptions_too(asked: Callable[..., Any]) -> None:
    def work(client: Any) -> None:
        configuration = client.get_function_configuration(FunctionName="test-echo", Qualifier="live")
        assert configuration["FunctionArn"].endswith(":test-echo:live")
        assert configuration["Version"] == "1"
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.get_function(FunctionName="test-echo:blue")

    await asked(work, WHO, **PUBLISHED)
