"""A seeded run over the whole system: users write while parts of it die or freeze; what was acknowledged is then there.

CHAOS_SECONDS (default 60) bounds it, CHAOS_SEED repeats it. The ledger of what was acknowledged is kept here, outside
of the system under test.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from e2e.system import System
from e2e.user import User
from waiting import eventually

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", str(random.SystemRandom().randrange(10**6))))
USERS = 4
FUNCTIONS = ("OutboxRelayFunction", "MailSenderFunction", "TasksFunction")

pytestmark = pytest.mark.timeout(SECONDS + 400)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = System(tmp_path / "state").start()
    yield system
    system.stop(signal.SIGINT)
    system.samlet("reset")


def write(user: User, ledger: dict[str, list[str]], chance: random.Random) -> None:
    """One change by one user; the ledger takes it once it is acknowledged, and the service may say 503 meanwhile."""
    done_by_now = [task for task, events in ledger.items() if events[-1] != "task.completed"]
    with suppress(httpx.TransportError):
        if done_by_now and chance.random() < 0.4:
            task = chance.choice(done_by_now)
            answer = user.client.patch(f"/tasks/{task}", json={"done": True})
            if answer.status_code == 200:
                ledger[task].append("task.completed")
        else:
            answer = user.client.post("/tasks", json={"title": f"task {chance.random()}"})
            if answer.status_code == 201:
                ledger[answer.json()["id"]] = ["task.created"]
        assert answer.status_code in (200, 201, 429, 500, 503), answer.text


def strike(system: System, chance: random.Random) -> str:
    """Kill or freeze one part; says which."""
    part = chance.choice((*FUNCTIONS, "kafka", "postgres"))
    if part in FUNCTIONS:
        system.kill(part)
        return f"kill {part}"
    pid = system.health()[part]["pid"]
    if pid is None:
        return f"{part} is away already"
    if chance.random() < 0.5:
        os.kill(pid, signal.SIGKILL)
        return f"kill {part}"
    with suppress(psutil.NoSuchProcess):
        frozen = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for process in frozen:
            process.suspend()
        time.sleep(chance.uniform(1, 4))  # the length of the outage itself
        for process in reversed(frozen):
            process.resume()
    return f"freeze {part}"


def copies(system: System, user: User) -> dict[str, list[str]]:
    """The first copies of a user's task events, by task, in the order of their offsets."""
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for event in (record["value"] for record in system.events(user.id)):
        if "task_id" in event and event["event_id"] not in seen:
            seen.add(event["event_id"])
            found.setdefault(event["task_id"], []).append(event["type"])
    return found


def test_g2_g3_g7_nothing_acknowledged_is_lost_inverted_or_mailed_twice(system: System) -> None:
    print(f"\nCHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS:.0f}")
    chance = random.Random(SEED)
    ledgers: list[tuple[User, dict[str, list[str]]]] = [(User(system), {}) for _ in range(USERS)]
    until, next_strike, strikes = time.monotonic() + SECONDS, time.monotonic() + 3, 0
    while time.monotonic() < until:
        write(*chance.choice(ledgers), chance)
        if time.monotonic() > next_strike:
            print(f"  {strike(system, chance)}")
            strikes += 1
            next_strike = time.monotonic() + chance.uniform(2, 6)

    def published() -> bool:
        return all(
            [found.get(task, [])[: len(events)] for task, events in ledger.items()] == list(ledger.values())
            for user, ledger in ledgers
            for found in [copies(system, user)]
        )

    eventually(published, timeout=120, every=1)
    slot = User.next_midnight()
    for _ in range(2):
        system.samlet("schedule", "run", system.schedule("digest"), "--at", slot)
    eventually(lambda: all(system.mails(user.email) for user, _ in ledgers), timeout=150, every=1)
    assert [len(system.mails(user.email)) for user, _ in ledgers] == [1] * USERS
    acknowledged = sum(len(events) for _, ledger in ledgers for events in ledger.values())
    print(f"  {acknowledged} changes acknowledged, {strikes} strikes: 0 lost, 0 inverted, one mail each")
