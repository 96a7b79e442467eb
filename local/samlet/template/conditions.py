"""The template's conditions, evaluated on demand and once each."""

from collections.abc import Callable, Mapping
from typing import Any

from samlet.errors import TemplateError
from samlet.template.parameters import as_text


class Conditions:
    """Knows which named conditions hold; `resolve` turns their operands into values."""

    def __init__(self, definitions: Mapping[str, Any], resolve: Callable[[Any, str], Any]) -> None:
        self._definitions = definitions
        self._resolve = resolve
        self._known: dict[str, bool] = {}
        self._open: set[str] = set()

    def holds(self, name: Any, place: str) -> bool:
        """Whether the condition is true; `place` is where it is asked for."""
        if not isinstance(name, str) or name not in self._definitions:
            raise TemplateError(f"{place}: no condition {name}")
        if name in self._open:
            raise TemplateError(f"Conditions.{name}: depends on itself")
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self.evaluate(self._definitions[name], f"Conditions.{name}")
            self._open.discard(name)
        return self._known[name]

    def evaluate(self, expression: Any, place: str) -> bool:
        """The truth of one expression: Condition, Fn::Equals, Fn::Not, Fn::And, Fn::Or."""
        if not isinstance(expression, dict) or len(expression) != 1:
            raise TemplateError(f"{place}: is no condition")
        operator, operand = next(iter(expression.items()))
        if operator == "Condition":
            return self.holds(operand, place)
        if not isinstance(operand, list):
            raise TemplateError(f"{place}: {operator} needs a list")
        if operator == "Fn::Equals":
            return self._equals(operand, place)
        if operator == "Fn::Not" and len(operand) == 1:
            return not self.evaluate(operand[0], place)
        if operator in ("Fn::And", "Fn::Or"):
            return (all if operator == "Fn::And" else any)([self.evaluate(item, place) for item in operand])
        raise TemplateError(f"{place}: {operator} is no condition")

    def _equals(self, operands: list[Any], place: str) -> bool:
        if len(operands) != 2:
            raise TemplateError(f"{place}: Fn::Equals needs two values")
        # CloudFormation compares text: a parameter of type Number equals the number as written.
        left, right = (self._resolve(operand, place) for operand in operands)
        if isinstance(left, list | dict) or isinstance(right, list | dict):
            return bool(left == right)
        return as_text(left) == as_text(right)
