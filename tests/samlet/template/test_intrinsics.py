from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.template.intrinsics import NO_VALUE, Resolver


class _References:
    def ref(self, logical_id: str) -> str:
        if logical_id != "Queue":
            raise LookupError("no such parameter or resource")
        return "queue-name"

    def attribute(self, logical_id: str, name: str) -> str:
        self.ref(logical_id)
        return f"{logical_id}/{name}"


def _resolver() -> Resolver:
    return Resolver(
        parameters={"Name": "abc", "Zero": "0", "List": ["a", "b"], "Empty": ""},
        pseudo={"AWS::Region": "eu-central-1"},
        mappings={"Sizes": {"eu-central-1": {"small": 1, "list": ["x"]}}},
        conditions={
            "Yes": {"Fn::Equals": [{"Ref": "Zero"}, 0]},
            "No": {"Fn::Not": [{"Condition": "Yes"}]},
            "Loop": {"Condition": "Pool"},
            "Pool": {"Condition": "Loop"},
            "Odd": {"Ref": "Name"},
        },
        references=_References(),
        imports={"abc-vpc": "vpc-1"},
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "abc"),
        ({"Ref": "List"}, ["a", "b"]),
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        ({"Ref": "Queue"}, "queue-name"),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue/Arn"),
        ({"Fn::GetAtt": "Queue.Arn"}, "Queue/Arn"),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${Queue.Arn}-${!Kept}"}, "abc-eu-central-1-Queue/Arn-${Kept}"),
        ({"Fn::Sub": ["${Name}${Own}", {"Own": {"Ref": "Zero"}, "Name": "mine"}]}, "mine0"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 1, True]]}, "a-abc-1-true"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
        ({"Fn::Select": [0, {"Fn::Split": ["/", "x/y"]}]}, "x"),
        ({"Fn::If": ["Yes", "then", {"Ref": "Unknown"}]}, "then"),
        ({"Fn::If": ["No", "then", "else"]}, "else"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, 1),
        ({"Fn::FindInMap": ["Sizes", "none", "small", {"DefaultValue": "d"}]}, "d"),
        ({"Fn::Base64": {"Ref": "Name"}}, "YWJj"),
        ({"Fn::Equals": ["", {"Ref": "Empty"}]}, True),
        ({"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]}, False),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]}, True),
        ({"Fn::GetAZs": ""}, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]),
        ({"Fn::Cidr": ["10.0.0.0/24", 2, "5"]}, ["10.0.0.0/27", "10.0.0.32/27"]),
        ({"Fn::Select": [1, {"Fn::Cidr": ["2001:db8::/56", 2, 64]}]}, "2001:db8:0:1::/64"),
        ({"Fn::ImportValue": {"Fn::Sub": "${Name}-vpc"}}, "vpc-1"),
        ({"Fn::Length": {"Ref": "List"}}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "Name"}, "b": ["é", 1]}}, '{"a":"abc","b":["é",1]}'),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ],
)
def test_an_intrinsic_function_gives_its_value(value: Any, expected: object) -> None:
    assert _resolver().resolve(value, "Here") == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Unknown"}, "Here.a: Ref Unknown: no such parameter or resource"),
        ({"Fn::GetAtt": ["Unknown", "Arn"]}, "Here.a: Fn::GetAtt Unknown.Arn: no such"),
        ({"Fn::Sub": "${Unknown}"}, "Here.a: Ref Unknown"),
        ({"Fn::If": ["Unknown", 1, 2]}, "Here.a: no condition Unknown"),
        ({"Fn::If": ["Loop", 1, 2]}, "depends on itself"),
        ({"Fn::If": ["Odd", 1, 2]}, "Conditions.Odd"),
        ({"Fn::If": [1]}, "Fn::If is malformed"),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select is malformed"),
        ({"Fn::Select": [-1, ["a"]]}, "Fn::Select is malformed"),
        ({"Fn::Join": [",", "text"]}, "Fn::Join is malformed"),
        ({"Fn::Join": [{"Ref": "Name"}, ["a", "b"]]}, r"Fn::Join is malformed \(its separator has to be text"),
        ({"Fn::FindInMap": ["Sizes", "none", "small"]}, "Mappings has no Sizes.none.small"),
        ({"Fn::Equals": [1]}, "needs two values"),
        (
            {"Fn::Cidr": ["10.0.0.0/24", 9, 5]},
            "Fn::Cidr is malformed (10.0.0.0/24 has no 9 blocks of 5 bits)".replace("(", r"\(").replace(")", r"\)"),
        ),
        (
            {"Fn::Transform": {"Name": "AWS::Include"}},
            "Fn::Transform cannot be resolved: AWS::Include is",
        ),
    ],
)
def test_what_cannot_be_resolved_is_named_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message.replace(".", r"\.")):
        _resolver().resolve({"a": value}, "Here")


def test_without_resources_only_parameters_can_be_referred_to() -> None:
    resolver = Resolver({"Name": "abc"}, {}, {}, {})
    assert resolver.resolve({"Ref": "Name"}, "Here") == "abc"
    for value in ({"Ref": "Queue"}, {"Fn::GetAtt": ["Queue", "Arn"]}):
        with pytest.raises(TemplateError, match="Here"):
            resolver.resolve(value, "Here")
