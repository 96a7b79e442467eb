"""What the command line decides about a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `strict` makes errors of what cannot be run truly, without `sources` nothing wakes the functions."""

    strict: bool = False
    sources: bool = True
    python: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
