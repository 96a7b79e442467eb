"""Samlet's speed beside the peers: measures, judges by what was asked for, and writes it as JSON, picture and table."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import httpx

from benchmarks import added, comparison, invocations, mapping, own, plot, tasks
from benchmarks.peers.installed import Missing
from e2e.system import CHECKOUT

RESULTS = CHECKOUT / "docs" / "reference" / "performance.json"
_REPORT = """
Measured by `make bench BENCH_ARGS="--peers --write"` on {when}: {where}.
The median of {rounds} runs of {seconds} s each, everybody asked in turn in one run, the load generator (wrk) on the
same cores. Load average of the machine before: {load_before}, afterwards: {load_after}. On a busy machine only the
ratios say something, and even they suffer: an event is handed from process to process four times, a request to uvicorn
twice.
All figures: [performance.json](performance.json).
Why these two doors are made by hand: [ADR 17](../adr/0017-a-server-of-our-own-on-the-hot-path.md).

![Requests a second of Samlet, uvicorn and the peers](performance.svg)

| what was asked for | limit | measured | met |
|---|---|---|---|
{judged}

| who | clients | requests/s | p50 | p99 | failed |
|---|---|---|---|---|---|
{rates}

{added}

{calls}
{absent}"""
PICTURE = CHECKOUT / "docs" / "reference" / "performance.svg"


_ADDED = """Added latency is what a client waits beyond the time of a handler that sleeps, p50 / p99. Meanwhile the
processors sleep, too, and what runs next finds them cold. uvicorn has the handler in its own process; the bare relay is
one process of Python between client and handler that only hands bytes on, so nobody can add less than that here.

{added}"""
_CALLS = """No-op invocations a second through one sandbox: {one_at_a_time:,.0f} one at a time and
{eight_waiting:,.0f} with eight waiting, where Samlet's own client makes the calls of AWS's loop
([ADR 22](../adr/0022-awss-loop-over-a-socket-of-ours.md)). With AWS's client, as a function of `provided.al2023`
may bring it, {eight_waiting_with_awss_client:,.0f}, and {eight_waiting_with_polling_thread:,.0f} where that polls from
a thread, as it does once it reads `AWS_EXECUTION_ENV`."""
_SERVERLESS = "serverless-offline, plain"
_RATIOS = (
    ("FastAPI, of uvicorn's requests/s, 1 client", "samlet, FastAPI", "uvicorn, FastAPI", "1", 0.3),
    ("FastAPI, of uvicorn's requests/s, 8 clients", "samlet, FastAPI", "uvicorn, FastAPI", "8", 0.25),
    ("GET /tasks with 50 rows, of uvicorn's requests/s", "samlet, GET /tasks", "uvicorn, GET /tasks", "1", 0.8),
    ("plain handler, of serverless-offline's requests/s, 1 client", "samlet, plain", _SERVERLESS, "1", 1),
    ("plain handler, of serverless-offline's requests/s, 8 clients", "samlet, plain", _SERVERLESS, "8", 1),
)


def measure() -> dict[str, Any]:
    """Everything but the soak, one after the other; a part that fails is named, and costs the others nothing."""
    absent: dict[str, str] = {}
    results: dict[str, Any] = {
        "when": datetime.now(UTC).date().isoformat(),
        "where": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("uvloop", "httptools", "fastapi", "mangum")},
    }
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "requests": lambda: comparison.measure(absent),
        "tasks": tasks.measure,
        "invocations": invocations.in_a_process,
        "kafka": mapping.measure,
        "own": own.measure,
    }
    for name, part in parts.items():
        try:
            results[name] = part()
        except (Missing, AssertionError, subprocess.SubprocessError, httpx.HTTPError) as trouble:
            absent[name] = str(trouble).splitlines()[0]
    return {**results, "not_measured": absent, "load_after": round(os.getloadavg()[0], 1)}


def verdicts(results: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What is asked for, in words, the limit, what was measured, and whether that is within it."""
    rows = []

    def at_least(what: str, limit: float, measured: float, unit: str = "") -> None:
        rows.append((what, f"≥ {limit:,g}{unit}", f"{measured:,.{2 if limit < 10 else 0}f}{unit}", measured >= limit))

    def at_most(what: str, limit: float, measured: float, unit: str = "") -> None:
        rows.append((what, f"≤ {limit:g}{unit}", f"{measured:.2f}{unit}", measured <= limit))

    requests = results.get("requests", {}) | results.get("tasks", {})
    for what, of, to, clients, limit in _RATIOS:
        if of in requests and to in requests:
            at_least(what, limit, requests[of][clients]["rate"] / requests[to][clients]["rate"])
    if needs := results.get("own"):
        for who in ("samlet, 1 client", "samlet, 8 clients"):
            for own, it in needs["added_latency_ms"][who].items():
                what = f"added to a handler of {own} ms, {who.removeprefix('samlet, ')}"
                at_most(f"{what}, p50", 1, it["p50"], " ms")
                at_most(f"{what}, p99", 5, it["p99"], " ms")
        at_most("start with 50 functions", 2, needs["start_50_functions_s"], " s")
        at_most("the same, template unchanged", 0.7, needs["start_50_functions_unchanged_s"], " s")
        at_most("processor while idle", 1, needs["idle_cpu_percent"], " %")
        at_most("memory of the runtime process", 120, needs["memory_mb"], " MB")
    if calls := results.get("invocations"):
        at_least("no-op invocations a second through one sandbox", 4_000, calls["eight_waiting"])
        at_most("cold start, of the bare import's time", 1.25, calls["cold_start_ms"] / calls["bare_import_ms"])
    if kafka := results.get("kafka"):
        at_least("Kafka records a second, batch 100, one partition", 8_000, kafka["one_partition"])
        at_least("Kafka records a second, batch 100, four partitions", 20_000, kafka["four_partitions"])
    if soak := results.get("soak"):
        at_most(f"memory grown over 100,000 of {soak['requests']:,} requests", 1, soak["slope_mb_per_100000"], " MB")
        at_most("zombies after them", 0, soak["zombies"])
    return rows


