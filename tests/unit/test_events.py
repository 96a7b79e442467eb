"""What is on the wire, byte for byte, and what is refused."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from taskflow import events
from taskflow.events import (
    DailyDigestRequested,
    DigestStats,
    EventTooLarge,
    InvalidEvent,
    TaskCreated,
    parse,
    serialize,
)

IDS: dict[str, Any] = {"event_id": UUID(int=1), "user_id": UUID(int=2)}
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HEAD = {
    "event_id": "00000000-0000-0000-0000-000000000001",
    "type": "",
    "occurred_at": "2026-11-20T12:00:00Z",
    "user_id": "00000000-0000-0000-0000-000000000002",
}
TASK = {"task_id": "00000000-0000-0000-0000-000000000003"}
WIRE: list[dict[str, Any]] = [
    HEAD | {"type": "task.created"} | TASK | {"title": "x"},
    HEAD | {"type": "task.updated"} | TASK | {"title": "x"},
    HEAD | {"type": "task.completed"} | TASK,
    HEAD | {"type": "task.reopened"} | TASK,
    HEAD | {"type": "task.deleted"} | TASK,
    HEAD | {"type": "task.restored"} | TASK,
    HEAD | {"type": "user.registered"},
    HEAD | {"type": "user.deleted"},
    HEAD
    | {
        "type": "email.daily_digest.requested",
        "email": "ann@example.org",
        "stats": {"total": 3, "done": 1, "undone": 2},
        "undone_titles": ["b", "a"],
    },
]


def created(title: str, at: datetime = AT) -> TaskCreated:
    return TaskCreated(**IDS, occurred_at=at, task_id=UUID(int=3), title=title)


def digest(**changed: Any) -> DailyDigestRequested:
    fields: dict[str, Any] = {
        "email": "ann@example.org",
        "stats": DigestStats(total=0, done=0, undone=0),
        "undone_titles": (),
    }
    return DailyDigestRequested(**IDS, occurred_at=AT, **(fields | changed))


@pytest.mark.parametrize("wire", WIRE, ids=lambda wire: wire["type"])
def test_every_event_is_on_the_wire_exactly_as_the_contract_says(wire: dict[str, Any]) -> None:
    text = json.dumps(wire, separators=(",", ":"))
    event = parse(text)
    assert serialize(event) == text.encode()
    assert event.key == wire["user_id"]
    assert event.topic == "events"


def test_the_registry_knows_every_type() -> None:
    assert list(events.REGISTRY) == [wire["type"] for wire in WIRE]


def test_text_is_utf_8_without_escapes() -> None:
    assert '"title":"Ж\u2028😀\\""'.encode() in serialize(created('Ж\u2028😀"'))


def test_times_are_utc_whatever_zone_they_came_in() -> None:
    event = created("x", AT.astimezone(timezone(timedelta(hours=3))))
    assert b'"occurred_at":"2026-11-20T12:00:00Z"' in serialize(event)
    with pytest.raises(ValidationError):
        created("x", datetime(2026, 11, 20))  # noqa: DTZ001 - that is the point


def test_new_fields_of_later_versions_are_ignored() -> None:
    assert parse(json.dumps(WIRE[0] | {"due_on": "2026-12-01"})) == parse(json.dumps(WIRE[0]))


def test_events_are_immutable() -> None:
    with pytest.raises(ValidationError):
        created("x").title = "y"  # type: ignore[misc]


def test_an_event_above_the_limit_is_refused() -> None:
    room = events.MAX_BYTES - len(serialize(created("")))
    assert len(serialize(created("x" * room))) == events.MAX_BYTES
    with pytest.raises(EventTooLarge, match=r"task\.created has 262145 bytes"):
        serialize(created("x" * (room + 1)))


def test_the_largest_digest_fits() -> None:
    assert serialize(digest(undone_titles=["😀" * 500] * 100))
    with pytest.raises(ValidationError):
        digest(undone_titles=["x"] * 101)


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="not UTF-8"):
        serialize(created("\ud800"))


BROKEN: list[bytes] = [
    b"",
    b"\xff",
    b"nothing",
    b"null",
    b"[]",
    b"{}",
    b'{"type": "email.unknown"}',
    b"[" * 100_000,
    *(
        json.dumps({k: v for k, v in WIRE[-1].items() if k != missing}).encode()
        for missing in ("event_id", "occurred_at", "user_id", "email", "stats", "undone_titles")
    ),
    *(
        json.dumps(WIRE[-1] | wrong).encode()
        for wrong in (
            {"event_id": "7"},
            {"occurred_at": "yesterday"},
            {"occurred_at": "2026-11-20T12:00:00"},
            {"email": "no address"},
            {"email": "ann@example.org\r\nBcc: all@example.org"},
            {"stats": {"total": "3", "done": 1, "undone": 2}},
            {"stats": {"total": -1, "done": 0, "undone": 0}},
            {"undone_titles": "abc"},
            {"undone_titles": [1]},
        )
    ),
]


@pytest.mark.parametrize("payload", BROKEN, ids=lambda payload: payload[:12].decode("latin-1") or "empty")
def test_g8_what_is_no_event_of_ours_is_said_to_be_so(payload: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse(payload)


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode))
def test_g8_parsing_raises_nothing_else(payload: bytes) -> None:
    with pytest.raises(InvalidEvent):
        parse(payload)


def test_a_complaint_names_the_field_and_never_its_value() -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(json.dumps(WIRE[-1] | {"email": "secret person"}))
    assert "email" in str(caught.value)
    assert "secret" not in str(caught.value)
