"""Typed reading of resolved properties: whatever has the wrong kind is named by logical id and property."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from samlet.errors import TemplateError
from samlet.template.parameters import as_text


@dataclass(frozen=True)
class Properties:
    """A map of the template and the place where it stands, such as `Resources.Api.Properties`."""

    place: str
    values: Mapping[str, Any]

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.values if name in self)

    def error(self, name: str, text: str) -> TemplateError:
        """An error that names the property."""
        return TemplateError(f"{self.place}.{name}: {text}")

    def raw(self, name: str) -> Any:
        """The value as it stands, or None."""
        return self.values.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it has to be there."""
        value = self._given(name, default)
        if isinstance(value, dict | list):
            raise self.error(name, f"needs text, not {_shown(value)}")
        return as_text(value)

    def optional_text(self, name: str) -> str | None:
        """A text, or None where there is none."""
        return self.text(name) if name in self else None

    def integer(self, name: str, default: int | None = None, *, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self._given(name, default)
        try:
            number = int(value) if not isinstance(value, bool | float) or value == int(value) else None
        except (TypeError, ValueError):
            number = None
        if number is None or isinstance(value, bool):
            raise self.error(name, f"needs a whole number, not {_shown(value)}")
        if not low <= number <= high:
            raise self.error(name, f"needs a number from {low} to {high}, not {number}")
        return number

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false, also as text."""
        value = as_text(self.values[name]).lower() if name in self else as_text(default)
        if value not in ("true", "false"):
            raise self.error(name, f"needs true or false, not {_shown(self.values[name])}")
        return value == "true"

    def choice(self, name: str, default: str | None, *allowed: str) -> str:
        """A text that is one of `allowed`."""
        value = self.text(name, default)
        if value not in allowed:
            raise self.error(name, f"needs one of {', '.join(allowed)}, not {value}")
        return value

    def choices(self, name: str, *allowed: str) -> tuple[str, ...]:
        """Texts that are each one of `allowed`; none where there is no list."""
        found = self.texts(name)
        for value in found:
            if value not in allowed:
                raise self.error(name, f"takes {', '.join(allowed)}, not {value}")
        return found

    def items(self, name: str) -> list[Any]:
        """A list; empty where there is none."""
        value = self.values[name] if name in self else []
        if not isinstance(value, list):
            raise self.error(name, f"needs a list, not {_shown(value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self.items(name)
        if any(isinstance(item, dict | list) for item in found):
            raise self.error(name, "needs a list of texts")
        return tuple(as_text(item) for item in found)

    def maps(self, name: str) -> list["Properties"]:
        """A list of maps."""
        found = self.items(name)
        if not all(isinstance(item, dict) for item in found):
            raise self.error(name, "needs a list of maps")
        return [Properties(f"{self.place}.{name}[{index}]", item) for index, item in enumerate(found)]

    def inner(self, name: str) -> "Properties":
        """A map; an empty one where there is none."""
        value = self.values[name] if name in self else {}
        if not isinstance(value, dict):
            raise self.error(name, f"needs a map, not {_shown(value)}")
        return Properties(f"{self.place}.{name}", value)

    def _given(self, name: str, default: Any) -> Any:
        value = self.values[name] if name in self else default
        if value is None:
            raise self.error(name, "is missing")
        return value


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
