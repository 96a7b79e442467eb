"""What all sandboxes have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samlet.model import DEFAULT_ACCOUNT, DEFAULT_REGION, Function
from samlet.processes import Reaper
from samlet.runtime.changes import Changes, NoChanges
from samlet.runtime.debugger import Debugger
from samlet.runtime.observer import Observer


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What all sandboxes of one Samlet have in common; `init_limit` is in seconds.

    `bootstrap` is the program that starts the runtime where an image brings its own. Several layers are laid over each
    other in the folder `layers`. `observer` hears of each event on its way. With `graceful` every process hears SIGTERM
    before its end, not only those that registered for it. `changes` knows of changed code; `debuggers` are those of the
    functions, by logical id, that somebody wants to look into.
    """

    reaper: Reaper
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    extra_environment: Mapping[str, str] = field(default_factory=dict)
    log_path: Path | None = None
    init_limit: float = 10.0
    bootstrap: Path | None = None
    layers: Path | None = None
    graceful: bool = False
    observer: Observer = field(default_factory=Observer)
    changes: Changes = field(default_factory=NoChanges)
    debuggers: Mapping[str, Debugger] = field(default_factory=dict)

    def arn(self, function: Function, qualifier: str | None = None) -> str:
        """The ARN of a function, or of one of its aliases or versions."""
        return self.arn_of(function.name, qualifier)

    def arn_of(self, name: str, qualifier: str | None = None) -> str:
        """The ARN that a function of that name has, or would have."""
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn
