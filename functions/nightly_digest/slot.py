"""The slot: the moment that the schedule meant, whenever it really fired.

A schedule fires twice, late, or for a slot of last night; the digest's dates follow the slot and never the clock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class InvalidSlot(ValueError):
    def __init__(self, fault: str) -> None:
        super().__init__(f'{fault}: the event must be {{"slot": "<RFC 3339 time>"}}, or EventBridge\'s with "time"')


def parse_slot(event: Mapping[str, Any]) -> datetime:
    """The slot of a schedule's event, in UTC; InvalidSlot where it names none."""
    text = event.get("slot", event.get("time"))
    if not isinstance(text, str):
        raise InvalidSlot("the event names no slot")
    try:
        slot = datetime.fromisoformat(text)
        if slot.tzinfo is None:
            raise InvalidSlot(f"the slot {text!r} has no offset from UTC")
        return slot.astimezone(UTC)
    except InvalidSlot:
        raise
    except (ValueError, OverflowError):
        raise InvalidSlot(f"the slot {text!r} is no time") from None
