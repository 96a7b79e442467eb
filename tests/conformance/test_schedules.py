"""EventBridge's rules and EventBridge Scheduler; each function keeps what it was woken with."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from conformance.target import NotOffered, Target
from waiting import eventually

Inbox = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _schedules(target: Target) -> None:
    if not target.schedules:
        raise NotOffered(f"{target.name} offers no schedules")


def first(inbox: Inbox, function: str) -> dict[str, Any]:
    return eventually(lambda: inbox(function), timeout=130, every=1)[0]


@pytest.mark.timeout(170)
def test_a_rule_sends_the_event_of_eventbridge(inbox: Inbox) -> None:
    event = first(inbox, "conformance-by-rule")
    assert (event["version"], event["detail-type"], event["source"]) == ("0", "Scheduled Event", "aws.events")
    assert event["detail"] == {}
    assert event["resources"][0].endswith(":rule/conformance-rule")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])


@pytest.mark.timeout(170)
def test_the_scheduler_puts_its_words_into_the_input(inbox: Inbox) -> None:
    event = first(inbox, "conformance-by-scheduler")
    slot = datetime.fromisoformat(event["slot"])
    assert (slot.tzinfo, slot.second) == (UTC, 0)
    assert event["attempt"] == "1"
