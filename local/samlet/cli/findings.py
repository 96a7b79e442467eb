"""What `samlet doctor` finds: one line a thing, and what to do where it is not well."""

from dataclasses import dataclass
from typing import Literal

type Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do about a warning or a problem."""

    level: Level
    subject: str
    text: str
    remedy: str | None = None


def ok(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding("ok", subject, text)


def warning(subject: str, text: str, remedy: str | None = None) -> Finding:
    """Samlet starts, and something is not as it might be expected."""
    return Finding("warning", subject, text, remedy)


def problem(subject: str, text: str, remedy: str) -> Finding:
    """Samlet would not start, or not do its work."""
    return Finding("problem", subject, text, remedy)
