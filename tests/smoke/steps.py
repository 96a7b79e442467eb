"""What a person does in a day, step by step; the first thing that is not as it should be ends it."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from smoke.client import Answer, Client

_POLL = 0.5
_QUARTER = timedelta(minutes=15)


class SmokeFailed(Exception):
    """A step did not do what it should; the text says which and how."""


class Person:
    """Somebody with a new account, who leaves nothing behind."""

    def __init__(self, api: Client, email: str) -> None:
        self.email = email
        self._api = api
        self._password = secrets.token_urlsafe(18)
        self._token: str | None = None

    def register(self) -> str:
        account = {"email": self.email, "password": self._password}
        self._expect(201, "POST", "/auth/register", account)
        self._token = self._expect(200, "POST", "/auth/login", account).body["access_token"]
        return self.email

    def stranger_is_refused(self) -> str:
        answer = self._api.send("GET", "/tasks")
        _check(answer, 401, "GET /tasks without a token")
        return "401 without a token"

    def keep_a_list(self) -> str:
        task = self._expect(201, "POST", "/tasks", {"title": "Smoke: buy bread"}).body
        self._expect(201, "POST", "/tasks", {"title": "Smoke: call Zoë"})
        self._expect(200, "PATCH", f"/tasks/{task['id']}", {"done": True})
        listed = self._expect(200, "GET", "/tasks").body["items"]
        if [item["done"] for item in listed] != [False, True]:
            raise SmokeFailed(f"GET /tasks: one open and one done task expected, got {listed}")
        return "two tasks, one of them done"

    def plan_digest(self, now: datetime) -> datetime:
        """Let this person's digest fall due at the next quarter of an hour; returns that moment."""
        slot = next_quarter(now)
        self._expect(200, "PATCH", "/me", {"digest": {"time": f"{slot:%H:%M}"}})
        return slot

    def leave(self) -> str:
        self._expect(204, "DELETE", "/me", {"password": self._password})
        return "account deleted"

    @property
    def registered(self) -> bool:
        return self._token is not None

    def _expect(self, status: int, method: str, path: str, body: Any = None) -> Answer:
        answer = self._api.send(method, path, body, token=self._token)
        _check(answer, status, f"{method} {path}")
        return answer


def next_quarter(now: datetime) -> datetime:
    """The next moment that the digest's schedule meets, with half a minute to spare."""
    later = now.astimezone(UTC) + timedelta(seconds=30)
    start = later.replace(minute=0, second=0, microsecond=0)
    return start + _QUARTER * (int((later - start) / _QUARTER) + 1)


def is_healthy(api: Client) -> str:
    """The API answers, and its documentation is there."""
    _check(api.send("GET", "/healthz"), 200, "GET /healthz")
    document = api.send("GET", "/openapi.json")
    _check(document, 200, "GET /openapi.json")
    return f"{len(document.body['paths'])} paths documented"


def run_digest(console: Client, slot: datetime) -> str:
    """Let the runtime fire the digest's schedule now, for its slot to come."""
    schedules = console.send("GET", "/api/schedules").body
    names = [row["name"] for row in schedules if "digest" in row["name"]]
    if len(names) != 1:
        raise SmokeFailed(f"one schedule with 'digest' in its name expected, got {names}")
    answer = console.send("POST", f"/api/schedules/{names[0]}/run?at={slot:%Y-%m-%dT%H:%M:%SZ}")
    if answer.status != 200 or not answer.body["ok"]:
        raise SmokeFailed(f"the digest for {slot:%H:%M} failed: {answer.body}")
    return f"{names[0]} for {slot:%H:%M} UTC"


def one_mail(console: Client, email: str, patience: float) -> str:
    """Exactly one mail has come, with the right counts and titles."""

    def mails() -> list[dict[str, Any]]:
        return [mail for mail in console.send("GET", "/api/mails").body if email in mail["to"]]

    found = wait_for(mails, patience, f"a mail to {email}")
    if len(found) != 1:
        raise SmokeFailed(f"one mail to {email} expected, got {len(found)}")
    text = found[0]["text"]
    if "Smoke: call Zoë" not in text or "Smoke: buy bread" in text:
        raise SmokeFailed(f"the mail must name the open task and not the one that is done:\n{text}")
    return str(found[0]["subject"])


def wait_for[Found](look: Callable[[], Found], patience: float, what: str) -> Found:
    """Look again and again until there is something; SmokeFailed after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SmokeFailed(f"{what} did not come within {patience:g} s")
        time.sleep(_POLL)
    return found


def _check(answer: Answer, status: int, what: str) -> None:
    if answer.status != status:
        raise SmokeFailed(f"{what}: {status} expected, got {answer.status}: {answer.body}")
