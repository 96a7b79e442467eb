"""What the name of a function in a request means: a name, an ARN or part of one, with or without a qualifier."""

import re
from dataclasses import dataclass
from functools import lru_cache

from samlet.model import LATEST, Function

_NAME = re.compile(
    r"(?:arn:[^:]*:lambda:[^:]*:[^:]*:|(?:[^:]+:)?\d{12}:)?(?:function:)?([A-Za-z0-9_.-]{1,140})(?::(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)


@dataclass(frozen=True, slots=True)
class Name:
    """A function's name or logical id and, where one was given, its alias or version."""

    function: str
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A function that exists, and the qualifier it was asked for by."""

    function: Function
    qualifier: str | None = None

    @property
    def version(self) -> str:
        """The version behind the qualifier."""
        if self.qualifier is None:
            return LATEST
        return self.function.aliases.get(self.qualifier, self.qualifier)

    @property
    def name(self) -> str:
        """The name that leads here again."""
        return f"{self.function.name}:{self.qualifier}" if self.qualifier else self.function.name


@lru_cache(maxsize=1024)
def parse(text: str) -> Name | None:
    """Take a name apart; None if it is none."""
    found = _NAME.fullmatch(text)
    return Name(found[1], found[2]) if found else None


def knows(function: Function, qualifier: str | None) -> bool:
    """Whether the function has that alias or version."""
    return qualifier in (None, LATEST) or qualifier in function.aliases or qualifier in function.versions
