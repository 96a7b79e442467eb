"""Whether an IAM policy lets a request through, of what an authorizer's policy can say of one."""

import fnmatch
from collections.abc import Mapping
from typing import Any

from samlet.log import say

_ACTION = "execute-api:invoke"


def allows(document: Any, arn: str) -> bool:
    """Return whether some statement allows the route's ARN and none denies it; raises ValueError for no policy.

    Conditions are not evaluated: with one, a statement that allows counts for nothing, and one that denies counts.
    """
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not all(isinstance(each, dict) for each in statements):
        raise ValueError("policyDocument has no Statement")
    effects = {_effect(each) for each in statements if _concerns(each, arn)}
    return "Allow" in effects and "Deny" not in effects


def _effect(statement: Mapping[str, Any]) -> str | None:
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise ValueError(f"Effect is {effect!r}, neither Allow nor Deny")
    if "Condition" not in statement:
        return str(effect)
    say("gateway", f"conditions of policies are not evaluated; the one of {effect} counts against", level="warning")
    return "Deny" if effect == "Deny" else None


def _concerns(statement: Mapping[str, Any], arn: str) -> bool:
    return _named(statement, "Action", _ACTION, fold=True) and _named(statement, "Resource", arn, fold=False)


def _named(statement: Mapping[str, Any], key: str, value: str, *, fold: bool) -> bool:
    """Whether `Action` (or `Resource`) names the value, or `NotAction` does not."""
    wanted = key in statement
    given = statement.get(key if wanted else f"Not{key}")
    given = given if isinstance(given, list) else [given]
    patterns = [each for each in given if isinstance(each, str)]
    if len(patterns) < len(given):
        raise ValueError(f"{key} is missing or no text")
    return any(_like(value, each.lower() if fold else each) for each in patterns) == wanted


def _like(value: str, pattern: str) -> bool:
    """Match `*` and `?`; brackets mean themselves."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))
