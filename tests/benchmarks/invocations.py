"""Invocations through one sandbox, and what a cold one costs; run as a program, so that nothing else is in its process.

`python -m benchmarks.invocations` prints JSON. The runtime is the same as in `samlet start`, without a gateway.
"""

import asyncio
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.stranger import project
from e2e.system import CHECKOUT
from samlet import log
from samlet.cli.foreground import loop_factory
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Environments, Functions
from samlet.runtime.sandbox_settings import SandboxSettings

ROUNDS = 3
SECONDS = 2.0


async def measure(folder: Path) -> dict[str, Any]:
    """Rates of a function that does nothing, and times in milliseconds of cold starts."""
    log.keep(folder / "samlet.log")
    code = project(folder / "project")
    with Reaper() as reaper:
        environments = Environments(CHECKOUT / ".samlet", reaper=reaper)
        nothing = _function("Nothing", "plain.nothing", code)
        python = await environments.python_for(nothing)
        native = _awss_client("Native", folder, code, python)
        threaded = _awss_client("Threaded", folder, code, python, "AWS_EXECUTION_ENV=AWS_Lambda_python3.13")
        app = _function("App", "app.handler", code)
        async with _running(environments, reaper, folder, nothing, native, threaded, app) as all_:
            return {
                "one_at_a_time": await _rate(all_, "Nothing", 1),
                "eight_waiting": await _rate(all_, "Nothing", 8),
                "eight_waiting_with_awss_client": await _rate(all_, "Native", 8),
                "eight_waiting_with_polling_thread": await _rate(all_, "Threaded", 8),
                **await _cold(all_, python, code),
            }


def bare_import(python: Path, code: Path) -> float:
    """Milliseconds of a process that imports the handler and ends, with a function's packages and compiled files."""
    began = time.perf_counter()
    prefix = f"pycache_prefix={python.parent.parent / 'pycache'}"
    subprocess.run([python, "-X", prefix, "-c", "import app"], cwd=code, check=True)
    return (time.perf_counter() - began) * 1000


async def _cold(functions: Functions, python: Path, code: Path) -> dict[str, Any]:
    starts, imports = [], []
    await functions.invoke("App", EVENT)
    for _ in range(5):
        functions.outdate(["App"])
        outcome = await functions.invoke("App", EVENT)
        starts.append(outcome.init_ms or 0.0)
        imports.append(await asyncio.to_thread(bare_import, python, code))
    return {"cold_start_ms": median(starts), "bare_import_ms": median(imports)}


async def _rate(functions: Functions, name: str, waiting: int) -> float:
    rates = []
    await functions.invoke(name, b"{}")
    for _ in range(ROUNDS):
        done, until = 0, time.perf_counter() + SECONDS

        async def ask() -> None:
            nonlocal done
            while time.perf_counter() < until:  # noqa: B023
                outcome = await functions.invoke(name, b"{}")
                assert outcome.ok, outcome.payload
                done += 1

        await asyncio.gather(*(ask() for _ in range(waiting)))
        rates.append(done / SECONDS)
    return median(rates)


def _awss_client(name: str, folder: Path, code: Path, python: Path, variable: str = "") -> Function:
    """AWS's client started as its own documentation says: it polls from a thread once it reads AWS_EXECUTION_ENV."""
    own = folder / name
    own.mkdir()
    start = own / "bootstrap"
    start.write_text(
        f"#!/bin/sh\n{variable} PYTHONPATH={shlex.quote(str(code))} "
        f"exec {shlex.quote(str(python))} -m awslambdaric plain.nothing\n"
    )
    start.chmod(0o755)
    return _function(name, "plain.nothing", own, "provided.al2023")


def _function(name: str, handler: str, code: Path, runtime: str = "python3.13") -> Function:
    return Function(name, name, runtime, handler, code, timeout=30, memory=512)


@asynccontextmanager
async def _running(
    environments: Environments, reaper: Reaper, folder: Path, *functions: Function
) -> AsyncIterator[Functions]:
    by_id = {function.logical_id: function for function in functions}
    settings = SandboxSettings(reaper, log_path=folder / "logs")
    made = Functions(by_id, settings, environments=environments, max_sandboxes=1)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


EVENT = json.dumps(
    {
        "version": "2.0",
        "routeKey": "GET /app",
        "rawPath": "/app",
        "rawQueryString": "",
        "headers": {"host": "localhost"},
        "requestContext": {"http": {"method": "GET", "path": "/app", "sourceIp": "127.0.0.1"}, "stage": "$default"},
        "isBase64Encoded": False,
    }
).encode()


def main() -> None:
    """What the program does."""
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(asyncio.run(measure(Path(made)), loop_factory=loop_factory())))


def in_a_process() -> dict[str, Any]:
    """Run this program and read what it prints."""
    command = [sys.executable, "-m", "benchmarks.invocations"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    results: dict[str, Any] = json.loads(done.stdout)
    return results


if __name__ == "__main__":
    main()
