"""Samlet's speed beside the peers: measures, judges by what was asked for, and writes it as JSON, picture and table."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from benchmarks import comparison, invocations, mapping, own, plot, tasks
from e2e.system import CHECKOUT

RESULTS = CHECKOUT / "docs" / "reference" / "performance.json"
_REPORT = """
Measured by `make bench BENCH_ARGS="--peers --write"` on {when}: {where}.
The median of {rounds} runs of {seconds} s each, everybody asked in turn in one run, the load generator (wrk) on the
same cores. Load average of the machine before: {load_before}, afterwards: {load_after}. On a busy machine only the
ratios say something, and even they suffer: an event is handed from process to process six times, a request to uvicorn
twice.
All figures: [performance.json](performance.json).
Why these two doors are made by hand: [ADR 18](../adr/0018-a-server-of-our-own-on-the-hot-path.md).

![Requests a second of Samlet, uvicorn and the peers](performance.svg)

| what was asked for | limit | measured | met |
|---|---|---|---|
{judged}

| who | clients | requests/s | p50 | p99 | failed |
|---|---|---|---|---|---|
{rates}

No-op invocations a second through one sandbox: {calls[one_at_a_time]:,.0f} one at a time,
{calls[eight_waiting]:,.0f} with eight waiting, and {calls[eight_waiting_with_polling_thread]:,.0f} where AWS's client
polls from a thread, as it does once it reads `AWS_EXECUTION_ENV`. Samlet's launcher leaves that option of the client
off; functions see the variable all the same.
{absent}"""
PICTURE = CHECKOUT / "docs" / "reference" / "performance.svg"


def measure() -> dict[str, Any]:
    """Everything but the soak, one after the other."""
    absent: dict[str, str] = {}
    return {
        "when": datetime.now(UTC).date().isoformat(),
        "where": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in ("uvloop", "httptools", "fastapi", "mangum")},
        "requests": comparison.measure(absent) | tasks.measure(),
        "invocations": invocations.in_a_process(),
        "kafka": mapping.measure(),
        "own": own.measure(),
        "not_measured": absent,
        "load_after": round(os.getloadavg()[0], 1),
    }


def verdicts(results: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What is asked for, in words, the limit, what was measured, and whether that is within it."""
    requests, calls, needs = results["requests"], results["invocations"], results["own"]

    def ratio(of: str, to: str, clients: str) -> float:
        return float(requests[of][clients]["rate"] / requests[to][clients]["rate"])

    rows = []

    def at_least(what: str, limit: float, measured: float, unit: str = "") -> None:
        rows.append((what, f"≥ {limit:,g}{unit}", f"{measured:,.{2 if limit < 10 else 0}f}{unit}", measured >= limit))

    def at_most(what: str, limit: float, measured: float, unit: str = "") -> None:
        rows.append((what, f"≤ {limit:g}{unit}", f"{measured:.2f}{unit}", measured <= limit))

    for clients, limit in (("1", 0.3), ("8", 0.25)):
        of = ratio("samlet, FastAPI", "uvicorn, FastAPI", clients)
        at_least(f"FastAPI, of uvicorn's requests a second, clients: {clients}", limit, of)
    of = ratio("samlet, GET /tasks", "uvicorn, GET /tasks", "1")
    at_least("GET /tasks with 50 rows, of uvicorn's requests a second", 0.8, of)
    for clients in ("1", "8") if "serverless-offline, plain" in requests else ():
        of = ratio("samlet, plain", "serverless-offline, plain", clients)
        at_least(f"plain handler, of serverless-offline's requests a second, clients: {clients}", 1, of)
    for clients, added in needs["added_latency_ms"].items():
        at_most(f"added latency, p50, clients: {clients}", 1, added["p50"], " ms")
        at_most(f"added latency, p99, clients: {clients}", 5, added["p99"], " ms")
    at_least("no-op invocations a second through one sandbox", 4_000, calls["eight_waiting"])
    at_least("Kafka records a second, batch 100, one partition", 8_000, results["kafka"]["one_partition"])
    at_least("Kafka records a second, batch 100, four partitions", 20_000, results["kafka"]["four_partitions"])
    at_most("cold start, of the bare import's time", 1.25, calls["cold_start_ms"] / calls["bare_import_ms"])
    at_most("start with 50 functions", 2, needs["start_50_functions_s"], " s")
    at_most("the same, template unchanged", 0.7, needs["start_50_functions_unchanged_s"], " s")
    at_most("processor while idle", 1, needs["idle_cpu_percent"], " %")
    at_most("memory of the runtime process", 120, needs["memory_mb"], " MB")
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
        for who, runs in results["requests"].items()
        for clients, it in runs.items()
    ]
    absent = [f"- {who} was not measured: {why}." for who, why in results["not_measured"].items()]
    return _REPORT.format(
        **results,
        rounds=comparison.ROUNDS,
        seconds=comparison.SECONDS,
        judged="\n".join(judged),
        rates="\n".join(rates),
        calls=results["invocations"],
        absent="\n".join(["", *absent, ""] if absent else []),
    )


def picture(results: dict[str, Any]) -> str:
    """All who answered the same two handlers."""
    rates = {
        who: {clients: it["rate"] for clients, it in runs.items()}
        for who, runs in results["requests"].items()
        if "/tasks" not in who
    }
    note = f"{results['when']}, {results['where']}; one sandbox or worker each; load generator on the same cores"
    return plot.draw(rates, "Requests a second through gateway and function", note)


def write(results: dict[str, Any]) -> None:
    """Keep the results beside the documentation."""
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
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
