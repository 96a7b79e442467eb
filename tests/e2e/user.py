"""A person with an account and a task list, speaking HTTP."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from e2e.system import System


@dataclass
class User:
    """Registered and logged in; `at_midnight` is the slot of the next digest (the user lives in UTC)."""

    system: System
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.org")
    password: str = "correct horse battery"
    id: str = ""
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        with self.system.api() as anyone:
            registered = anyone.post("/auth/register", json={"email": self.email, "password": self.password})
            assert registered.status_code == 201, registered.text
            self.id = registered.json()["id"]
            login = anyone.post("/auth/login", json={"email": self.email, "password": self.password})
            assert login.status_code == 200, login.text
        self.client = self.system.api(login.json()["access_token"])

    def add(self, title: str) -> dict[str, Any]:
        answer = self.client.post("/tasks", json={"title": title})
        assert answer.status_code == 201, answer.text
        task: dict[str, Any] = answer.json()
        return task

    def complete(self, task: dict[str, Any]) -> None:
        answer = self.client.patch(f"/tasks/{task['id']}", json={"done": True})
        assert answer.status_code == 200, answer.text

    @staticmethod
    def next_midnight(days: int = 1) -> str:
        day = datetime.now(UTC).date() + timedelta(days=days)
        return f"{day.isoformat()}T00:00:00Z"
