"""The CloudFormation files of iac/, and what it takes to have moto make them."""

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from cfnlint.decode import decode

IAC = Path(__file__).parents[1] / "iac"
NAMES = ("network", "secrets", "data", "kafka", "web", "observability", "delivery")
REGION = "eu-central-1"

# Left out where moto makes a stack, each for the reason given; a test sees to it that the list is exact.
UNKNOWN_TO_MOTO = {
    "AWS::Budgets::Budget": "by API alone",
    "AWS::CloudFront::CachePolicy": "no cache policies",
    "AWS::CloudFront::Distribution": "distributions by API alone",
    "AWS::CloudFront::OriginAccessControl": "by API alone",
    "AWS::CloudFront::ResponseHeadersPolicy": "no response headers policies",
    "AWS::CloudWatch::Alarm": "by API alone",
    "AWS::EC2::SecurityGroupEgress": "rules for leaving only inside of a group",
    "AWS::IAM::OIDCProvider": "by API alone",
    "AWS::MSK::BatchScramSecret": "no SCRAM secrets",
    "AWS::MSK::Cluster": "by API alone",
    "AWS::MSK::Configuration": "no configurations",
    "AWS::RDS::DBProxy": "by API alone",
    "AWS::RDS::DBProxyTargetGroup": "by API alone",
    "AWS::S3::BucketPolicy": "by API alone",
    "AWS::SNS::Subscription": "by API alone",
    "AWS::SNS::TopicPolicy": "by API alone",
    "AWS::SecretsManager::Secret": "by API alone",
}
# Attributes of resources that moto makes but does not tell, the latter two inside of Fn::Sub.
UNTOLD_BY_MOTO = {
    "MasterUserSecret.SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1-abcdef",
    "Endpoint.Address": "taskflow-dev.abc.eu-central-1.rds.amazonaws.com",
    "Endpoint.Port": "5432",
}

# Properties that moto takes for something else than CloudFormation does.
MISREAD_BY_MOTO = {"AWS::RDS::DBInstance": ("DBParameterGroupName",)}


def read(name: str) -> dict[str, Any]:
    """A stack's file, with every intrinsic function in its long form."""
    return _decoded(IAC / f"{name}.yaml")


def read_service() -> dict[str, Any]:
    """`template.yaml` in the same form, which is that of `sam package`."""
    return _decoded(IAC.parent / "template.yaml")


def _decoded(path: Path) -> dict[str, Any]:
    document, faults = decode(str(path))
    assert not faults, faults
    plain: dict[str, Any] = json.loads(json.dumps(document))
    return plain


def header(name: str) -> str:
    """The comment that a stack's file begins with."""
    text = (IAC / f"{name}.yaml").read_text()
    return text[: text.index("AWSTemplateFormatVersion")]


def create(name: str, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make a stack, as much of it as moto can; gives its outputs."""
    client: Any = boto3.client("cloudformation", REGION)
    template = for_moto(name, parameters or {})
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]
    client.create_stack(StackName=f"taskflow-dev-{name}", TemplateBody=json.dumps(template), Parameters=given)
    stack = client.describe_stacks(StackName=f"taskflow-dev-{name}")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def for_moto(name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A stack's file without what moto doesn't know."""
    template = read(name)
    resources = template["Resources"]
    gone = {logical_id for logical_id, resource in resources.items() if resource["Type"] in UNKNOWN_TO_MOTO}
    kept = {logical_id: resource for logical_id, resource in resources.items() if logical_id not in gone}
    for resource in kept.values():
        for name in MISREAD_BY_MOTO.get(resource["Type"], ()):
            del resource["Properties"][name]
    values = {key: declared.get("Default") for key, declared in template["Parameters"].items()} | dict(parameters)
    adapted: dict[str, Any] = _adapted(template | {"Resources": kept}, gone, values)
    adapted.pop("Rules", None)
    return adapted


def _adapted(node: Any, gone: set[str], values: Mapping[str, Any]) -> Any:
    """References to what is gone become words, and networks are cut here: moto has no Fn::Cidr."""
    match node:
        case {"Ref": str(name)} if name in gone:
            return f"gone-{name}"
        case {"Fn::GetAtt": [str(name), str(attribute)]} if name in gone or attribute in UNTOLD_BY_MOTO:
            return UNTOLD_BY_MOTO.get(attribute, f"gone-{name}-{attribute}")
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": _without(text, gone)}
        case {"Fn::Cidr": [{"Ref": str(name)}, count, bits]}:
            network = ipaddress.ip_network(values[name])
            return [str(part) for part in network.subnets(new_prefix=32 - int(bits))][: int(count)]
        case dict():
            return {key: _adapted(value, gone, values) for key, value in node.items()}
        case list():
            return [_adapted(value, gone, values) for value in node]
        case _:
            return node


def _without(text: str, gone: set[str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        if attribute in UNTOLD_BY_MOTO:
            return UNTOLD_BY_MOTO[attribute]
        return f"gone-{name}{attribute}" if name in gone else match[0]

    return re.sub(r"\$\{([A-Za-z0-9.]+)\}", replaced, text)
