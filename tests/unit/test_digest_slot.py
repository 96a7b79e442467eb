from datetime import UTC, datetime
from typing import Any

import pytest

from nightly_digest.slot import InvalidSlot, parse_slot


@pytest.mark.parametrize(
    "event",
    [
        {"slot": "2026-06-02T00:15:00Z"},
        {"slot": "2026-06-02T02:15:00+02:00"},
        {"time": "2026-06-02T00:15:00Z", "source": "aws.events"},
    ],
)
def test_the_slot_is_read_from_the_event(event: dict[str, Any]) -> None:
    assert parse_slot(event) == datetime(2026, 6, 2, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"slot": None},
        {"slot": 1780000000},
        {"slot": "<aws.scheduler.scheduled-time>"},
        {"slot": "2026-06-02T00:15:00"},
        {"slot": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_an_event_without_a_slot_is_a_clear_error(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidSlot, match="RFC 3339"):
        parse_slot(event)
