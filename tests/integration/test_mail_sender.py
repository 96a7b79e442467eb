"""G3: a digest event becomes at most one mail and is never forgotten; real database, mail server with a will."""

import os
import signal
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import ProgrammingError

from integration.children import answer_of, start
from integration.databases import Database
from integration.mail_child import Context
from integration.mailing import LATER, batch, deliver, digest, postman_for, row_of, rows, sweep
from integration.scripted_smtp import Drop, Hold, Reply, ScriptedSmtp
from mail_sender import handler as door
from mail_sender.claims import MAX_ATTEMPTS
from mail_sender.errors import Deferred
from mail_sender.kafka_event import handle_batch
from taskflow.database import transaction
from taskflow.tables import ProcessedEvent
from waiting import eventually

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
TICK = {"source": "aws.events", "time": "2026-06-02T00:00:00Z"}


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


def test_the_minutes_tick_sends_what_is_due(database: Database, server: ScriptedSmtp) -> None:
    event = digest()
    deliver(database, server, event, seconds=20, later=-LATER)
    assert answer_of(start(database, "mail_sender", TICK, SMTP_URL=server.url)) == {"swept": 1}
    assert row_of(database, event).state == "sent"


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
