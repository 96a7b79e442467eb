"""G3 while servers are away, refuse or are slow: mails wait for their next attempt, and attempts come to an end."""

import socket
import time
from datetime import timedelta
from typing import Any

import pytest

from integration.databases import Database
from integration.mailing import batch, deliver, digest, postman_for, row_of, rows, sweep
from integration.scripted_smtp import Hold, Reply, ScriptedSmtp
from mail_sender import claims
from mail_sender import postman as postman_module
from mail_sender.claims import MAX_ATTEMPTS
from mail_sender.kafka_event import handle_batch
from taskflow.database import engine_for, transaction
from taskflow.outage import DatabaseUnavailable
from taskflow.settings import DatabaseSettings

NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
TICK = {"source": "aws.events", "time": "2026-06-02T00:00:00Z"}


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
