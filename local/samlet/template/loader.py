"""Loads a template: reads, expands, resolves it, and shapes the result into the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samlet.errors import TemplateError
from samlet.model import Template, Unsupported
from samlet.template import reader, transform
from samlet.template.coverage import uncovered
from samlet.template.functions import functions
from samlet.template.http_apis import http_apis
from samlet.template.intrinsics import Resolver
from samlet.template.kafka_mappings import kafka_mappings
from samlet.template.parameters import resolve_parameters
from samlet.template.schedules import schedules
from samlet.template.stack import Stack

_NESTED = "AWS::Serverless::Application"


def load(
    path: Path, parameters: Mapping[str, str], *, region: str = "eu-central-1", account: str = "000000000000"
) -> Template:
    """The template at `path`, resolved; raises TemplateError that names the file, the logical id and the property."""
    path = path.resolve()
    try:
        return _load(path, parameters, region=region, account=account)
    except TemplateError as error:
        raise TemplateError(f"{path}: {error}") from error


def _load(path: Path, parameters: Mapping[str, str], *, region: str, account: str) -> Template:
    document = reader.read(path)
    declared = document.get("Parameters") or {}
    values = resolve_parameters(declared, parameters)
    early = Resolver(values, _pseudo(region, account), document.get("Mappings") or {}, document.get("Conditions") or {})
    notes = _set_aside(document) + _looked_up(declared, parameters)
    expanded = transform.expand(document, values, early.resolve, root=path.parent, region=region)
    resolver = Resolver(values, early.pseudo, expanded.get("Mappings") or {}, expanded.get("Conditions") or {})
    stack = Stack(path, expanded["Resources"], resolver, region=region, account=account)
    found = functions(stack)
    runnable = set(found)
    return Template(
        path=path,
        region=region,
        account=account,
        functions=found,
        apis=http_apis(stack, runnable),
        schedules=schedules(stack, runnable),
        kafka_mappings=kafka_mappings(stack, found),
        outputs=stack.outputs(expanded.get("Outputs") or {}),
        unsupported=(*notes, *stack.unsupported, *uncovered(stack)),
    )


def _pseudo(region: str, account: str) -> dict[str, Any]:
    return {
        "AWS::Region": region,
        "AWS::AccountId": account,
        "AWS::Partition": "aws",
        "AWS::StackName": "samlet",
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/samlet/local",
        "AWS::URLSuffix": "amazonaws.com",
        "AWS::NotificationARNs": [],
    }


def _set_aside(document: dict[str, Any]) -> list[Unsupported]:
    """Takes out what the expansion could only do with AWS's help, and notes it."""
    notes = [
        Unsupported("Transform", name, "only AWS's own SAM transform is run")
        for name in transform.transforms(document)
        if name != transform.SAM
    ]
    for logical_id, resource in list(document["Resources"].items()):
        if resource["Type"] == _NESTED:
            notes.append(Unsupported(logical_id, _NESTED, "nested applications are not run"))
            # A kind that the expansion passes over, so that references to it still resolve.
            resource["Type"] = "AWS::CDK::Metadata"
            resource["Properties"] = {}
    return notes


def _looked_up(declared: Mapping[str, Any], given: Mapping[str, str]) -> list[Unsupported]:
    """Notes parameters whose value AWS would look up in SSM: without a given value their key stands for it."""
    return [
        Unsupported(name, definition["Type"], "is not looked up; give the value itself as the parameter")
        for name, definition in declared.items()
        if name not in given and str(definition.get("Type", "")).startswith("AWS::SSM::Parameter::Value<")
    ]
