from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.template.parameters import resolve_parameters, slips

from .conftest import Loader


@pytest.mark.parametrize(
    ("definition", "given", "value"),
    [
        ({"Type": "String"}, "x", "x"),
        ({"Type": "String", "Default": "d"}, None, "d"),
        ({"Type": "String", "Default": "d"}, "", ""),
        ({"Type": "String", "Default": True}, None, "true"),
        ({"Type": "Number", "Default": 3}, None, "3"),
        ({"Type": "Number"}, "2.5", "2.5"),
        ({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"]),
        ({"Type": "CommaDelimitedList", "Default": ""}, None, []),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "vpc-1"),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "s-1,s-2", ["s-1", "s-2"]),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "looked-up", "looked-up"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc"),
        ({"Type": "String", "MinLength": 1, "MaxLength": 3}, "abc", "abc"),
    ],
)
def test_a_parameter_has_the_given_value_or_its_default(definition: Any, given: str | None, value: object) -> None:
    assert resolve_parameters({"P": definition}, {} if given is None else {"P": given}) == {"P": value}


@pytest.mark.parametrize(
    ("definition", "given", "message"),
    [
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "Parameters.P: 'c' is not one of a, b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "aB", "does not match"),
        ({"Type": "String", "MinLength": 2}, "a", "shorter than 2"),
        ({"Type": "String", "MaxLength": "2"}, "abc", "longer than 2"),
        ({"Type": "Number"}, "many", "is not a number"),
        ({"Type": "Number", "MinValue": 5}, "4", "below 5"),
        ({"Type": "Number", "MaxValue": 5}, "6", "above 5"),
        ({"Type": "List<Number>"}, "1,x", "'x' is not a number"),
    ],
)
def test_a_value_that_the_template_forbids_is_refused(definition: Any, given: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        resolve_parameters({"P": definition}, {"P": given})


@pytest.mark.parametrize(
    "definition", [[], None, {"MaxLength": [], "Default": ""}, {"AllowedPattern": "(", "Default": ""}]
)
def test_a_malformed_declaration_is_named(definition: Any) -> None:
    with pytest.raises(TemplateError, match=r"Parameters\.P: "):
        resolve_parameters({"P": definition}, {})


def test_a_secret_value_is_not_shown() -> None:
    with pytest.raises(TemplateError, match=r"Parameters.P: the value is longer") as raised:
        resolve_parameters({"P": {"Type": "String", "NoEcho": True, "MaxLength": 1}}, {"P": "hush"})
    assert "hush" not in str(raised.value)


def test_all_missing_parameters_are_named_at_once() -> None:
    with pytest.raises(TemplateError, match="no value and no default for A, C"):
        resolve_parameters({"A": {"Type": "String"}, "B": {"Default": "b"}, "C": {"Type": "Number"}}, {})


def test_a_parameter_that_the_template_does_not_declare_is_an_error() -> None:
    with pytest.raises(TemplateError, match="declares no Tpyo"):
        resolve_parameters({"Typo": {"Default": ""}}, {"Tpyo": "x"})


def test_a_refused_value_is_explained_in_the_templates_words() -> None:
    declared = {"A": {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "small letters alone"}}
    with pytest.raises(TemplateError, match=r"Parameters\.A: 'A1' does not match \[a-z\]\+ \(small letters alone\)$"):
        resolve_parameters(declared, {"A": "A1"})


@pytest.mark.parametrize(
    "kind",
    [
        "String", "Number", "CommaDelimitedList", "List<Number>", "List<AWS::EC2::Subnet::Id>", "AWS::EC2::VPC::Id",
        "AWS::SSM::Parameter::Name", "AWS::SSM::Parameter::Value<List<String>>",
    ],
)  # fmt: skip
def test_a_type_of_a_parameter_is_known(kind: str) -> None:
    assert slips({"A": {"Type": kind}}) == []


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ({"Default": "a"}, "has no Type, which AWS refuses; it is taken for a String"),
        ({"Type": "Strng"}, "Type: Strng is none of a parameter, which AWS refuses"),
        ({"Type": "Strings"}, "Type: Strings is none of a parameter, which AWS refuses"),
        ({"Type": "List<String>"}, "Type: List<String> is none of a parameter, which AWS refuses"),
        ({"Type": "String", "Defalt": "a"}, "Defalt: is no property of a parameter"),
    ],
)
def test_a_slip_in_a_declaration_is_listed(definition: dict[str, str], reason: str) -> None:
    [part] = slips({"A": definition})
    assert (part.logical_id, part.reason) == ("A", reason)


def test_slips_of_parameters_are_listed_with_their_line(loaded: Loader) -> None:
    text = """
        Parameters:
          A: {Type: String, Default: a}
          B: {Default: b}
        Resources: {Role: {Type: AWS::IAM::Role}}
    """
    assert [(part.line, part.logical_id) for part in loaded(text).unsupported] == [(4, "B")]
