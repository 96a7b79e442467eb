"""Starts the system on free ports, measures, prints a table; `--write` puts it into docs/reference/performance.md."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import containers, footprint, latency, throughput
from benchmarks.figures import Figure
from e2e.system import CHECKOUT, System

REPORT = CHECKOUT / "docs" / "reference" / "performance.md"
_IN_CONTAINERS = "\n## In containers\n"


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
    arguments = parser.parse_args()
    if arguments.compose:
        figures = containers.measure()
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(System(Path(folder) / "state"))
    print(table(figures))
    if arguments.write:
        laptop, heading, rest = REPORT.read_text().partition(_IN_CONTAINERS)
        if arguments.compose:
            REPORT.write_text(laptop + _IN_CONTAINERS + report_of_containers(figures))
        else:
            REPORT.write_text(report(figures) + heading + rest)


if __name__ == "__main__":
    main()
