"""The section Rules: what a template demands of its parameters' values before anything is made."""

from collections.abc import Callable, Mapping
from typing import Any

from samlet.errors import TemplateError
from samlet.model import Unsupported
from samlet.template.parameters import as_text

type Resolve = Callable[[Any, str], Any]

_ASKING = {"Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"}  # VPCs, key pairs and the like, and their tags


def check_rules(rules: Any, resolve: Resolve) -> list[Unsupported]:
    """Raise TemplateError where an assertion does not hold; what only an AWS account could tell is noted instead."""
    if not isinstance(rules, Mapping):
        raise TemplateError("Rules: needs a map of names")
    return [note for name, rule in rules.items() for note in _check(str(name), rule, resolve)]


def _check(name: str, rule: Any, resolve: Resolve) -> list[Unsupported]:
    place = f"Rules.{name}"
    assertions = rule.get("Assertions") if isinstance(rule, Mapping) else None
    if not assertions or not isinstance(assertions, list):
        raise TemplateError(f"{place}: needs Assertions, a list")
    condition = rule.get("RuleCondition")
    if condition is not None:
        if asking := _asking(condition):
            return [_unchecked(name, "RuleCondition", asking)]
        if not _holds(condition, resolve, f"{place}.RuleCondition"):
            return []
    notes = []
    for index, assertion in enumerate(assertions):
        inner = f"Assertions[{index}]"
        if not isinstance(assertion, Mapping) or "Assert" not in assertion:
            raise TemplateError(f"{place}.{inner}: needs an Assert")
        if asking := _asking(assertion["Assert"]):
            notes.append(_unchecked(name, inner, asking))
        elif not _holds(assertion["Assert"], resolve, f"{place}.{inner}.Assert"):
            why = assertion.get("AssertDescription")
            raise TemplateError(f"{place}.{inner}: does not hold{f': {why}' if why else ''}")
    return notes


def _unchecked(name: str, inner: str, asking: str) -> Unsupported:
    return Unsupported("Rules", name, f"{inner}: {asking} asks an AWS account, so this is not checked")


def _asking(value: Any) -> str | None:
    """The function in an expression that cannot be answered here, if there is one."""
    if isinstance(value, Mapping):
        own = next((str(key) for key in value if key in _ASKING), None)
        return own or next(filter(None, map(_asking, value.values())), None)
    return next(filter(None, map(_asking, value)), None) if isinstance(value, list) else None


def _holds(expression: Any, resolve: Resolve, place: str) -> bool:
    if not isinstance(expression, Mapping) or len(expression) != 1:
        raise TemplateError(f"{place}: is no condition")
    function, operand = next(iter(expression.items()))
    if function in ("Fn::And", "Fn::Or", "Fn::Not") and isinstance(operand, list):
        results = [_holds(each, resolve, place) for each in operand]
        return {"Fn::And": all(results), "Fn::Or": any(results), "Fn::Not": not any(results)}[function]
    if function in ("Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"):
        return _members(function, resolve(operand, place), place)
    return bool(resolve(expression, place))


def _members(function: str, operand: Any, place: str) -> bool:
    both = function == "Fn::EachMemberIn"
    shapes = (list, list) if both else (list, str | int | float)
    if not isinstance(operand, list) or len(operand) != 2 or not all(map(isinstance, operand, shapes)):
        raise TemplateError(f"{place}: {function} needs {'two lists' if both else 'a list and a text'}")
    members = [as_text(member) for member in operand[0]]
    if both:
        return set(members) <= {as_text(member) for member in operand[1]}
    wanted = as_text(operand[1])
    return wanted in members if function == "Fn::Contains" else all(member == wanted for member in members)
