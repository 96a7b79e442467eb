"""Names that the template gives: what AWS would refuse is listed, since here most of it does no harm."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from samlet.model import Unsupported
from samlet.template.stack import Stack


@dataclass(frozen=True)
class _Rule:
    """What names of a property may be made of, and how long they may be; `also` is another shape that AWS takes."""

    property_: str
    longest: int
    of: str = "letters, digits, - and _"
    letters: str = "[A-Za-z0-9_-]+"
    also: str = r"(?!)"

    def takes(self, name: str) -> bool:
        own = len(name) <= self.longest and re.fullmatch(self.letters, name, re.ASCII)
        return bool(own or re.fullmatch(self.also, name))

    def reason(self, name: str) -> str:
        known = f"which takes {self.of}, {self.longest} of them at most"
        return f"{self.property_}: {name or 'an empty text'} is no such name to AWS, {known}"


_DOTTED = ("letters, digits, ., - and _", "[A-Za-z0-9._-]+")
_RULES = {
    "AWS::Lambda::Function": (_Rule("FunctionName", 64, also=r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]{1,64}"),),
    "AWS::Lambda::LayerVersion": (_Rule("LayerName", 140, also=r"arn:[\w-]+:lambda:[\w-]+:\d{12}:layer:[\w-]+"),),
    "AWS::Scheduler::Schedule": (_Rule("Name", 64, *_DOTTED), _Rule("GroupName", 64, *_DOTTED)),
    "AWS::Events::Rule": (_Rule("Name", 64, *_DOTTED),),
    "AWS::SQS::Queue": (_Rule("QueueName", 80, also=r"[A-Za-z0-9_-]{1,75}\.fifo"),),
    "AWS::SNS::Topic": (_Rule("TopicName", 256, also=r"[A-Za-z0-9_-]{1,251}\.fifo"),),
}


def refused_names(stack: Stack) -> list[Unsupported]:
    """The names of resources that AWS does not take."""
    return [
        Unsupported(logical_id, kind, rule.reason(name))
        for logical_id, kind in stack.types()
        for rule in _RULES.get(kind, ())
        for name in _given(stack, logical_id, rule.property_)
        if not rule.takes(name)
    ]


def _given(stack: Stack, logical_id: str, property_: str) -> Iterator[str]:
    """The name as it is resolved, if there is one; what AWS would look up is not known here."""
    properties: Any = stack.resources[logical_id].get("Properties")
    value = properties.get(property_) if isinstance(properties, dict) else None
    if value is not None:
        name = stack.resolved(value, f"Resources.{logical_id}.Properties.{property_}")
        if isinstance(name, str) and "{{resolve:" not in name:
            yield name
