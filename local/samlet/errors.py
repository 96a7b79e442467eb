"""Everything that Samlet can say went wrong.

SamletError
├── WrongUsage            the command line says what makes no sense
├── ProjectError          samlet.toml or a setting is wrong
├── TemplateError         the template cannot be read or resolved
│   └── MissingPath       it names a file or folder that isn't there (yet)
├── ResourceRefused       a resource of the template cannot be made
├── PortTaken             somebody else listens on a port of ours
├── StateInUse            another Samlet runs on the same state folder
├── EnvironmentFailed     an interpreter or a function's packages cannot be had
├── ServiceFailed         an embedded service did not come up
├── NotRunning            a command needs a running Samlet
├── FunctionFailed        a function that on_start names failed
├── FunctionNotFound      no such function in the template
├── ScheduleNotFound      no such schedule in the template
├── DeliveryFailed            a queue or topic did not take what was sent to it
├── Throttled             a concurrency limit was met
├── MalformedResponse     a function's answer is no HTTP response
└── KafkaFailed           the broker cannot be reached, or refused
"""

from collections.abc import Iterable
from pathlib import Path


class SamletError(Exception):
    """The root of the tree; its text is fit to be shown to a person."""


class WrongUsage(SamletError):
    """The command line says what makes no sense, which ends with 2."""


class ProjectError(SamletError):
    """samlet.toml or a setting is wrong."""


class TemplateError(SamletError):
    """The template cannot be read or resolved."""


class MissingPath(TemplateError):
    """A file or folder that the template names isn't there (yet)."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.path = path


def missing_path(error: BaseException) -> Path | None:
    """The file or folder for want of which an error was raised, however often it was told anew since."""
    told: BaseException | None = error
    while told is not None and not isinstance(told, MissingPath):
        told = told.__cause__
    return told.path if told else None


class ResourceRefused(SamletError):
    """A resource of the template cannot be made; the text says why."""


class PortTaken(SamletError):
    """Somebody else listens on a port of ours."""

    def __init__(self, part: str, port: int, setting: str, *, choosable: bool = True) -> None:
        way_out = f"set {setting} to another one" + (", or to 0 for any free port" if choosable else "")
        super().__init__(f"port {port} for {part} is taken; {way_out}")


class StateInUse(SamletError):
    """Another Samlet runs on the same state folder."""


class EnvironmentFailed(SamletError):
    """An interpreter or a function's packages cannot be had."""


class ServiceFailed(SamletError):
    """An embedded service did not come up."""


class NotRunning(SamletError):
    """A command needs a running Samlet."""


class FunctionFailed(SamletError):
    """A function that on_start names failed, so what it prepares is missing."""

    def __init__(self, name: str, answer: str, log: str) -> None:
        super().__init__(f"{name}, which on_start names, failed: {answer}\n{log}".rstrip())


class FunctionNotFound(SamletError):
    """No such function in the template."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Function not found: {name}")


class ScheduleNotFound(SamletError):
    """No such schedule in the template."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no schedule {name}; the template has {', '.join(sorted(known)) or 'none'}")


class ScheduleDisabled(SamletError):
    """The template itself keeps a schedule from firing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"schedule {name} is disabled in the template; set its State to ENABLED there")


class DeliveryFailed(SamletError):
    """A queue or topic did not take what was sent to it; the text says why."""


class Throttled(SamletError):
    """A concurrency limit was met; `reason` is AWS's word for which one."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class MalformedResponse(SamletError):
    """A function's answer is no HTTP response; the text says what is wrong with it."""


class KafkaFailed(SamletError):
    """The broker cannot be reached, or refused."""
