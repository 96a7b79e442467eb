"""Fn::ForEach of AWS::LanguageExtensions."""

from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.template.loops import unrolled

from .conftest import Loader


def _resolve(value: Any, _place: str) -> Any:
    return ["x", "y"] if value == {"Ref": "List"} else value


def test_a_loop_makes_its_body_once_for_each_item() -> None:
    body = {"Topic${Name}": {"Type": "T", "Properties": {"Name": {"Ref": "Name"}, "Text": "a-${Name}-${Other}"}}}
    assert unrolled({"Fn::ForEach::All": ["Name", {"Ref": "List"}, body], "Kept": 1}, _resolve) == {
        "Topicx": {"Type": "T", "Properties": {"Name": "x", "Text": "a-x-${Other}"}},
        "Topicy": {"Type": "T", "Properties": {"Name": "y", "Text": "a-y-${Other}"}},
        "Kept": 1,
    }


def test_an_ampersand_leaves_out_what_no_logical_id_may_have() -> None:
    body = {"A&{Ip}": "${Ip}"}
    assert unrolled({"Fn::ForEach::A": ["Ip", ["10.0.0.1"], body]}, _resolve) == {"A10001": "10.0.0.1"}


def test_loops_may_stand_in_loops() -> None:
    inner = {"Fn::ForEach::In": ["B", ["1", "2"], {"${A}${B}": "${B}"}]}
    value = {"Properties": {"Fn::ForEach::Out": ["A", ["a", "b"], inner]}}
    assert unrolled(value, _resolve) == {"Properties": {"a1": "1", "a2": "2", "b1": "1", "b2": "2"}}


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (["A", ["a"]], "needs a name, a list and a map"),
        ([1, ["a"], {}], "needs a name, a list and a map"),
        (["A", "text", {}], "needs a list of texts"),
        (["A", [{}], {}], "needs a list of texts"),
        (["A", ["a", "b"], {"Same": 1}], "makes Same twice"),
    ],
)
def test_a_malformed_loop_is_named(loop: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=rf"R\.Fn::ForEach::X: {message}"):
        unrolled({"R": {"Fn::ForEach::X": loop}}, _resolve)


def test_functions_may_come_from_a_loop_over_a_parameter(loaded: Loader) -> None:
    text = """
        Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
        Parameters: {Names: {Type: CommaDelimitedList, Default: "One,Two"}}
        Resources:
          Fn::ForEach::Functions:
            - Name
            - !Ref Names
            - ${Name}Function:
                Type: AWS::Serverless::Function
                Properties: {Runtime: python3.13, Handler: !Sub "${Name}.handler", CodeUri: code}
    """
    template = loaded(text)
    assert {name: function.handler for name, function in template.functions.items()} == {
        "OneFunction": "One.handler",
        "TwoFunction": "Two.handler",
    }
    assert template.unsupported == ()


def test_a_loop_without_its_transform_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match="Fn::ForEach: needs `Transform: AWS::LanguageExtensions`"):
        loaded("Resources: {'Fn::ForEach::X': [A, [], {}]}")
