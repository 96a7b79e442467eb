"""`GET /tasks` with fifty rows through Samlet, beside the same application under uvicorn on the same database."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from benchmarks.comparison import Subject, compare
from benchmarks.peers import servers
from e2e.system import System
from e2e.user import User

_ROWS = 50


def measure() -> dict[str, Any]:
    """Rates and latencies of both by number of clients."""
    with tempfile.TemporaryDirectory() as made:
        system = System(Path(made) / "state", environment={"SAMLET_MAX_SANDBOXES": "2"}).start()
        try:
            user = User(system)
            for number in range(_ROWS):
                user.add(f"task {number}")
            authorization = (("authorization", user.client.headers["authorization"]),)
            path = f"/tasks?limit={_ROWS}"
            sandboxes = system.health()["functions"]["TasksFunction"]["sandboxes"]
            sandbox = psutil.Process(next(it["pid"] for it in sandboxes if it["pid"]))
            with servers.uvicorn(Path(sandbox.cmdline()[0]), "tasks.handler:app", sandbox.environ()) as address:
                compared = compare(
                    [
                        Subject("samlet, GET /tasks", system.addresses["api"] + path, (1,), authorization),
                        Subject("uvicorn, GET /tasks", address + path, (1,), authorization),
                    ]
                )
            return {who: {clients: asdict(it) for clients, it in runs.items()} for who, runs in compared.items()}
        finally:
            system.stop()
