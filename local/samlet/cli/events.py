"""`samlet events`: what is on a Kafka topic, from its beginning."""

import argparse
import json
import sys
from typing import Any
from urllib.parse import urlencode

from samlet.cli import event_verbs
from samlet.cli.remote import Remote, console_of
from samlet.cli.selection import Commands, add_options
from samlet.cli.usage import add_command
from samlet.errors import SamletError


def register(commands: Commands) -> None:
    """Add the command and its verbs; without a verb it shows a topic."""
    parser = add_command(
        commands,
        "events",
        "make topics; show, follow, write or redrive records of Kafka",
        about="Without a verb, the records of a topic from its beginning.",
        examples="""
            samlet events --topic orders --json
            samlet events --follow
            samlet events create orders
            samlet events produce --topic orders '{"total": 5}'
            samlet events lag
        """,
    )
    _add_show_options(parser)
    parser.add_argument("--follow", action="store_true", help="stay and print what comes")
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(metavar="follow|create|produce|lag|redrive")
    following = add_command(
        verbs,
        "follow",
        "show a topic, stay, and print what comes",
        examples="""
            samlet events follow --topic orders
            samlet events follow --json | jq .value
        """,
    )
    # Without defaults of its own, so that `events --topic orders follow` means what it says.
    _add_show_options(following, default=argparse.SUPPRESS)
    following.set_defaults(run=run, follow=True)
    event_verbs.register(verbs)


def _add_show_options(parser: argparse.ArgumentParser, default: Any = None) -> None:
    add_options(parser, default=default)
    parser.add_argument("--topic", default=default or "events", help="the topic (default: events)")
    parser.add_argument(
        "--json",
        action="store_true",
        default=default or False,
        help="print one array for programs; while following, an object a line",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every record from the beginning; end there, or with --follow at Ctrl-C."""
    console = console_of(arguments)
    _tell_if_missing(console, arguments.topic)
    query = {"topic": arguments.topic} | ({"follow": "true"} if arguments.follow else {})
    records = (_record(line) for line in console.lines(f"/api/events?{urlencode(query)}"))
    if arguments.json and not arguments.follow:
        print(json.dumps(list(records), indent=2, ensure_ascii=False))
        return 0
    for record in records:
        print(json.dumps(record, ensure_ascii=False) if arguments.json else _readable(record), flush=True)
    return 0


def _tell_if_missing(console: Remote, topic: str) -> None:
    """Say so beside the records: a topic that is not there may come, and one that is mistyped never does."""
    names = sorted(one["name"] for one in console.get("/api/topics"))
    if topic not in names:
        told = f"there are: {', '.join(names)}" if names else "there is none at all"
        made = f"`samlet events create {topic}` makes it"
        print(f"samlet: there is no topic {topic} yet; {told}; {made}", file=sys.stderr)


def _record(line: str) -> dict[str, object]:
    record: dict[str, object] = json.loads(line)
    if "error" in record:  # the status was sent long before Kafka failed
        raise SamletError(str(record["error"]))
    return record


def _readable(record: dict[str, object]) -> str:
    value = json.dumps(record["value"], ensure_ascii=False)
    return f"{record['topic']}-{record['partition']} @{record['offset']}  {record['key']}  {value}"
