"""What the command line decides about a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samlet.sources.schedules import CatchUp


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `strict` makes errors of what cannot be run truly, without `sources` nothing wakes the functions.

    `parameters` win over all others, `config_env` is the environment of samconfig.toml that counts.
    `catch_up` says which schedule slots that passed while Samlet was off fire at start.
    """

    strict: bool = False
    sources: bool = True
    python: Path | None = None
    catch_up: CatchUp = "none"
    parameters: Mapping[str, str] = field(default_factory=dict)
    config_env: str | None = None
