"""G8: what is no digest event becomes a dead letter or is left alone, and holds up no other."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from integration.children import start
from integration.databases import Database
from integration.mailing import dead_letters, deliver, digest, row_of, rows, sweep
from integration.scripted_smtp import ScriptedSmtp
from mail_sender import postman as postman_module
from taskflow.tables import ProcessedEvent

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
TICK = {"source": "aws.events", "time": "2026-06-02T00:00:00Z"}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b'{"type": "email.unheard_of"}',
        b'{"type": "email.daily_digest.requested"}',
        b'{"type": "email.daily_digest.requested", "event_id": "\\ud800"}',
        b"[" * 10_000,
    ],
    ids=repr,
)
def test_g8_what_is_no_event_becomes_a_dead_letter_and_the_partition_goes_on(
    database: Database, server: ScriptedSmtp, value: bytes
) -> None:
    good = digest()
    for _ in range(2):
        assert deliver(database, server, value, good) == NO_FAILURES
    (letter,) = dead_letters(database)
    assert (letter.topic, letter.partition, letter.offset, letter.key, letter.value) == ("events", 0, 0, b"key", value)
    assert letter.reason
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"email": "a@example.com\r\nBcc: b@example.com"},
        {"email": "no address"},
        {"stats": {"total": -1, "done": 0, "undone": 0}},
        {"undone_titles": ["x"] * 101},
        {"undone_titles": "x"},
        {"event_id": "1"},
        {"occurred_at": "yesterday"},
    ],
    ids=str,
)
def test_g8_an_invalid_digest_becomes_a_dead_letter(
    database: Database, server: ScriptedSmtp, change: dict[str, Any]
) -> None:
    assert deliver(database, server, digest(**change)) == NO_FAILURES
    assert len(dead_letters(database)) == 1
    assert server.taken == []


def test_another_event_is_none_of_the_mail_senders_business(database: Database, server: ScriptedSmtp) -> None:
    other = {"event_id": str(uuid4()), "type": "user.deleted", "occurred_at": "2026-06-02T00:00:00Z"}
    assert deliver(database, server, other | {"user_id": str(UUID(int=7))}) == NO_FAILURES
    assert (rows(database), dead_letters(database), server.taken) == ({}, [], [])


def test_an_event_that_always_fails_is_left_to_the_mappings_attempts(
    database: Database, server: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(postman_module, "render", broken)
    answer = deliver(database, server, digest(), digest())
    again = [{"itemIdentifier": {"partition": "events-0", "offset": offset}} for offset in (0, 1)]
    assert answer == {"batchItemFailures": again}
    assert rows(database) == {}


def test_a_stored_mail_that_cannot_be_rendered_any_more_is_put_off_and_holds_up_no_other(
    database: Database, server: ScriptedSmtp
) -> None:
    events = [digest(), digest()]
    deliver(database, server, *events, seconds=20)
    with database.admin_engine().begin() as connection:
        spoilt = update(ProcessedEvent).where(ProcessedEvent.event_id == events[0]["event_id"])
        connection.execute(spoilt.values(payload="{}"))
    assert sweep(database, server) == 2
    assert [row_of(database, event).state for event in events] == ["retry", "sent"]


def test_an_event_of_another_kind_is_a_clear_error(database: Database, server: ScriptedSmtp) -> None:
    child = start(database, "mail_sender", {"hello": "world"}, SMTP_URL=server.url)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "woken by a Kafka mapping" in errors
