"""The mail as bytes: what people typed may not break a header, a line or a page."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_sender.rendering import MAX_SUBJECT, MAX_TITLE, Sender, cleaned, render, subject_of
from taskflow.events import DailyDigestRequested, DigestStats

NOW = datetime(2026, 6, 2, 0, 0, 5, tzinfo=UTC)
SENDER = Sender("Taskflow", "digest@taskflow.example", "https://app.example")
EVENT_ID = UUID("0b5f2a3e-0000-4000-8000-000000000001")


def digest(titles: list[str], undone: int | None = None, done: int = 0) -> DailyDigestRequested:
    undone = len(titles) if undone is None else undone
    return DailyDigestRequested(
        event_id=EVENT_ID,
        occurred_at=NOW,
        user_id=UUID(int=7),
        email="anna@example.com",
        stats=DigestStats(total=undone + done, done=done, undone=undone),
        undone_titles=tuple(titles),
    )


def message_of(event: DailyDigestRequested) -> EmailMessage:
    return message_from_bytes(render(event, SENDER, NOW), policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body: Any = message.get_body((kind,))
    text: str = body.get_content()
    return text


def test_text_and_html_say_the_same() -> None:
    message = message_of(digest(["Buy milk", "Позвонить маме"], undone=5, done=2))
    for kind in ("plain", "html"):
        text = part(message, kind)
        assert "Buy milk" in text
        assert "Позвонить маме" in text
        assert "5 to do" in text
        assert "2 done" in text
        assert "7 in all" in text
        assert "and 3 more" in text
        assert "https://app.example" in text


def test_no_more_is_said_where_there_is_no_more() -> None:
    assert "more" not in part(message_of(digest(["one"])), "plain")


def test_titles_are_escaped_in_html_and_plain_in_text() -> None:
    message = message_of(digest(['<script>alert("1")</script> & co']))
    assert "<script>" not in part(message, "html")
    assert "&lt;script&gt;" in part(message, "html")
    assert '<script>alert("1")</script> & co' in part(message, "plain")


def test_the_headers_that_keep_a_mail_single() -> None:
    message = message_of(digest(["one"]))
    assert message["Message-ID"] == f"<{EVENT_ID}@taskflow.example>"
    assert message["X-MJ-CustomID"] == str(EVENT_ID)
    assert message["X-Mailjet-Campaign"] == str(EVENT_ID)
    assert message["X-Mailjet-DeduplicateCampaign"] == "1"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == NOW
    assert message["To"] == "anna@example.com"
    assert message["From"] == "Taskflow <digest@taskflow.example>"


def test_the_same_event_makes_the_same_bytes() -> None:
    event = digest(["one", "two"])
    assert render(event, SENDER, NOW) == render(event, SENDER, NOW)


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        (digest([], done=3), "Your tasks: all done"),
        (digest([]), "Your tasks: nothing to do"),
        (digest(["Buy milk"]), "Your tasks: 1 to do, newest: Buy milk"),
        (digest(["\x00\n"]), "Your tasks: 1 to do"),
        (digest([], undone=3), "Your tasks: 3 to do"),
        (digest(["a\r\nBcc: x@example.com"]), "Your tasks: 1 to do, newest: a Bcc: x@example.com"),
        (digest(["two\u2028lines\u2029here\x85now"]), "Your tasks: 1 to do, newest: two lines here now"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_subject(event: DailyDigestRequested, subject: str) -> None:
    assert subject_of(event) == subject
    assert message_of(event)["Subject"] == subject


@given(st.lists(st.text(st.characters(exclude_categories=[]), max_size=60), max_size=5))
def test_whatever_people_type_one_sound_message_comes_out(titles: list[str]) -> None:
    raw = render(
        DailyDigestRequested.model_construct(
            **digest([]).__dict__
            | {"undone_titles": tuple(titles), "stats": DigestStats(total=len(titles), done=0, undone=len(titles))}
        ),
        SENDER,
        NOW,
    )
    assert raw.isascii()
    assert b"\x00" not in raw
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert message_from_bytes(raw, policy=policy.default)["To"] == "anna@example.com"


def test_long_titles_and_subjects_are_cut() -> None:
    message = message_of(digest(["x" * 5000]))
    assert "x" * (MAX_TITLE - 1) + "…" in part(message, "plain")
    assert "x" * MAX_TITLE not in part(message, "plain")
    assert len(message["Subject"]) <= MAX_SUBJECT


def test_a_joined_emoji_stays_whole() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert cleaned(family, 10) == family


def test_the_page_is_made_for_light_and_dark() -> None:
    page = part(message_of(digest(["one"])), "html")
    assert "prefers-color-scheme: dark" in page
    assert '<meta name="color-scheme" content="light dark">' in page


@pytest.mark.parametrize("mail_from", ["", "nobody", "a@b@c", "Ünï <dïgest@example.com>"])
def test_a_sender_needs_an_address(mail_from: str) -> None:
    with pytest.raises(ValueError, match="MAIL_FROM"):
        Sender.read(mail_from, "https://app.example/")


def test_a_sender_is_read() -> None:
    assert Sender.read("Taskflow <digest@taskflow.example>", "https://app.example/") == SENDER
