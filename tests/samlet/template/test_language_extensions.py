"""What AWS::LanguageExtensions resolves before anything else sees the template."""

from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.template.intrinsics import Resolver
from samlet.template.language_extensions import settled

from .conftest import Loader

_TRANSFORMS = "Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]"


def _resolve(value: Any, place: str) -> Any:
    mappings = {"Paths": {"dev": {"root": "/dev"}}}
    return Resolver({"Stage": "dev", "Names": ["a", "b"]}, {}, mappings, {}).resolve(value, place)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": {"Fn::Sub": "Queue${Stage}"}}, {"Ref": "Queuedev"}),
        ({"Fn::GetAtt": [{"Fn::Sub": "Queue${Stage}"}, {"Ref": "Stage"}]}, {"Fn::GetAtt": ["Queuedev", "dev"]}),
        ({"Fn::GetAtt": {"Fn::Sub": "Queue${Stage}.Arn"}}, {"Fn::GetAtt": ["Queuedev", "Arn"]}),
        ({"Fn::FindInMap": ["Paths", {"Ref": "Stage"}, "root"]}, "/dev"),
        ({"Fn::FindInMap": ["Paths", "none", "root", {"DefaultValue": {"Ref": "Stage"}}]}, "dev"),
        ([{"Fn::Length": {"Ref": "Names"}}], [2]),
        ({"Ref": "Queue"}, {"Ref": "Queue"}),
        ({"Fn::GetAtt": "Queue.Arn"}, {"Fn::GetAtt": "Queue.Arn"}),
    ],
)
def test_what_needs_parameters_alone_is_settled_at_once(value: Any, expected: object) -> None:
    assert settled({"here": value}, _resolve) == {"here": expected}


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Length": {"Fn::GetAtt": ["Queue", "Names"]}},
        {"Fn::FindInMap": ["Paths", "none", "root", {"DefaultValue": {"Fn::GetAtt": ["Queue", "Arn"]}}]},
        {"Fn::FindInMap": ["Paths", "none", "root", {"DefaultValue": {"Ref": "AWS::NoValue"}}]},
    ],
)
def test_what_asks_a_resource_waits_until_there_are_some(value: Any) -> None:
    assert settled(value, _resolve) == value


def test_a_function_may_name_the_resource_that_is_referred_to(loaded: Loader) -> None:
    text = f"""
        {_TRANSFORMS}
        Parameters: {{Stage: {{Type: String, Default: Dev}}}}
        Resources:
          Fn::ForEach::Functions:
            - Name
            - [One, Two]
            - ${{Name}}Function:
                Type: AWS::Serverless::Function
                Properties: {{Runtime: python3.13, Handler: app.handler, CodeUri: code}}
          HelloDev:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: app.handler
              CodeUri: code
              Environment:
                Variables: {{OTHER: !Ref {{'Fn::Sub': 'OneFunction'}}}}
        Outputs:
          Fn::ForEach::Outputs:
            - Name
            - [One, Two]
            - ${{Name}}Arn: {{Value: !GetAtt [!Sub '${{Name}}Function', Arn]}}
          Own: {{Value: !GetAtt [!Sub 'Hello${{Stage}}', Arn]}}
    """
    template = loaded(text)
    place = "arn:aws:lambda:eu-central-1:000000000000:function:"
    assert template.outputs == {
        "OneArn": f"{place}OneFunction",
        "TwoArn": f"{place}TwoFunction",
        "Own": f"{place}HelloDev",
    }
    assert template.functions["HelloDev"].environment["OTHER"] == "OneFunction"


def test_sam_sees_what_a_map_has_for_want_of_an_entry(loaded: Loader) -> None:
    text = f"""
        {_TRANSFORMS}
        Mappings: {{Paths: {{dev: {{hello: /dev}}}}}}
        Resources:
          Hello:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: app.handler
              CodeUri: code
              Events:
                Web:
                  Type: HttpApi
                  Properties: {{Method: GET, Path: !FindInMap [Paths, prod, hello, {{DefaultValue: /hello}}]}}
    """
    assert [route.key for api in loaded(text).apis for route in api.routes] == ["GET /hello"]


@pytest.mark.parametrize("value", ["!Ref {'Fn::Sub': Hello}", "!GetAtt [!Sub Hello, Arn]"])
def test_without_the_transform_a_reference_has_to_be_a_name(loaded: Loader, value: str) -> None:
    with pytest.raises(TemplateError, match=r"yaml:3: Outputs\.O\.Value: .* needs a name.*AWS::LanguageExtensions"):
        loaded(f"\nResources: {{Topic: {{Type: AWS::SNS::Topic}}}}\nOutputs: {{O: {{Value: {value}}}}}")


def test_a_reference_that_nothing_settles_is_named_with_its_place(loaded: Loader) -> None:
    text = f"""
        {_TRANSFORMS}
        Resources: {{Topic: {{Type: AWS::SNS::Topic}}}}
        Outputs: {{O: {{Value: !Ref {{Ref: Nobody}}}}}}
    """
    with pytest.raises(TemplateError, match=r"yaml:4: Outputs\.O\.Value: Ref Nobody is no parameter"):
        loaded(text)


def test_a_reference_to_a_list_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"here: needs the name of a resource, not \['a', 'b'\]"):
        settled({"here": {"Ref": {"Ref": "Names"}}}, _resolve)
