"""`samlet schedule`: lists the schedules, shows their next times, pauses and resumes them, and runs one now."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from samlet.cli.columns import padded
from samlet.cli.remote import console_of, log_text
from samlet.cli.selection import Commands, add_options, count
from samlet.cli.usage import add_command
from samlet.errors import ScheduleNotFound


def register(commands: Commands) -> None:
    """Add `schedule` and its actions."""
    parser = add_command(
        commands,
        "schedule",
        "list the schedules, pause one, run one now",
        examples="""
            samlet schedule list
            samlet schedule next nightly --count 3
            samlet schedule run nightly --at 2026-11-21T00:00:00Z
        """,
    )
    actions = parser.add_subparsers(required=True, metavar="list|next|pause|resume|run")
    listing = _action(actions, "list", list_all, "one line a schedule, its name first", "samlet schedule list --json")
    listing.add_argument("--json", action="store_true", help="as a JSON array")
    following = _action(
        actions,
        "next",
        show_next,
        "the next times of one, in its zone and in UTC",
        "samlet schedule next nightly --after 2027-03-27T00:00:00Z",
        named=True,
    )
    following.add_argument("--count", type=count, default=10, metavar="N", help="how many (default: 10)")
    following.add_argument(
        "--after", metavar="TIME", help="after this time, such as 2027-03-27T00:00:00Z (default: now)"
    )
    following.add_argument("--json", action="store_true", help="as a JSON array of times in UTC")
    _action(
        actions, "pause", pause, "let its slots pass, until it is resumed", "samlet schedule pause nightly", named=True
    )
    _action(actions, "resume", resume, "let it fire again", "samlet schedule resume nightly", named=True)
    running = _action(
        actions,
        "run",
        run_one,
        "run one now and wait for its end",
        "samlet schedule run nightly --at 2026-11-21T00:00:00Z",
        named=True,
    )
    running.add_argument(
        "--at", metavar="TIME", help="the slot to run for, such as 2026-11-21T00:00:00Z (default: the latest due)"
    )


def list_all(arguments: argparse.Namespace) -> int:
    """Print one line a schedule."""
    schedules = console_of(arguments).get("/api/schedules")
    if arguments.json:
        print(json.dumps(schedules, ensure_ascii=False, indent=2))
        return 0
    rows = [(row["name"], row["expression"], row["timezone"], row["function"], _outlook(row)) for row in schedules]
    for line in padded(rows):
        print(line)
    return 0


def show_next(arguments: argparse.Namespace) -> int:
    """Print the next times, one a line."""
    remote = console_of(arguments)
    zones = {row["name"]: row["timezone"] for row in remote.get("/api/schedules")}
    if arguments.name not in zones:
        raise ScheduleNotFound(arguments.name, zones)
    query = {"count": arguments.count} | ({"after": arguments.after} if arguments.after else {})
    slots = remote.get(f"{_path(arguments)}/next?{urlencode(query)}")
    if arguments.json:
        print(json.dumps(slots, indent=2))
        return 0
    if not slots:
        print(f"samlet: {arguments.name} has no time to come", file=sys.stderr)
    for slot in slots:
        instant = datetime.fromisoformat(slot)
        local = instant.astimezone(ZoneInfo(zones[arguments.name]))
        print(f"{local:%a %Y-%m-%d %H:%M:%S %Z}  {instant:%Y-%m-%dT%H:%M:%SZ}")
    return 0


def pause(arguments: argparse.Namespace) -> int:
    """Pause a schedule."""
    console_of(arguments).post(f"{_path(arguments)}/pause")
    return 0


def resume(arguments: argparse.Namespace) -> int:
    """Resume a schedule."""
    console_of(arguments).post(f"{_path(arguments)}/resume")
    return 0


def run_one(arguments: argparse.Namespace) -> int:
    """Invoke the schedule's function, wait, and fail if it failed."""
    query = f"?{urlencode({'at': arguments.at})}" if arguments.at else ""
    outcome = console_of(arguments).post(f"{_path(arguments)}/run{query}")
    if outcome["ok"]:
        print(outcome["payload"])
        return 0
    _tell_failure(arguments.name, outcome)
    return 1


def _action(
    actions: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    example: str,
    *,
    named: bool = False,
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, summary, examples=example)
    if named:
        parser.add_argument("name", metavar="NAME")
    add_options(parser)
    parser.set_defaults(run=run)
    return parser


def _path(arguments: argparse.Namespace) -> str:
    return f"/api/schedules/{quote(arguments.name, safe='')}"


def _outlook(row: dict[str, Any]) -> str:
    if not row["enabled"]:
        return "disabled"
    if row["paused"]:
        return "paused"
    return f"next {datetime.fromisoformat(row['next']):%Y-%m-%dT%H:%M:%SZ}" if row["next"] else "over"


def _tell_failure(name: str, outcome: dict[str, Any]) -> None:
    sys.stderr.write(log_text(outcome.get("log", "")))
    print(f"samlet: {name} failed: {outcome.get('error') or outcome['payload']}", file=sys.stderr)
