"""docs/reference/permissions.md says what template.yaml grants, row by row."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from moto.iam.aws_managed_policies import aws_managed_policies_data

import stacks
from samlet.template import reader, transform
from samlet.template.parameters import resolve_parameters

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENT = (CHECKOUT / "docs" / "reference" / "permissions.md").read_text()


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The template's, as AWS gets them, with a network around the functions."""
    document = reader.read(CHECKOUT / "template.yaml")
    required = {name: "x" for name, about in document["Parameters"].items() if "Default" not in about}
    parameters = resolve_parameters(document["Parameters"], required)
    expanded = transform.expand(document, parameters, lambda node, _place: node, root=CHECKOUT, region="eu-central-1")
    found: dict[str, Any] = expanded["Resources"]
    return found


@pytest.fixture(scope="module")
def functions(resources: dict[str, Any]) -> dict[str, str]:
    """Logical ids to the names that the documents use."""
    kind = "AWS::Lambda::Function"
    return {
        logical_id: it["Properties"]["Handler"].partition(".")[0]
        for logical_id, it in resources.items()
        if it["Type"] == kind
    }


def test_each_function_may_do_what_the_table_says_and_nothing_else(
    resources: dict[str, Any], functions: dict[str, str]
) -> None:
    granted = {
        (name, action, target)
        for logical_id, name in functions.items()
        for action, target in rights(resources[resources[logical_id]["Properties"]["Role"]["Fn::GetAtt"][0]])
    }
    documented = {
        (who, action, target)
        for row in table("Roles of the functions")
        for who in (sorted(functions.values()) if row[0] == "every function" else words(row[0]))
        for action in words(row[1])
        for target in words(row[2]) or ["—"]
    }
    assert documented == granted
    assert all(row[3] for row in table("Roles of the functions"))


def test_the_mappings_pollers_may_do_what_aws_asks_for(resources: dict[str, Any], functions: dict[str, str]) -> None:
    """Without one of these AWS refuses to make the mapping; AWS's own policies say which."""
    (logical_id,) = [it for it, name in functions.items() if name == "mail_sender"]
    granted = {action for action, _ in rights(resources[resources[logical_id]["Properties"]["Role"]["Fn::GetAtt"][0]])}
    for managed in granted & managed_policies().keys():
        granted = granted | managed_policies()[managed]
    assert managed_policies()["AWSLambdaMSKExecutionRole"] - granted == set()


def test_the_other_roles_may_do_what_their_table_says(resources: dict[str, Any], functions: dict[str, str]) -> None:
    own = {resources[logical_id]["Properties"]["Role"]["Fn::GetAtt"][0] for logical_id in functions}
    granted = {
        right
        for logical_id, it in resources.items()
        if it["Type"] == "AWS::IAM::Role" and logical_id not in own
        for right in rights(it)
    }
    aliases = {f"{logical_id}Aliaslive": name for logical_id, name in functions.items()}
    assert {(words(row[1])[0], row[2]) for row in table("Other roles")} == {
        (action, f"alias `live` of `{aliases[target]}`" if target in aliases else target) for action, target in granted
    }


# What the handlers of CloudFormation ask for and this service never makes them do, with the reason.
UNUSED = {
    "apigateway:TagResource": "no right of API Gateway is called so: tags are POST and DELETE of /tags",
    "apigateway:UntagResource": "no right of API Gateway is called so: tags are POST and DELETE of /tags",
    "elasticfilesystem:DescribeMountTargets": "no file systems",
    "s3files:ListMountTargets": "no file systems",
    "s3:GetObjectVersion": "an artifact's name is its content",
    "s3:REST.PUT.OBJECT": "logs go nowhere else",
    "firehose:TagDeliveryStream": "logs go nowhere else",
    "iam:UpdateRole": "no role has a description or a length of session",
    "iam:UpdateRoleDescription": "no role has a description",
    "iam:DeleteRolePermissionsBoundary": "nobody may",
    **{
        f"kms:{action}": "no function and no mapping has a key of its own"
        for action in ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
    },
}


def test_cloudformation_may_do_what_the_resources_of_the_service_ask_for(resources: dict[str, Any]) -> None:
    policies = stacks.read("delivery")["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    granted = [
        action.lower()
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    ]
    asked = {
        action
        for kind in {it["Type"] for it in resources.values()}
        for step, about in PROVIDER_SCHEMA_MANAGER.get_resource_schema(stacks.REGION, kind).schema["handlers"].items()
        for action in about.get("permissions", [])
        if step != "list"
    }
    missing = {it for it in asked if not any(fnmatchcase(it.lower(), pattern) for pattern in granted)}
    assert missing == set(UNUSED)


def test_only_those_of_the_table_may_invoke_a_function(resources: dict[str, Any], functions: dict[str, str]) -> None:
    aliases = {f"{logical_id}Aliaslive": name for logical_id, name in functions.items()}
    granted = {
        (aliases[it["Properties"]["FunctionName"]["Ref"]], it["Properties"]["Principal"])
        for it in resources.values()
        if it["Type"] == "AWS::Lambda::Permission"
    }
    assert {(who, words(row[1])[0]) for row in table("Who may invoke a function") for who in words(row[0])} == granted
    assert all("SourceArn" in it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::Permission")


# --- reading both ----------------------------------------------------------------------------------------------------


def table(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = DOCUMENT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rights(role: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every action of a role with what it is allowed on; a managed policy counts as an action."""
    for managed in role["Properties"].get("ManagedPolicyArns", []):
        yield (managed["Fn::Sub"] if isinstance(managed, dict) else managed).rpartition("/")[2], "—"
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            it = statement["Fn::If"][1] if "Fn::If" in statement else statement
            assert it["Effect"] == "Allow"
            for action in listed(it["Action"]):
                for target in listed(it["Resource"]):
                    yield action, named(target)


@cache
def managed_policies() -> dict[str, set[str]]:
    """The actions of AWS's own policies, as moto copied them."""
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return {
        name: {action for it in listed(about["Document"]["Statement"]) for action in listed(it.get("Action", []))}
        for name, about in policies.items()
    }


def listed(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def named(target: Any) -> str:
    """A parameter or resource by its name, a secret by its own, anything else as it is written."""
    if isinstance(target, dict) and "Ref" in target:
        return str(target["Ref"])
    text = target["Fn::Sub"] if isinstance(target, dict) else target
    secret = re.fullmatch(r"arn:.*:secretsmanager:.*:secret:(.*)-\?{6}", text)
    return secret[1].replace("${Stage}", "<stage>") if secret else str(text)
