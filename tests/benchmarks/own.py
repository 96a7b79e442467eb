"""What Samlet itself needs: time to start, processor while nothing happens, memory, and whether any of it grows."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from benchmarks import added
from benchmarks.load import load
from benchmarks.stranger import Stranger, project
from e2e.system import CHECKOUT

_FIFTY = """
  Function{number}:
    Type: AWS::Serverless::Function
    Properties:
      Handler: plain.handler
      Events: {{Get: {{Type: HttpApi, Properties: {{Path: /functions/{number}, Method: get}}}}}}
"""
_IDLE_SECONDS = 10
_SOAK = 200_000
_PATIENCE = 270  # seconds; a slow machine soaks with fewer requests, and the result says with how many


def measure() -> dict[str, Any]:
    """Everything but the soak."""
    with tempfile.TemporaryDirectory() as made:
        return {**starts(Path(made)), **_at_rest(Path(made))}


def starts(made: Path) -> dict[str, Any]:
    """Seconds until a template of 50 functions is ready: the first time, and with the same template again.

    By a Samlet that is installed as users install it, with nothing beside it.
    """
    python = _installed(made / "installed")
    first, again = [], []
    for attempt in range(3):
        folder = project(made / f"fifty-{attempt}")
        (folder / "requirements.txt").unlink()
        head = (
            "Transform: AWS::Serverless-2016-10-31\nGlobals:\n  Function: {Runtime: python3.13, CodeUri: .}\nResources:"
        )
        functions = "".join(_FIFTY.format(number=number) for number in range(50))
        (folder / "template.yaml").write_text(f"{head}{functions}# {time.time_ns()}\n")
        first.append(_start(folder, python))
        again.append(_start(folder, python))
    return {"start_50_functions_s": median(first), "start_50_functions_unchanged_s": median(again)}


def _installed(environment: Path) -> Path:
    python = environment / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    # From a copy: what a build leaves behind would be part of the next one.
    source = shutil.copytree(CHECKOUT / "local", environment / "source")
    subprocess.run([python, "-m", "pip", "install", "--quiet", source], check=True)
    return python


def _start(folder: Path, python: Path) -> float:
    began = time.monotonic()
    with Stranger(folder, python=python).running():
        return time.monotonic() - began


def _at_rest(made: Path) -> dict[str, Any]:
    with _warm(made / "rest", sandboxes=8) as samlet:
        latency = added.measure(samlet)
        for clients in (1, 8):
            load(f"{samlet.api}/plain", clients, 2)
        before = sum(samlet.process.cpu_times()[:2])
        time.sleep(_IDLE_SECONDS)
        used = sum(samlet.process.cpu_times()[:2]) - before
        return {
            "added_latency_ms": latency,
            "idle_cpu_percent": used / _IDLE_SECONDS * 100,
            "memory_mb": samlet.process.memory_info().rss / 1e6,
        }


def soak() -> dict[str, Any]:
    """Resident memory every 3 s of 200,000 requests, its slope over the second half, and what has died unburied."""
    with tempfile.TemporaryDirectory() as made, _warm(Path(made) / "soak", sandboxes=2) as samlet:
        done, failed, memory = 0, 0, []
        until = time.monotonic() + _PATIENCE
        while done < _SOAK and time.monotonic() < until:
            run = load(f"{samlet.api}/plain", 8, 3)
            done, failed = done + int(run.rate * 3), failed + run.failed
            memory.append((done, samlet.process.memory_info().rss / 1e6))
        zombies = [it for it in samlet.process.children(recursive=True) if it.status() == psutil.STATUS_ZOMBIE]
        return {
            "requests": done,
            "failed": failed,
            "memory_first_mb": memory[0][1],
            "memory_last_mb": memory[-1][1],
            "slope_mb_per_100000": slope(memory[len(memory) // 2 :]) * 1e5,
            "zombies": len(zombies),
        }


def slope(points: list[tuple[int, float]]) -> float:
    """By least squares."""
    across = sum(x for x, _ in points) / len(points)
    up = sum(y for _, y in points) / len(points)
    spread = sum((x - across) ** 2 for x, _ in points)
    return sum((x - across) * (y - up) for x, y in points) / spread if spread else 0.0


@contextmanager
def _warm(folder: Path, sandboxes: int) -> Iterator[Stranger]:
    with Stranger(project(folder), environment={"SAMLET_MAX_SANDBOXES": str(sandboxes)}).running() as samlet:
        httpx.get(f"{samlet.api}/plain", timeout=30).raise_for_status()
        yield samlet
