"""PostgreSQL away: 503 within 5 s, whatever way it is away, and recovery by itself."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from integration.api import Api, api_over
from integration.databases import Database
from taskflow.database import engine_for, sqlstate, transaction
from taskflow.outage import DatabaseUnavailable
from taskflow.settings import DatabaseSettings


def settings_for(port: int, timeout: float = 0.3) -> DatabaseSettings:
    return DatabaseSettings(f"postgresql://nobody@127.0.0.1:{port}/none", "secret", tls=False, timeout=timeout)


@contextmanager
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def refused_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


def test_a_database_that_refuses_connections_is_unavailable() -> None:
    engine = engine_for(settings_for(refused_port()))
    with pytest.raises(DatabaseUnavailable), transaction(engine) as session:
        session.execute(text("SELECT 1"))


def test_a_database_that_says_nothing_is_unavailable_after_the_time_out() -> None:
    with silent_port() as port:
        engine = engine_for(settings_for(port))
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable), transaction(engine) as session:
            session.execute(text("SELECT 1"))
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_sleep(10)",
        "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53300'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '57P01'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '08006'; END $$",
    ],
)
def test_what_says_that_the_database_is_away_or_too_slow_is_told_apart(database: Database, statement: str) -> None:
    engine = database.engine("tasks")
    with pytest.raises(DatabaseUnavailable), transaction(engine) as session:
        session.execute(text(statement))
    with transaction(engine) as session:
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_every_other_error_stays_what_it_is(database: Database) -> None:
    engine = database.engine("tasks")
    with pytest.raises(DBAPIError) as wrong, transaction(engine) as session:
        session.execute(text("SELECT 1/0"))
    assert sqlstate(wrong.value) == "22012"
    engine.dispose()


def test_the_api_answers_503_and_then_again_201_when_its_connections_were_ended(api: Api) -> None:
    account = api.account()
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :role"
    api.rows(end, role=f"{api.database.role_prefix}_tasks")
    assert api.tasks.post("/tasks", json={"title": "x"}, headers=account.headers).status_code == 201


def test_g7_a_request_that_was_cut_off_is_503_and_nothing_of_it_stays(api: Api) -> None:
    account = api.account()
    role = f"{api.database.role_prefix}_tasks"
    holder = api.database.admin_engine().connect()
    holder.execute(text("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE"))  # the request gets as far as its event
    answers: list[Any] = []
    request = threading.Thread(
        target=lambda: answers.append(api.tasks.post("/tasks", json={"title": "x"}, headers=account.headers))
    )
    request.start()
    waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :r AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 5
    while not api.rows(waiting, r=role) and request.is_alive() and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    request.join(10)
    holder.rollback()
    holder.close()
    assert answers[0].status_code == 503
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].json()["code"] == "unavailable"
    assert "retry-after" in answers[0].headers
    assert api.rows("SELECT * FROM tasks") == []
    assert api.tasks.post("/tasks", json={"title": "y"}, headers=account.headers).status_code == 201


def test_the_api_answers_503_while_the_database_is_gone(database: Database) -> None:
    from dataclasses import replace

    with api_over(database) as api:
        app: Any = api.auth.app
        app.state.services = replace(app.state.services, engine=engine_for(settings_for(refused_port())))
        started = time.monotonic()
        answer = api.auth.post("/auth/login", json={"email": "ann@example.com", "password": "whatever it is"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert time.monotonic() - started < 5
