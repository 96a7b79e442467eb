"""What dies in the middle of the flow loses nothing, repeats no mail and comes back by itself."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from e2e.system import System
from e2e.user import User
from waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A part that neither answers nor refuses: it and all its children are stopped."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(processes):
            process.resume()


def test_g2_g3_the_flow_survives_kill_9_of_relay_mail_sender_and_kafka_in_the_middle(system: System) -> None:
    user = User(system)
    before = [user.add(f"before {n}") for n in range(3)]
    system.kill("OutboxRelayFunction")
    user.complete(before[0])
    system.samlet("schedule", "run", system.schedule("digest"), "--at", user.next_midnight())
    system.kill("MailSenderFunction")
    os.kill(system.health()["kafka"]["pid"], signal.SIGKILL)
    during = [user.add(f"during {n}") for n in range(3)]
    system.kill("OutboxRelayFunction")
    for task in (*before, *during):
        user.client.patch(f"/tasks/{task['id']}", json={"title": task["title"] + "!"})

    [mail] = eventually(lambda: system.mails(user.email), timeout=120, every=0.2)
    assert "3" in mail["text"]

    def first_copies() -> list[tuple[str, str]]:
        seen: dict[str, tuple[str, str]] = {}
        for record in system.events(user.id):
            value = record["value"]
            seen.setdefault(value["event_id"], (value["type"], value.get("task_id", "")))
        return list(seen.values())

    wanted = [
        ("user.registered", ""),
        *(("task.created", task["id"]) for task in before),
        ("task.completed", before[0]["id"]),
        ("email.daily_digest.requested", ""),
        *(("task.created", task["id"]) for task in during),
        *(("task.updated", task["id"]) for task in (*before, *during)),
    ]
    eventually(lambda: len(first_copies()) == len(wanted), timeout=60, every=0.2)
    assert first_copies() == wanted
    assert len(system.mails(user.email)) == 1


def test_with_kafka_down_the_api_still_answers_201_and_nothing_is_lost(system: System) -> None:
    user = User(system)
    with frozen(system.health()["kafka"]["pid"]):
        tasks = [user.add(f"task {n}") for n in range(5)]
    ids = {task["id"] for task in tasks}
    eventually(
        lambda: ids <= {event["value"].get("task_id") for event in system.events(user.id)}, timeout=90, every=0.2
    )


def test_with_postgresql_down_the_api_answers_503_within_5_s_and_recovers_by_itself(system: System) -> None:
    user = User(system)
    user.add("before")
    with frozen(system.health()["postgres"]["pid"]):
        started = time.monotonic()
        answer = user.client.post("/tasks", json={"title": "into the void"})
        took = time.monotonic() - started
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert took < 5, took
    eventually(lambda: user.client.post("/tasks", json={"title": "after"}).status_code == 201, timeout=20)


def test_g7_an_acknowledged_task_survives_kill_9_of_postgresql(system: System) -> None:
    user = User(system)
    task = user.add("acknowledged")
    os.kill(system.health()["postgres"]["pid"], signal.SIGKILL)

    def there() -> bool:
        answer = user.client.get(f"/tasks/{task['id']}")
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    eventually(there, timeout=30)
