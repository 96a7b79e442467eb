"""G3: a digest event becomes at most one mail and is never forgotten; real database, mail server with a will."""

import os
import signal
import socket
import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import ProgrammingError

from integration.children import answer_of, start
from integration.databases import Database
from integration.mail_child import Context
from integration.mailing import LATER, batch, dead_letters, digest, postman_for, row_of, rows
from integration.scripted_smtp import Drop, Hold, Reply, ScriptedSmtp
from mail_sender import claims
from mail_sender import handler as door
from mail_sender import postman as postman_module
from mail_sender.claims import MAX_ATTEMPTS
from mail_sender.errors import Deferred
from mail_sender.kafka_event import handle_batch
from taskflow.database import engine_for, transaction
from taskflow.outage import DatabaseUnavailable
from taskflow.settings import DatabaseSettings
from taskflow.tables import ProcessedEvent
from waiting import eventually

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
TICK = {"source": "aws.events", "time": "2026-06-02T00:00:00Z"}


@pytest.fixture
def server() -> Any:
    with ScriptedSmtp() as server:
        yield server


def deliver(database: Database, server: ScriptedSmtp | str, *events: Any, **options: Any) -> dict[str, Any]:
    with postman_for(database, server, **options) as postman:
        return {**handle_batch(batch(*events), postman.take_record)}


def sweep(database: Database, server: ScriptedSmtp | str, *, later: timedelta = LATER) -> int:
    with postman_for(database, server, later=later) as postman:
        return postman.sweep()


def test_a_batch_is_sent_over_one_connection_one_recipient_a_message(database: Database, server: ScriptedSmtp) -> None:
    events = [digest(email=f"user{number}@example.com") for number in range(3)]
    assert deliver(database, server, *events) == NO_FAILURES
    assert server.recipients == [event["email"] for event in events]
    assert server.steps.count("connect") == 1
    assert {row.state for row in rows(database).values()} == {"sent"}
    assert all(row.processed_at and row.payload is None for row in rows(database).values())


