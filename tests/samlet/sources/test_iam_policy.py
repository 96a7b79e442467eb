"""Which requests a policy of an authorizer lets through."""

from typing import Any

import pytest

from samlet.sources.iam_policy import allows

ARN = "arn:aws:execute-api:eu-central-1:000000000000:Api/$default/GET/tasks/1"
ALL = "arn:aws:execute-api:*:*:*"


def statement(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": ALL} | more


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("resource", "passes"),
    [
        (ARN, True),
        ("*", True),
        (ALL, True),
        ("arn:aws:execute-api:*:*:Api/*/GET/*", True),
        ("arn:aws:execute-api:*:*:Api/*/GET/tasks/?", True),
        (["x", ARN], True),
        ("arn:aws:execute-api:*:*:Api/*/POST/*", False),
        ("arn:aws:execute-api:*:*:Api/*/get/*", False),
        ("arn:aws:execute-api:*:*:Other/*", False),
        (ARN[:-1], False),
        (ARN[:-1] + "[1]", False),
        ([], False),
    ],
)
def test_a_resource_may_hold_wildcards(resource: Any, passes: bool) -> None:
    assert allows(policy(statement(Resource=resource)), ARN) is passes


@pytest.mark.parametrize(
    ("action", "passes"),
    [
        ("execute-api:Invoke", True),
        ("EXECUTE-API:invoke", True),
        ("execute-api:*", True),
        ("*", True),
        (["s3:GetObject", "execute-api:Invoke"], True),
        ("s3:GetObject", False),
        ("execute-api:ManageConnections", False),
    ],
)
def test_only_the_action_of_invoking_counts(action: Any, passes: bool) -> None:
    assert allows(policy(statement(Action=action)), ARN) is passes


def test_a_denial_beats_any_permission() -> None:
    assert not allows(policy(statement("Allow"), statement("Deny", Resource=ARN), statement("Allow")), ARN)
    assert allows(policy(statement("Allow"), statement("Deny", Resource=f"{ARN}0")), ARN)


def test_what_no_statement_speaks_of_is_denied() -> None:
    assert not allows(policy(), ARN)
    assert not allows(policy(statement("Deny", Resource="x")), ARN)


def test_not_action_and_not_resource_speak_of_all_else() -> None:
    other = {"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:execute-api:*:*:Other/*"}
    assert allows(policy(other), ARN)
    assert not allows(policy(other | {"NotAction": "execute-api:*"}), ARN)
    assert not allows(policy(other | {"NotResource": ARN}), ARN)


def test_one_statement_needs_no_list() -> None:
    assert allows({"Statement": statement()}, ARN)


def test_a_condition_counts_against_the_request() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}
    assert not allows(policy(statement(Condition=condition)), ARN)
    assert not allows(policy(statement(), statement("Deny", Condition=condition)), ARN)
    assert allows(policy(statement(), statement(Condition=condition)), ARN)


@pytest.mark.parametrize(
    "document",
    [
        None,
        "text",
        {},
        {"Statement": None},
        {"Statement": ["text"]},
        policy(statement("allow")),
        policy({"Effect": "Allow", "Action": "*"}),
        policy({"Effect": "Allow", "Resource": "*"}),
        policy(statement(Action=5)),
        policy(statement(Resource=[None])),
    ],
)
def test_what_is_no_policy_is_an_error(document: Any) -> None:
    with pytest.raises(ValueError, match=r"Statement|Effect|Action|Resource"):
        allows(document, ARN)
