"""The HTTP functions as a test meets them: real routes over a real database, with a clock that the test moves."""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import text

import auth.routes
import auth.wiring
import tasks.routes
import tasks.wiring
from auth.throttle import Throttle
from integration.databases import Database
from taskflow.logs import logger_for
from taskflow.pages import Cursors
from taskflow.passwords import Passwords
from taskflow.settings import Environment
from taskflow.tokens import TokenKeys
from taskflow.web import make_app

PASSWORD = "correct horse battery"
CHEAP = 4  # bcrypt's lowest cost: what is tested here is not its strength


@dataclass
class MovableClock:
    now: datetime = datetime(2026, 3, 10, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass(frozen=True)
class Account:
    """A registered user and what they would send along."""

    id: str
    email: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True)
class Api:
    """Both functions behind their routes; an exception that reaches the client is a failure of the test."""

    auth: TestClient
    tasks: TestClient
    database: Database
    clock: MovableClock
    token_keys: TokenKeys

    def account(self, email: str = "ann@example.com") -> Account:
        """A user who has registered and logged in."""
        made = self.auth.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert made.status_code == 201, made.text
        held = self.auth.post("/auth/login", json={"email": email, "password": PASSWORD}).json()
        return Account(made.json()["id"], email, held["access_token"], held["refresh_token"])

    def task(self, account: Account, **fields: Any) -> dict[str, Any]:
        """A task of theirs."""
        answer = self.tasks.post("/tasks", json={"title": "milk"} | fields, headers=account.headers)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """What the database holds, seen by its owner."""
        engine = self.database.admin_engine()
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    def events(self) -> list[dict[str, Any]]:
        """The outbox's payloads in order."""
        return [json.loads(payload) for (payload,) in self.rows("SELECT payload FROM outbox ORDER BY id")]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@contextmanager
def api_over(database: Database) -> Iterator[Api]:
    clock = MovableClock()
    keys = TokenKeys.read(Environment({"TOKEN_KEYS": json.dumps({"k1": base64.b64encode(os.urandom(32)).decode()})}))
    engines = [database.engine("auth"), database.engine("tasks")]
    passwords = Passwords("pepper of the test", CHEAP)
    with_auth = auth.wiring.Services(engines[0], passwords, keys, Throttle("pepper of the test"), clock)
    with_tasks = tasks.wiring.Services(engines[1], keys, Cursors("key of the test"), clock)
    clients = []
    for name, router, services in (("auth", auth.routes.router, with_auth), ("tasks", tasks.routes.router, with_tasks)):
        app = make_app(name, logger_for(name))
        app.include_router(router)
        app.state.services = services
        clients.append(TestClient(app))
    yield Api(clients[0], clients[1], database, clock, keys)
    for engine in engines:
        engine.dispose()
