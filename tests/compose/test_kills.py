"""Each container is killed once in the middle of the flow: nothing acknowledged is lost, and no mail is sent twice."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from compose.containers import Containers
from e2e.user import User
from waiting import eventually

# Those that only start something (secrets, migrate) have ended long before.
SERVICES = (
    "auth", "tasks", "meta", "outbox-relay", "nightly-digest", "mail-sender", "housekeeping",
    "local", "frontend", "postgres", "kafka", "mailpit", "moto",
)  # fmt: skip
# A mail sink that keeps its mails in memory would lose those that it has: it is killed before it gets any.
BEFORE_THE_DIGEST = {"mailpit"}
# Killed between asking the mail server and writing down its answer, these leave a mail that nobody may send again.
ASKED_THE_MAIL_SERVER = {"mail-sender", "local", "postgres"}
MAYBE_SENT = {("unknown", 0), ("unknown", 1)}


@pytest.mark.parametrize("service", SERVICES)
def test_g2_g3_g7_nothing_is_lost_and_no_mail_sent_twice_when_a_container_is_killed(
    system: Containers, service: str
) -> None:
    user, whole = arrive(system), system.attached()
    acknowledged = [add_patiently(user, f"before {number}") for number in range(2)]
    if service in BEFORE_THE_DIGEST:
        system.kill_container(service)
    system.samlet("schedule", "run", system.schedule("digest"), "--at", user.next_midnight())
    if service not in BEFORE_THE_DIGEST:
        system.kill_container(service)
    acknowledged += [task for task in (add_once(user, f"during {number}") for number in range(3)) if task]
    system.revive(service)
    eventually(lambda: system.attached() >= whole, timeout=120, every=0.5)
    acknowledged += [add_patiently(user, f"after {number}") for number in range(2)]

    wanted = {task["id"] for task in acknowledged}
    eventually(lambda: wanted <= created(system, user), timeout=90, every=0.5)
    [state] = eventually(lambda: final_states(system, user), timeout=180, every=0.5)
    settle(system)
    mails = system.mails(user.email)
    assert (state, len(mails)) in {("sent", 1)} | (MAYBE_SENT if service in ASKED_THE_MAIL_SERVER else set())
    assert all("2" in mail["text"] for mail in mails)


def test_a_killed_container_takes_its_event_with_it_and_another_replica_serves_on(system: Containers) -> None:
    system.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "tasks=3", "tasks")
    eventually(lambda: len(system.sandboxes("TasksFunction")) == 3, timeout=60)
    user = arrive(system)
    system.kill_container("tasks")
    eventually(lambda: len(system.sandboxes("TasksFunction")) == 2, timeout=30)
    assert user.client.get("/tasks").status_code == 200
    system.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "tasks=1", "tasks")


def arrive(system: Containers) -> User:
    """Register and log in, trying again as a person would."""

    def attempt() -> User | None:
        try:
            return User(system)
        except (AssertionError, httpx.HTTPError):
            return None

    user = eventually(attempt, timeout=120, every=0.5)
    assert user
    return user


def add_once(user: User, title: str) -> dict[str, Any] | None:
    """Try to add a task; None where the service said that it couldn't, or nothing at all."""
    try:
        answer = user.client.post("/tasks", json={"title": title}, timeout=15)
    except httpx.HTTPError:
        return None
    assert answer.status_code in (201, 429, 500, 503), answer.text
    task: dict[str, Any] | None = answer.json() if answer.status_code == 201 else None
    return task


def add_patiently(user: User, title: str) -> dict[str, Any]:
    """Add a task, trying again as a person would."""
    task = eventually(lambda: add_once(user, title), timeout=60, every=0.5)
    assert task
    return task


def created(system: Containers, user: User) -> set[str]:
    """The tasks that Kafka knows of."""
    events = (record["value"] for record in system.events(user.id))
    return {event["task_id"] for event in events if event["type"] == "task.created"}


def final_states(system: Containers, user: User) -> list[str]:
    """How the mails of this user's digest events ended; none as long as one may still be tried."""
    statement = text(
        "SELECT processed_events.state FROM processed_events JOIN outbox USING (event_id)"
        " WHERE outbox.key = :user AND processed_at IS NOT NULL"
    )
    with system.database() as connection:
        return list(connection.scalars(statement, {"user": user.id}))


def settle(system: Containers) -> None:
    """A digest of somebody else has come through, so a second mail of the first one would have, too."""
    other = arrive(system)
    add_patiently(other, "marker")
    system.samlet("schedule", "run", system.schedule("digest"), "--at", other.next_midnight())
    eventually(lambda: system.mails(other.email), timeout=90, every=0.5)
