"""From the commit of a task to its event on Kafka, on an idle system."""

import threading
import time

from benchmarks.figures import Figure, milliseconds
from e2e.system import System
from e2e.user import User
from samlet.kafka_client import follow_topic
from waiting import eventually


def commit_to_kafka(system: System, tasks: int = 300) -> Figure:
    """One task after the other, at uneven intervals; from the 201 to the arrival at a consumer, on one clock."""
    arrivals: dict[str, float] = {}
    stopped = threading.Event()

    def listen() -> None:
        for record in follow_topic(system.addresses["kafka"], "events", stopped):
            arrivals[(dict(record.headers)["ce_id"] or b"").decode()] = time.time()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    user = User(system)
    answered: list[tuple[str, float]] = []
    for number in range(tasks):
        task = user.add(f"task {number}")
        answered.append((task["id"], time.time()))
        time.sleep(0.02 + (number % 13) * 0.01)  # so that the tasks do not march in step with the relay's poll
    created = {"type": "task.created", "user_id": user.id}
    of_task: dict[str, str] = {}

    def all_arrived() -> bool:
        for event in (it["value"] for it in system.events(user.id)):
            if event.items() >= created.items():
                of_task[event["task_id"]] = event["event_id"]
        return len(of_task) == tasks and set(of_task.values()) <= set(arrivals)

    eventually(all_arrived, timeout=30)
    stopped.set()
    listener.join()
    waits = [max(0.0, arrivals[of_task[task]] - at) for task, at in answered]
    return Figure("commit to Kafka", milliseconds(waits), f"{tasks} tasks, from the 201 to a consumer, idle system")


def logins(system: System, rounds: int = 25) -> Figure:
    """Known and unknown accounts in turn, each with a wrong password; below the throttle's limit per account."""
    durations: dict[str, list[float]] = {"known": [], "unknown": []}
    with system.api() as client:
        for number in range(rounds):
            user = User(system)
            for kind, email in (("known", user.email), ("unknown", f"nobody-{number}@example.org")):
                began = time.monotonic()
                client.post("/auth/login", json={"email": email, "password": "wrong password"})
                durations[kind].append(time.monotonic() - began)
    value = "; ".join(f"{kind}: {milliseconds(samples)}" for kind, samples in durations.items())
    return Figure("failed login", value, f"{rounds} each in turn, bcrypt cost 12")
