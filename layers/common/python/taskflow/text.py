"""What people may write: titles, notes, addresses, days, times. Parsed at the door, trusted inside.

Refused are characters that break a line or that PostgreSQL and mail can't carry: control characters, lone
surrogates, line and paragraph separators.
"""

import re
import unicodedata
from datetime import date, time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

TITLE_LENGTH = 500
NOTES_LENGTH = 10_000
ADDRESS_LENGTH = 254

_BREAKING = {"Cc", "Cs", "Zl", "Zp"}
_LAYOUT = "\n\r\t"
# ASCII, as in HTML's own e-mail field: an address is compared and mailed, so it must have one spelling.
_ADDRESS = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}", re.ASCII)


def without_breaks(text: str, allowed: str = "") -> str:
    """The same text, or ValueError where a character breaks lines or storage."""
    for character in text:
        if character not in allowed and unicodedata.category(character) in _BREAKING:
            raise ValueError(f"contains the character U+{ord(character):04X}, which is not allowed")
    return text


def clean_title(text: str) -> str:
    """A title trimmed, with 1 to 500 characters."""
    trimmed = without_breaks(text).strip()
    if not 1 <= len(trimmed) <= TITLE_LENGTH:
        raise ValueError(f"must have 1 to {TITLE_LENGTH} characters after trimming")
    return trimmed


def clean_notes(text: str) -> str:
    """Notes of at most 10,000 characters; they may have several lines."""
    if len(text) > NOTES_LENGTH:
        raise ValueError(f"must have at most {NOTES_LENGTH} characters")
    return without_breaks(text, _LAYOUT)


def clean_address(text: str) -> str:
    """An address as it was typed: it is not trimmed, spaces and control characters make it invalid."""
    if len(text) > ADDRESS_LENGTH or not _ADDRESS.fullmatch(text) or ".." in text:
        raise ValueError("is not an e-mail address")
    return text


def _written_as(pattern: re.Pattern[str], example: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"must be written as {example}")
        return value

    return BeforeValidator(check)


Title = Annotated[
    str, AfterValidator(clean_title), Field(json_schema_extra={"minLength": 1, "maxLength": TITLE_LENGTH})
]
Notes = Annotated[str, AfterValidator(clean_notes), Field(json_schema_extra={"maxLength": NOTES_LENGTH})]
Address = Annotated[
    str, AfterValidator(clean_address), Field(json_schema_extra={"format": "email", "maxLength": ADDRESS_LENGTH})
]
Day = Annotated[date, _written_as(_DAY, "2026-12-31"), Field(strict=False)]
TimeOfDay = Annotated[
    time,
    _written_as(_TIME, "07:30"),
    Field(strict=False, json_schema_extra={"format": None, "pattern": "^\\d{2}:\\d{2}$"}),
]


if TYPE_CHECKING:
    type Change[T] = T | None
else:

    class Change:
        """A field of a PATCH that may be absent, which is None, but not null: pydantic sees the bare type."""

        def __class_getitem__(cls, kind: Any) -> Any:
            return kind


class Body(BaseModel):
    """A request's body: unknown fields and values of another type are errors, never guesses."""

    model_config = ConfigDict(extra="forbid", strict=True)