def test_g3_an_event_given_twice_is_one_mail(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    deliver(database, server, event, event)
    deliver(database, server, event)
    assert len(server.taken) == 1


def test_g3_a_row_with_processed_at_and_nothing_else_counts_as_sent(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    with database.admin_engine().begin() as connection:
        connection.execute(insert(ProcessedEvent).values(event_id=event["event_id"], processed_at=text("now()")))
    assert deliver(database, server, event) == NO_FAILURES
    assert server.taken == []


def test_g3_a_row_that_is_not_final_suppresses_nothing(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    with database.admin_engine().begin() as connection:
        connection.execute(insert(ProcessedEvent).values(event_id=event["event_id"]))
    deliver(database, server, event)
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    ("step", "action", "state"),
    [
        ("connect", Reply("421 busy"), "retry"),
        ("connect", Drop(), "retry"),
        ("EHLO", Drop(), "retry"),
        ("MAIL", Reply("421 closing"), "retry"),
        ("MAIL", Reply("454 Throttling failure"), "retry"),
        ("MAIL", Reply("550 we do not know this sender"), "retry"),
        ("MAIL", Reply("552 too big"), "failed"),
        ("MAIL", Drop(), "retry"),
        ("RCPT", Reply("421 closing"), "retry"),
        ("RCPT", Reply("451 greylisted"), "retry"),
        ("RCPT", Reply("550 no such user"), "suppressed"),
        ("RCPT", Reply("554 policy"), "failed"),
        ("RCPT", Drop(), "retry"),
        ("DATA", Reply("451 not now"), "retry"),
        ("DATA", Reply("554 no"), "failed"),
        ("DATA", Drop(), "retry"),
        ("dot", Reply("421 closing"), "retry"),
        ("dot", Reply("454 Throttling failure: Maximum sending rate exceeded"), "retry"),
        ("dot", Reply("552 too big"), "failed"),
        ("dot", Reply("554 spam"), "failed"),
        ("dot", Reply("999 what"), "unknown"),
        ("dot", Drop(), "unknown"),
    ],
    ids=lambda value: getattr(value, "line", value if isinstance(value, str) else "drop"),
)
def test_g3_each_answer_and_each_break_is_classified(
    database: Database, server: ScriptedSmtp, step: str, action: Reply | Drop, state: str
) -> None:
    event = digest()
    server.script(step, action)
    assert deliver(database, server, event) == NO_FAILURES
    row = row_of(database, event)
    assert row.state == state, row.last_error
    final = state != "retry"
    assert (row.processed_at is not None) is final
    assert (row.payload is None) is final
    sent_before = len(server.taken)
    deliver(database, server, event)  # Kafka gives it once more: too early, or too late
    assert len(server.taken) == sent_before
    assert sweep(database, server) == (0 if final else 1)
    # A server that broke off after the dot had taken the message; one that answered had not.
    assert len(server.taken) == (1 if not final or (step, action) == ("dot", Drop()) else 0)


@pytest.mark.parametrize(
    ("step", "state"), [("connect", "retry"), ("RCPT", "retry"), ("DATA", "retry"), ("dot", "unknown")]
)
def test_g3_a_server_that_hangs_is_waited_for_no_longer_than_allowed(
    database: Database, server: ScriptedSmtp, step: str, state: str
) -> None:
    event = digest()
    server.script(step, Hold())
    began = time.monotonic()
    deliver(database, server, event, command_timeout=1.5)
    assert time.monotonic() - began < 20
    assert row_of(database, event).state == state


def test_a_server_that_breaks_off_in_a_message_has_not_taken_it(database: Database, server: ScriptedSmtp) -> None:
    server.script("body", Drop())
    with postman_for(database, server) as postman:
        postman.transport.open_envelope("digest@taskflow.example", "anna@example.com")
        with pytest.raises(Deferred):
            postman.transport.deliver(b"Subject: long\r\n\r\n" + b"a line of the message\r\n" * 1_000_000)
    assert server.taken == []


def test_lines_that_begin_with_a_dot_arrive_whole(server: ScriptedSmtp, database: Database) -> None:
    with postman_for(database, server) as postman:
        postman.transport.open_envelope("digest@taskflow.example", "anna@example.com")
        postman.transport.deliver(b"Subject: dots\r\n\r\n.\r\n..two\r\nend")
    assert server.taken == [b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n"]


def test_g3_a_server_that_is_down_loses_nothing_and_uses_up_no_attempts(database: Database) -> None:
    events = [digest() for _ in range(3)]
    with ScriptedSmtp() as gone:
        url = gone.url
    assert deliver(database, url, *events) == NO_FAILURES
    for _ in range(MAX_ATTEMPTS + 2):
        sweep(database, url, later=timedelta(minutes=1))
    assert [(row.state, row.attempts) for row in rows(database).values()] == [("retry", 0)] * 3
    with ScriptedSmtp() as back:
        assert sweep(database, back) == 3
        assert len(back.taken) == 3


def test_a_wrong_password_opens_the_circuit(database: Database, server: ScriptedSmtp) -> None:
    server.always("AUTH", Reply("535 no"))
    url = server.url.replace("smtp://", "smtp://user:password@")
    events = [digest() for _ in range(3)]
    deliver(database, url, *events)
    assert server.steps.count("connect") == 1
    assert [(row.state, row.attempts) for row in rows(database).values()] == [("retry", 0)] * 3
    server.always("AUTH", None)
    assert sweep(database, url) == 3
    assert len(server.taken) == 3


def test_a_server_without_tls_gets_no_password(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    deliver(database, server.url.replace("smtp://", "smtp+starttls://user:password@"), event)
    assert row_of(database, event).state == "retry"
    assert "AUTH" not in server.steps
    deliver(database, server.url.replace("smtp://", "smtps://"), digest(), command_timeout=0.5)
    assert {row.state for row in rows(database).values()} == {"retry"}


def test_attempts_come_to_an_end_and_the_mail_is_shown_as_failed(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    server.always("RCPT", Reply("451 greylisted"))
    deliver(database, server, event)
    for number in range(1, MAX_ATTEMPTS):
        assert sweep(database, server, later=timedelta(hours=5 * number)) == 1
    row = row_of(database, event)
    assert (row.state, row.attempts, row.last_error) == ("failed", MAX_ATTEMPTS, "RCPT: 451")


def test_an_address_that_was_refused_is_not_tried_again(database: Database, server: ScriptedSmtp) -> None:
    server.script("RCPT", Reply("550 no such user"))
    deliver(database, server, digest(email="Gone@example.com"))
    again = digest(email="gone@example.com")
    deliver(database, server, again)
    assert row_of(database, again).state == "suppressed"
    assert server.steps.count("RCPT") == 1
    much_later = digest(email="gone@example.com")
    deliver(database, server, much_later, later=timedelta(days=31))
    assert row_of(database, much_later).state == "sent"


def test_a_mail_that_there_is_no_time_for_is_stored_for_the_sweep(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    assert deliver(database, server, event, seconds=20) == NO_FAILURES
    assert server.taken == []
    assert sweep(database, server) == 1
    assert len(server.taken) == 1


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


@pytest.mark.parametrize(
    ("point", "state", "mails", "in_the_end"),
    [
        ("before_claim", None, 0, "sent"),
        ("after_claim", "claimed", 0, "sent"),
        ("after_envelope", "claimed", 0, "sent"),
        ("after_dispatching", "dispatching", 0, "unknown"),
        ("after_data", "dispatching", 1, "unknown"),
        ("after_record", "sent", 1, "sent"),
    ],
)
def test_g3_a_death_at_every_step(
    database: Database, server: ScriptedSmtp, point: str, state: str | None, mails: int, in_the_end: str
) -> None:
    event = digest()
    child = start(database, "mail_sender", batch(event), SMTP_URL=server.url, FAIL_POINT=f"mail.{point}")
    assert answer_of(child) is None
    assert len(server.taken) == mails
    row = rows(database).get(UUID(event["event_id"]))
    assert (row and row.state) == state
    deliver(database, server, event)  # the mapping gives it again at once, while the lease still lives
    sweep(database, server)
    row = row_of(database, event)
    assert (row.state, row.processed_at is not None) == (in_the_end, True)
    assert len(server.taken) == (1 if in_the_end == "sent" else mails)


def test_g3_a_sender_that_crashes_each_time_does_not_go_on_for_ever(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    answer_of(start(database, "mail_sender", batch(event), SMTP_URL=server.url, FAIL_POINT="mail.after_claim"))
    with database.admin_engine().begin() as connection:
        connection.execute(update(ProcessedEvent).values(attempts=MAX_ATTEMPTS))
    assert sweep(database, server) == 1
    assert row_of(database, event).state == "failed"


def test_g3_a_sender_frozen_in_its_claim_writes_and_sends_nothing_when_it_wakes(
    database: Database, server: ScriptedSmtp
) -> None:
    event, hold = digest(), Hold()
    server.script("RCPT", hold)
    child = start(database, "mail_sender", batch(event), SMTP_URL=server.url)
    assert hold.reached.wait(30)
    os.kill(child.pid, signal.SIGSTOP)
    assert sweep(database, server) == 1
    winner = row_of(database, event)
    hold.released.set()
    os.kill(child.pid, signal.SIGCONT)
    assert answer_of(child) == NO_FAILURES
    assert row_of(database, event) == winner
    assert winner.state == "sent"
    assert len(server.taken) == 1


def test_g3_a_sender_frozen_while_dispatching_cannot_take_back_unknown(
    database: Database, server: ScriptedSmtp
) -> None:
    event, hold = digest(), Hold()
    server.script("dot", hold)
    child = start(database, "mail_sender", batch(event), SMTP_URL=server.url)
    assert hold.reached.wait(30)
    os.kill(child.pid, signal.SIGSTOP)
    assert sweep(database, server) == 1
    shown = row_of(database, event)
    hold.released.set()
    os.kill(child.pid, signal.SIGCONT)
    assert answer_of(child) == NO_FAILURES
    assert row_of(database, event) == shown
    assert shown.state == "unknown"
    assert len(server.taken) == 1


def test_g3_two_senders_of_one_event_at_once_send_one_mail(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    children = [start(database, "mail_sender", batch(event), SMTP_URL=server.url) for _ in range(3)]
    assert [answer_of(child) for child in children] == [NO_FAILURES] * 3
    assert len(server.taken) == 1


def test_g3_a_database_that_is_away_for_a_moment_is_waited_for(
    database: Database, server: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = digest()
    pauses: list[float] = []
    with postman_for(database, server) as postman:

        def flaky(engine: Any) -> Any:
            if len(pauses) < 3:
                raise DatabaseUnavailable("57P01")
            return transaction(engine)

        monkeypatch.setattr(postman_module, "transaction", flaky)
        postman.pause = pauses.append
        assert handle_batch(batch(event), postman.take_record) == NO_FAILURES
    assert len(pauses) == 3
    assert len(server.taken) == 1


def test_g3_a_database_that_stays_away_leaves_the_record_to_kafka(database: Database, server: ScriptedSmtp) -> None:
    left = iter([60.0, 30.0, 60.0, 9.0, 9.0, 9.0])
    with postman_for(database, server) as postman:
        postman.remaining = lambda: next(left)
        postman.pause = lambda _: None
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        postman.engine.dispose()
        postman.engine = engine_for(DatabaseSettings(f"postgresql://nobody@127.0.0.1:{port}/none", "none", tls=False))
        answer: dict[str, Any] = {**handle_batch(batch(digest()), postman.take_record)}
    assert [failure["itemIdentifier"]["offset"] for failure in answer["batchItemFailures"]] == [0]
    assert server.taken == []


def test_g3_a_database_that_goes_away_before_dispatching_does_not_end_as_unknown(
    database: Database, server: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = digest()
    with postman_for(database, server) as postman:

        def away(*_: object) -> bool:
            raise DatabaseUnavailable("57P01")

        monkeypatch.setattr(claims, "begin_dispatch", away)
        assert handle_batch(batch(event), postman.take_record) == NO_FAILURES
        monkeypatch.undo()
    assert row_of(database, event).state == "retry"
    assert sweep(database, server) == 1
    assert len(server.taken) == 1


def test_the_minutes_tick_sends_what_is_due(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    deliver(database, server, event, seconds=20, later=-LATER)
    assert answer_of(start(database, "mail_sender", TICK, SMTP_URL=server.url)) == {"swept": 1}
    assert row_of(database, event).state == "sent"


def test_an_event_of_another_kind_is_a_clear_error(database: Database, server: ScriptedSmtp) -> None:
    child = start(database, "mail_sender", {"hello": "world"}, SMTP_URL=server.url)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "woken by a Kafka mapping" in errors


def test_no_line_of_the_log_holds_an_address(database: Database, server: ScriptedSmtp) -> None:
    server.script("RCPT", Reply("550 anna.secretive@example.com is unknown"))
    child = start(database, "mail_sender", batch(digest(email="anna.secretive@example.com")), SMTP_URL=server.url)
    output, errors = child.communicate(timeout=60)
    assert "suppressed" in output
    assert "anna.secretive" not in output + errors


@pytest.mark.parametrize("statement", ["SELECT * FROM users", "SELECT * FROM tasks", "DELETE FROM processed_events"])
def test_g5_the_mail_senders_role_can_do_nothing_else(database: Database, statement: str) -> None:
    engine = database.engine("mail_sender")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(engine) as session:
        session.execute(text(statement))
    engine.dispose()


def test_it_is_eventually_true_that_nothing_is_left_open(database: Database, server: ScriptedSmtp) -> None:
    """A night in small: every kind of trouble once, and in the end each event is final."""
    events = [digest(email=f"user{number}@example.com") for number in range(12)]
    server.script("RCPT", Reply("250 ok"), Reply("451 later"), Drop(), Reply("250 ok"), Reply("421 closing"))
    server.script("dot", Reply("250 taken"), Reply("454 Throttling failure"))
    server.script("connect", Reply("220 hello"), Reply("421 busy"))
    deliver(database, server, *events)
    ahead = iter(range(1, 50))

    def all_final() -> bool:
        sweep(database, server, later=timedelta(minutes=10 * next(ahead)))
        return all(row.processed_at for row in rows(database).values())

    eventually(all_final, timeout=30)
    assert sorted(server.recipients) == sorted(event["email"] for event in events)


@pytest.fixture
def handler(database: Database, server: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The door itself, in this process, with settings as the template gives them."""
    settings = {
        "SMTP_URL": server.url,
        "MAIL_FROM": "Taskflow <digest@taskflow.example>",
        "WEB_URL": "https://a.example",
    }
    for name, value in (database.environment("mail_sender") | settings).items():
        monkeypatch.setenv(name, value)
    for cached in (door._engine, door._mail):
        cached.cache_clear()
    yield lambda event: door.handler(event, Context(60))  # type: ignore[arg-type]
    door._engine().dispose()


def test_the_door_takes_a_batch_and_a_tick_and_nothing_else(handler: Any, server: ScriptedSmtp) -> None:
    assert handler(batch(digest())) == NO_FAILURES
    assert handler(TICK) == {"swept": 0}
    assert len(server.taken) == 1
    with pytest.raises(ValueError, match="woken by a Kafka mapping"):
        handler({"hello": "world"})


@pytest.mark.parametrize("step", ["begin_dispatch", "finish"])
def test_g3_whoever_lost_the_claim_writes_nothing(database: Database, server: ScriptedSmtp, step: str) -> None:
    """The claim goes to another fence while the server is answering."""
    event, hold = digest(), Hold()
    server.script("dot" if step == "finish" else "RCPT", hold)
    with postman_for(database, server, command_timeout=30) as postman:
        thread = threading.Thread(target=lambda: handle_batch(batch(event), postman.take_record))
        thread.start()
        assert hold.reached.wait(30)
        with database.admin_engine().begin() as connection:
            connection.execute(update(ProcessedEvent).values(fence=uuid4()))
        before = row_of(database, event)
        hold.released.set()
        thread.join(30)
    assert row_of(database, event) == before
    assert len(server.taken) == (1 if step == "finish" else 0)
