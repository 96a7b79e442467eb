"""The section Rules: what a template demands of its parameters' values."""

from contextlib import nullcontext
from typing import Any

import pytest

from samlet.errors import TemplateError
from samlet.template.intrinsics import Resolver
from samlet.template.rules import check_rules

from .conftest import Loader

_STAGE, _NAMES = {"Ref": "Stage"}, {"Ref": "Names"}


def _resolve(value: Any, place: str) -> Any:
    return Resolver({"Stage": "dev", "Names": ["a", "b"], "Same": ["a", "a"]}, {}, {}, {}).resolve(value, place)


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        ({"Fn::Equals": [_STAGE, "dev"]}, True),
        ({"Fn::Equals": [_STAGE, "prod"]}, False),
        ({"Fn::Not": [{"Fn::Equals": [_STAGE, "dev"]}]}, False),
        ({"Fn::And": [{"Fn::Equals": [_STAGE, "dev"]}, {"Fn::Equals": [1, 2]}]}, False),
        ({"Fn::Or": [{"Fn::Equals": [_STAGE, "dev"]}, {"Fn::Equals": [1, 2]}]}, True),
        ({"Fn::Or": [{"Fn::Equals": [1, 1]}, {"Fn::Equals": [2, 2]}]}, True),
        ({"Fn::Contains": [["dev", "prod"], _STAGE]}, True),
        ({"Fn::Contains": [["test", "prod"], _STAGE]}, False),
        ({"Fn::Contains": [_NAMES, "b"]}, True),
        ({"Fn::EachMemberEquals": [_NAMES, "a"]}, False),
        ({"Fn::EachMemberEquals": [{"Ref": "Same"}, "a"]}, True),
        ({"Fn::EachMemberIn": [_NAMES, ["a", "b", "c"]]}, True),
        ({"Fn::EachMemberIn": [["a", "b", "c"], _NAMES]}, False),
        ({"Fn::Not": [{"Fn::Contains": [["dev"], _STAGE]}]}, False),
    ],
)
def test_an_assertion_has_to_hold(assertion: Any, expected: bool) -> None:
    rules = {"R": {"Assertions": [{"Assert": assertion}]}}
    with (
        nullcontext() if expected else pytest.raises(TemplateError, match=r"^Rules\.R\.Assertions\[0\]: does not hold$")
    ):
        assert check_rules(rules, _resolve) == []


@pytest.mark.parametrize(("stage", "refused"), [("dev", True), ("prod", False)])
def test_assertions_count_where_the_rules_condition_holds(stage: str, refused: bool) -> None:
    rules = {
        "R": {
            "RuleCondition": {"Fn::Equals": [_STAGE, stage]},
            "Assertions": [{"Assert": {"Fn::Equals": [1, 2]}, "AssertDescription": "one is not two"}],
        }
    }
    if refused:
        with pytest.raises(TemplateError, match=r"^Rules\.R\.Assertions\[0\]: does not hold: one is not two$"):
            check_rules(rules, _resolve)
    else:
        assert check_rules(rules, _resolve) == []


@pytest.mark.parametrize(
    "function",
    [
        {"Fn::RefAll": "AWS::EC2::VPC::Id"},
        {"Fn::ValueOf": ["Vpc", "Tags.Department"]},
        {"Fn::ValueOfAll": ["AWS::EC2::VPC::Id", "Tags.Department"]},
    ],
)
def test_what_asks_an_account_is_listed_and_the_rest_counts(function: Any) -> None:
    asking = {"Assert": {"Fn::EachMemberIn": [_NAMES, function]}}
    [note] = check_rules({"R": {"Assertions": [asking]}}, _resolve)
    reason = f"Assertions[0]: {next(iter(function))} asks an AWS account, so this is not checked"
    assert (note.logical_id, note.type, note.reason) == ("Rules", "R", reason)
    with pytest.raises(TemplateError, match=r"Assertions\[1\]: does not hold"):
        check_rules({"R": {"Assertions": [asking, {"Assert": {"Fn::Equals": [1, 2]}}]}}, _resolve)


def test_a_condition_that_asks_an_account_leaves_its_rule_unchecked() -> None:
    rule = {"RuleCondition": {"Fn::Contains": [{"Fn::RefAll": "X"}, "a"]}, "Assertions": [{"Assert": {"Fn::Not": [1]}}]}
    [note] = check_rules({"R": rule}, _resolve)
    assert note.reason == "RuleCondition: Fn::RefAll asks an AWS account, so this is not checked"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "Rules: needs a map of names"),
        ({"R": []}, "Rules.R: needs Assertions"),
        ({"R": {}}, "Rules.R: needs Assertions"),
        ({"R": {"Assertions": []}}, "Rules.R: needs Assertions"),
        ({"R": {"Assertions": ["x"]}}, r"Rules.R.Assertions\[0\]: needs an Assert"),
        ({"R": {"Assertions": [{"Assert": True}]}}, r"Rules.R.Assertions\[0\].Assert: is no condition"),
        ({"R": {"Assertions": [{"Assert": {"Fn::Contains": ["a", "b"]}}]}}, "Fn::Contains needs a list and a text"),
        ({"R": {"Assertions": [{"Assert": {"Fn::Contains": ["a"]}}]}}, "Fn::Contains needs a list and a text"),
        ({"R": {"Assertions": [{"Assert": {"Fn::EachMemberIn": [["a"], "b"]}}]}}, "Fn::EachMemberIn needs two lists"),
        ({"R": {"RuleCondition": {"Ref": "Nobody"}, "Assertions": [{"Assert": {}}]}}, "Rules.R.RuleCondition: Ref"),
    ],
)
def test_a_malformed_rule_is_named(rules: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=f"^{message}|: {message}"):
        check_rules(rules, _resolve)


def test_a_template_whose_parameters_break_a_rule_is_refused_with_its_line(loaded: Loader) -> None:
    text = """
        Parameters: {Stage: {Type: String, Default: dev}}
        Rules:
          OnlyProd:
            Assertions:
              - Assert: !Equals [!Ref Stage, prod]
                AssertDescription: this is for prod alone
              - Assert: {Fn::Contains: [{Fn::RefAll: AWS::EC2::VPC::Id}, a]}
        Resources: {Topic: {Type: AWS::SNS::Topic}}
    """
    with pytest.raises(TemplateError, match=r"yaml:6: Rules\.OnlyProd.*: does not hold: this is for prod alone"):
        loaded(text)
    listed = [(part.line, part.logical_id, part.type) for part in loaded(text, Stage="prod").unsupported]
    assert (8, "Rules", "OnlyProd") in listed


def test_a_section_that_no_template_has_is_listed(loaded: Loader) -> None:
    template = loaded("\nResources: {Topic: {Type: AWS::SNS::Topic}}\nOutput:\n  A: {Value: 1}\n")
    assert [(part.line, part.logical_id, part.reason) for part in template.unsupported][-1] == (
        3,
        "Output",
        "is no section of a template; AWS refuses it",
    )
