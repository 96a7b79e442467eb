"""A stage: its name, the names of its stacks, and the parameters that iac/stages/<stage>.json gives them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.faults import Stopped

IAC = Path(__file__).resolve().parents[1]
CHECKOUT = IAC.parent

# In the order in which they are made. `migrate` and `service` are the two parts of template.yaml (docs/adr/0013).
FOUNDATION = ("network", "secrets", "data", "kafka", "web")
PARTS = (*FOUNDATION, "migrate", "service", "observability")
_CONFIGURED = {*PARTS, "service"} - {"migrate"}  # `migrate` takes those of the service
_NAME = re.compile(r"[a-z][a-z0-9-]{0,11}")


@dataclass(frozen=True)
class Stage:
    """One installation."""

    name: str
    parameters: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, name: str, folder: Path = IAC / "stages") -> Self:
        """What the stage's file says."""
        there = sorted(path.stem for path in folder.glob("*.json"))
        if name not in there:
            raise Stopped(f"Which stage? STAGE={name or '…'} has no file in iac/stages; there are: {', '.join(there)}.")
        if not _NAME.fullmatch(name):
            raise Stopped(f"{name!r} can't be a stage: 1 to 12 of a-z, 0-9 and -, a letter first. Rename its file.")
        try:
            content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            parameters = {part: {key: _text(value) for key, value in given.items()} for part, given in content.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise Stopped(f"iac/stages/{name}.json is not {{stack: {{parameter: text}}}}: {error}. Mend it.") from error
        if strangers := parameters.keys() - _CONFIGURED:
            raise Stopped(f"iac/stages/{name}.json: no stack is called {', '.join(sorted(strangers))}. Mend it.")
        return cls(name, parameters)

    def stack(self, part: str) -> str:
        """The stack's name."""
        return f"taskflow-{self.name}" if part == "service" else f"taskflow-{self.name}-{part}"

    def parameters_of(
        self, part: str, declared: Mapping[str, Mapping[str, object]], outputs: Mapping[str, str]
    ) -> dict[str, str]:
        """An output fills the parameter of the same name; what the stage's file says comes before it.

        Defaults are given in so many words: what a file no longer says must not stay as it was.
        """
        configured = self.parameters.get("service" if part == "migrate" else part, {})
        if strangers := configured.keys() - declared.keys():
            raise Stopped(f"iac/stages/{self.name}.json: {part} has no parameter {', '.join(sorted(strangers))}.")
        defaults = {name: str(about["Default"]) for name, about in declared.items() if "Default" in about}
        given = {**defaults, "Stage": self.name, **outputs, **configured}
        missing = [name for name in declared if name not in given]
        if missing:
            raise Stopped(
                f"{self.stack(part)} needs {', '.join(missing)}, which no stack before it gives. "
                f"Write it into iac/stages/{self.name}.json."
            )
        return {name: given[name] for name in declared}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
