"""Load on an address by `wrk`, a program in C: anything in Python would be slower than what is to be measured."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.peers.installed import wrk

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True)
class Load:
    """What came of it; times in milliseconds, `failed` counts answers other than 2xx and broken connections."""

    rate: float
    p50: float
    p99: float
    failed: int


def load(url: str, clients: int, seconds: int, headers: Mapping[str, str] | None = None, script: str = "") -> Load:
    """Ask for so many seconds over `clients` connections, each for its next answer once it has the last one."""
    command = [wrk(), "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", script] if script else []
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    return read(output)


def read(output: str) -> Load:
    """Understand what wrk prints."""
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    failed = sum(map(int, broken.groups())) if broken else 0
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate, output
    return Load(float(rate[1]), _time(output, "50"), _time(output, "99"), failed + int(refused[1] if refused else 0))


def middle(loads: Sequence[Load]) -> Load:
    """The median of several runs, figure by figure."""
    return Load(
        median(it.rate for it in loads),
        median(it.p50 for it in loads),
        median(it.p99 for it in loads),
        sum(it.failed for it in loads),
    )


def _time(output: str, percent: str) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
    assert found, output
    return float(found[1]) * _UNITS[found[2]]
