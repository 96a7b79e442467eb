"""`samlet events`: what is on a Kafka topic, from its beginning."""

import argparse
import json
from urllib.parse import urlencode

from samlet.cli.remote import console_of
from samlet.cli.selection import Commands, add_options
from samlet.errors import SamletError


def register(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("events", help="show the records of a Kafka topic")
    add_options(parser)
    parser.add_argument("--topic", default="events", help="the topic (default: events)")
    parser.add_argument(
        "--json", action="store_true", help="print one array for programs; with --follow, an object a line"
    )
    parser.add_argument("--follow", action="store_true", help="stay and print what comes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every record from the beginning; end there, or with --follow at Ctrl-C."""
    query = {"topic": arguments.topic} | ({"follow": "true"} if arguments.follow else {})
    records = (_record(line) for line in console_of(arguments).lines(f"/api/events?{urlencode(query)}"))
    if arguments.json and not arguments.follow:
        print(json.dumps(list(records), indent=2, ensure_ascii=False))
        return 0
    for record in records:
        print(json.dumps(record, ensure_ascii=False) if arguments.json else _readable(record), flush=True)
    return 0


def _record(line: str) -> dict[str, object]:
    record: dict[str, object] = json.loads(line)
    if "error" in record:  # the status was sent long before Kafka failed
        raise SamletError(str(record["error"]))
    return record


def _readable(record: dict[str, object]) -> str:
    value = json.dumps(record["value"], ensure_ascii=False)
    return f"{record['topic']}-{record['partition']} @{record['offset']}  {record['key']}  {value}"
