"""The same system in containers: how long a start takes and how much memory everything needs."""

import json
import subprocess
import time
from collections import Counter

from benchmarks import footprint
from benchmarks.figures import Figure
from compose.containers import Containers

_MEGABYTES = {"KiB": 2**10 / 1e6, "MiB": 2**20 / 1e6, "GiB": 2**30 / 1e6}


def measure() -> list[Figure]:
    """All figures, on containers of their own that are gone afterwards."""
    containers = Containers()
    try:
        containers.compose("build", "--quiet")
        return [*starts(containers), memory(containers)]
    finally:
        containers.end()


def starts(containers: Containers) -> list[Figure]:
    """Two starts with built images: one without any data, one with those that the first has left."""
    first = _start(containers)
    containers.compose("down")
    again = _start(containers)
    return [
        Figure("start, without data", first, "`docker compose up --detach --wait` with built images"),
        Figure("start, with data", again, "the same after `docker compose down`"),
    ]


def _start(containers: Containers) -> str:
    began = time.monotonic()
    containers.compose("up", "--detach", "--wait", "--wait-timeout", "300")
    return f"{time.monotonic() - began:.1f} s"


def memory(containers: Containers) -> Figure:
    """What Docker counts for the containers, with every function warm."""
    footprint.warm_up(containers.start())
    listed = [json.loads(line) for line in containers.compose("ps", "--format", "json").splitlines()]
    part = {it["ID"]: "functions" if it["Image"] == "taskflow-functions" else it["Service"] for it in listed}
    shares = Counter[str]()
    for container, megabytes in _used(list(part)).items():
        shares[part[container]] += round(megabytes)
    parts = ", ".join(f"{name} {share}" for name, share in shares.most_common())
    return Figure("memory, all warm", f"{shares.total()} MB", f"`docker stats` of {len(part)} containers ({parts})")


def _used(containers: list[str]) -> dict[str, float]:
    """Megabytes by container."""
    stats = ["docker", "stats", "--no-stream", "--format", "{{.ID}} {{.MemUsage}}", *containers]
    lines = subprocess.run(stats, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: _megabytes(used) for name, used, *_ in map(str.split, lines)}


def _megabytes(text: str) -> float:
    """Docker's `85.97MiB` as a number of megabytes."""
    return float(text[:-3]) * _MEGABYTES[text[-3:]]