def report(results: dict[str, Any]) -> str:
    """The section of docs/reference/performance.md, below its heading."""
    judged = [
        f"| {what} | {limit} | {measured} | {'yes' if met else '**no**'} |"
        for what, limit, measured, met in verdicts(results)
    ]
    rates = [
        f"| {who} | {clients} | {it['rate']:,.0f} | {it['p50']:.2f} ms | {it['p99']:.2f} ms | {it['failed']} |"
        for who, runs in (results.get("requests", {}) | results.get("tasks", {})).items()
        for clients, it in runs.items()
    ]
    absent = [f"- {who} was not measured: {why}." for who, why in results["not_measured"].items()]
    return _REPORT.format(
        **results,
        rounds=comparison.ROUNDS,
        seconds=comparison.SECONDS,
        judged="\n".join(judged),
        rates="\n".join(rates),
        added=_ADDED.format(added=added.table(results["own"]["added_latency_ms"])) if "own" in results else "",
        calls=_CALLS.format(**results["invocations"]) if "invocations" in results else "",
        absent="\n".join(["", *absent, ""] if absent else []),
    )


def picture(results: dict[str, Any]) -> str:
    """All who answered the same two handlers."""
    rates = {who: {clients: it["rate"] for clients, it in runs.items()} for who, runs in results["requests"].items()}
    note = f"{results['when']}, {results['where']}; one sandbox or worker each; load generator on the same cores"
    return plot.draw(rates, "Requests a second through gateway and function", note)


def write(results: dict[str, Any]) -> None:
    """Keep the results beside the documentation."""
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    if "requests" in results:
        PICTURE.write_text(picture(results))


def known() -> dict[str, Any]:
    """What was written last."""
    told: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return told


def show(results: dict[str, Any]) -> None:
    """Print what was asked for and what came of it."""
    for what, limit, measured, met in verdicts(results):
        print(f"{'ok    ' if met else 'MISSED'} {what}: {measured} ({limit})")
    for who, why in results["not_measured"].items():
        print(f"not measured: {who}: {why}", file=sys.stderr)
