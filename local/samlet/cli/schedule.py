"""`samlet schedule`: lists the schedules, and runs one now for the slot that one likes."""

import argparse
import sys
from typing import Any
from urllib.parse import quote, urlencode

from samlet.cli.remote import console_of, log_text
from samlet.cli.selection import Commands, add_options


def register(commands: Commands) -> None:
    """Add `schedule list` and `schedule run`."""
    parser = commands.add_parser("schedule", help="list the schedules, or run one now")
    actions = parser.add_subparsers(required=True, metavar="list|run")
    listing = actions.add_parser("list", help="one line a schedule, its name first")
    add_options(listing)
    listing.set_defaults(run=list_all)
    running = actions.add_parser("run", help="run one now and wait for its end")
    running.add_argument("name", metavar="NAME")
    running.add_argument(
        "--at", metavar="TIME", help="the slot to run for, such as 2026-11-21T00:00:00Z (default: now)"
    )
    add_options(running)
    running.set_defaults(run=run_one)


def list_all(arguments: argparse.Namespace) -> int:
    """Print one line a schedule; columns are padded, never cut."""
    rows = [
        (row["name"], row["expression"], row["timezone"], row["function"], "" if row["enabled"] else "disabled")
        for row in console_of(arguments).get("/api/schedules")
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def run_one(arguments: argparse.Namespace) -> int:
    """Invoke the schedule's function, wait, and fail if it failed."""
    query = f"?{urlencode({'at': arguments.at})}" if arguments.at else ""
    outcome = console_of(arguments).post(f"/api/schedules/{quote(arguments.name, safe='')}/run{query}")
    if outcome["ok"]:
        print(outcome["payload"])
        return 0
    _tell_failure(arguments.name, outcome)
    return 1


def _tell_failure(name: str, outcome: dict[str, Any]) -> None:
    sys.stderr.write(log_text(outcome.get("log", "")))
    print(f"samlet: {name} failed: {outcome.get('error') or outcome['payload']}", file=sys.stderr)
