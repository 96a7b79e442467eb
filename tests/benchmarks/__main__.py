"""Starts what is to be measured, measures, prints; `--write` puts it into docs/reference/performance.md."""

import argparse
import json
import os
import platform
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import containers, footprint, latency, own, speed, throughput
from benchmarks.figures import Figure
from e2e.system import CHECKOUT, System

REPORT = CHECKOUT / "docs" / "reference" / "performance.md"
_IN_CONTAINERS = "\n## In containers\n"
_BESIDE_PEERS = "\n## Samlet beside its peers\n"


def measure(system: System) -> list[Figure]:
    """All figures, in an order in which none disturbs the next; the loads come last."""
    try:
        return [
            footprint.start(system),
            *footprint.memory(system),
            latency.commit_to_kafka(system),
            latency.logins(system),
            *throughput.requests(system),
            throughput.backlog(system),
            throughput.digests(system),
        ]
    finally:
        system.stop()
        system.samlet("reset")


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [f"| {figure.what} | {figure.value} | {figure.how} |" for figure in figures]
    return "\n".join(["| what | measured | how |", "|---|---|---|", *rows])


def _when_and_where() -> str:
    return f"{datetime.now(UTC).date()}: {os.cpu_count()} cores, {platform.system()}"


def report(figures: list[Figure]) -> str:
    """The document's first part, the laptop."""
    return f"""# Performance

Measured by `make bench BENCH_ARGS=--write` on {_when_and_where()}, Python {platform.python_version()};
load generator and all services on the same cores. One run; on a shared machine single figures vary by a factor
of two, so compare within a run.

{table(figures)}

What was asked for: a warm start within 10 s, all of it under 900 MB, an event on Kafka within
300 ms (p50) and 1 s (p99).
"""


def report_of_containers(figures: list[Figure]) -> str:
    """What stands below the heading of its second part."""
    return f"""
Measured by `make bench BENCH_ARGS="--compose --write"` on {_when_and_where()}; everything on the same cores.
One run; on a shared machine single figures vary by a factor of two.

{table(figures)}
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(CHECKOUT)}")
    parser.add_argument("--compose", action="store_true", help="measure the containers instead of the laptop")
    parser.add_argument("--peers", action="store_true", help="measure Samlet's own speed beside that of its peers")
    parser.add_argument(
        "--soak", action="store_true", help="200,000 requests to one Samlet; with --write after --peers"
    )
    arguments = parser.parse_args()
    if arguments.peers or arguments.soak:
        _samlet(arguments)
        return
    if arguments.compose:
        figures = containers.measure()
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(System(Path(folder) / "state"))
    print(table(figures))
    if arguments.write and arguments.compose:
        _replace(_IN_CONTAINERS, report_of_containers(figures))
    elif arguments.write:
        _replace("", report(figures))


def _samlet(arguments: argparse.Namespace) -> None:
    """The runtime alone, on projects that are none of ours."""
    before = speed.known()
    results = speed.measure() if arguments.peers else before
    if arguments.soak:
        soak = own.soak()
        print(json.dumps(soak, indent=2))
        results = {**results, "soak": soak}
    elif "soak" in before:
        results["soak"] = before["soak"]
    if arguments.peers:
        speed.show(results)
    if arguments.write:
        speed.write(results)
        _replace(_BESIDE_PEERS, speed.report(results))


def _replace(heading: str, text: str) -> None:
    """Write one part of the document anew: the first one, or what stands below `heading`."""
    parts = ["", *re.split(rf"({re.escape(_BESIDE_PEERS)}|{re.escape(_IN_CONTAINERS)})", REPORT.read_text())]
    by_heading = dict(zip(parts[::2], parts[1::2], strict=True))
    by_heading[heading] = text
    order = ("", _BESIDE_PEERS, _IN_CONTAINERS)
    REPORT.write_text("".join(name + by_heading[name] for name in order if name in by_heading))


if __name__ == "__main__":
    main()
