"""What the command line decides about a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samlet.model import Function
from samlet.sources.schedules import CatchUp


@dataclass(frozen=True, slots=True)
class Overrides:
    """Variables on top of everything else: for every function, and for single ones by logical id or name.

    They may be credentials, so they are never shown.
    """

    everywhere: Mapping[str, str] = field(default_factory=dict, repr=False)
    functions: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def of(self, function: Function) -> dict[str, str]:
        """What one function gets."""
        own = [self.functions.get(name, {}) for name in (function.name, function.logical_id)]
        return {**self.everywhere, **own[0], **own[1]}

    def strangers(self, functions: Iterable[Function]) -> list[str]:
        """The names that are no function's."""
        known = {name for function in functions for name in (function.name, function.logical_id)}
        return sorted(set(self.functions) - known)


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `strict` makes errors of what cannot be run truly, without `sources` nothing wakes the functions.

    `parameters` win over all others, `config_env` is the environment of samconfig.toml that counts.
    `catch_up` says which schedule slots that passed while Samlet was off fire at start; `region` is the region that
    the template is read for, None for samconfig.toml's or the usual one. With `graceful` every function hears SIGTERM
    before its end, where Lambda tells only those that registered an extension. With a `debug_port` a debugger can
    attach to `debug_functions`, or to all; 0 means any free port.
    """

    strict: bool = False
    sources: bool = True
    python: Path | None = None
    catch_up: CatchUp = "none"
    graceful: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    config_env: str | None = None
    overrides: Overrides = field(default_factory=Overrides)
    region: str | None = None
    debug_port: int | None = None
    debug_functions: tuple[str, ...] = ()
