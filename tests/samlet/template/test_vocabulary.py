"""Names that CloudFormation does not know are listed wherever they stand, and all that it knows are known."""

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from samlet.template.vocabulary import KNOWN

from .conftest import Loader

FUNCTION = """
        Conditions: {Always: !Equals [a, a]}
        Resources:
          F:
            Type: AWS::Lambda::Function
            Properties:
              Code: code
              Handler: a.b
              Runtime: python3.13
"""


def _resource(kind: str, properties: str) -> str:
    return f"{FUNCTION}          R:\n            Type: {kind}\n            Properties: {properties}\n"


@pytest.mark.parametrize(
    ("kind", "properties", "place"),
    [
        (
            "AWS::Scheduler::Schedule",
            "{ScheduleExpression: rate(1 day), Target: {Arn: !GetAtt F.Arn, RetryPolicy: {Attempts: 1}}}",
            "Target.RetryPolicy.Attempts",
        ),
        (
            "AWS::Events::Rule",
            "{ScheduleExpression: rate(1 day), Targets: [{Id: b, Arn: !GetAtt F.Arn, In: 1}]}",
            "Targets.In",
        ),
        (
            "AWS::ApiGatewayV2::Api",
            "{ProtocolType: HTTP, Target: F, CorsConfiguration: {AllowOrigin: ['*']}}",
            "CorsConfiguration.AllowOrigin",
        ),
        (
            "AWS::ApiGatewayV2::Api",
            "{ProtocolType: HTTP, Target: F, CorsConfiguration: !If [Always, {AllowOrigin: ['*']}, {MaxAge: 1}]}",
            "CorsConfiguration.AllowOrigin",
        ),
        (
            "AWS::Lambda::Function",
            "{Code: code, Handler: a.b, Runtime: python3.13, Environment: {Vars: {A: b}}}",
            "Environment.Vars",
        ),
    ],
)
def test_a_slip_inside_of_a_property_is_listed(loaded: Loader, kind: str, properties: str, place: str) -> None:
    [part] = loaded(_resource(kind, properties)).unsupported
    assert (part.logical_id, part.reason) == ("R", f"{place}: is no property of {kind} that is known here")


@pytest.mark.parametrize(
    "environment",
    [
        "{Variables: {Anything: at all}}",
        "!If [Always, {Variables: {A: b}}, !Ref AWS::NoValue]",
        "!Ref AWS::NoValue",
        "!Select [0, [{Variables: {A: b}}]]",
    ],
)
def test_names_of_ones_own_and_functions_are_no_slips(loaded: Loader, environment: str) -> None:
    assert loaded(f"{FUNCTION}              Environment: {environment}\n").unsupported == ()


def test_what_is_no_attribute_of_a_resource_is_listed_for_sam_and_plain_ones(loaded: Loader) -> None:
    text = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Conditon: Never
            Properties: {Runtime: python3.13, Handler: a.b, CodeUri: code}
          Topic:
            Type: AWS::IAM::Role
            DependOn: F
            DeletionPolicy: Retain
    """
    listed = [(part.line, part.logical_id, part.type, part.reason) for part in loaded(text).unsupported]
    effect = "is no attribute of a resource, and has no effect"
    assert listed == [
        (4, "F", "AWS::Serverless::Function", f"Conditon: {effect}"),
        (8, "Topic", "AWS::IAM::Role", f"DependOn: {effect}"),
    ]


@pytest.mark.parametrize(("kind", "place"), sorted(KNOWN))
def test_every_property_that_cloudformation_knows_is_known(kind: str, place: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    at = schema
    for step in filter(None, place.split(".")):
        at = at["properties"][step]
        while "$ref" in at or "items" in at:
            at = schema["definitions"][at["$ref"].split("/")[-1]] if "$ref" in at else at["items"]
    answers = {name.rpartition("/")[2] for name in schema.get("readOnlyProperties", [])} if not place else set()
    assert set(at["properties"]) - answers <= KNOWN[kind, place]
