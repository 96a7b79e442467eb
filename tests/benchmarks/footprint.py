"""How long a start takes and how much memory everything needs."""

import time

import psutil

from benchmarks.figures import Figure
from e2e.system import System
from e2e.user import User
from waiting import eventually


def start(system: System) -> Figure:
    """A start with everything downloaded and the data there; the first start of this state folder comes before."""
    system.start().stop()
    began = time.monotonic()
    system.start()
    return Figure("start, warm", f"{time.monotonic() - began:.1f} s", "`samlet up` until /healthz answers 200")


def warm_up(system: System) -> None:
    """Let every function handle something; the two relays are alive in the end."""
    user = User(system)
    user.add("warm up")
    user.client.get("/healthz")
    for word in ("digest", "housekeeping"):
        system.samlet("schedule", "run", system.schedule(word), "--at", user.next_midnight())
    eventually(lambda: system.mails(user.email), timeout=90)
    eventually(lambda: _warm(system)["OutboxRelayFunction"] == 2, timeout=90)


def memory(system: System) -> list[Figure]:
    """PSS with every function's sandbox warm, the two relays included."""
    warm_up(system)
    shares: dict[str, float] = {"samlet": 0, "functions": 0, "kafka": 0, "postgresql": 0}
    parent = psutil.Process(system.process.pid if system.process else 0)
    for process in [parent, *parent.children(recursive=True)]:
        shares[_part(process, parent)] += process.memory_full_info().pss / 1e6
    total = f"{sum(shares.values()):.0f} MB"
    parts = ", ".join(f"{part} {share:.0f}" for part, share in shares.items())
    sandboxes = sum(_warm(system).values())
    return [Figure("memory, all warm", total, f"PSS of all processes ({parts}; {sandboxes} sandboxes)")]


def _warm(system: System) -> dict[str, int]:
    return {name: len(it["sandboxes"]) for name, it in system.health()["functions"].items()}


def _part(process: psutil.Process, parent: psutil.Process) -> str:
    if process == parent:
        return "samlet"
    words = " ".join(process.cmdline())
    if "postgres" in words:
        return "postgresql"
    if "kafka" in words:
        return "kafka"
    return "functions" if ".handler" in words else "samlet"
