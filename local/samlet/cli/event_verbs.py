"""The verbs of `samlet events` that speak to Kafka themselves: create, produce, lag, redrive."""

import argparse
from collections.abc import Callable
from pathlib import Path

from samlet.cli.selection import Commands, add_options, count, pair
from samlet.cli.usage import add_command


def register(verbs: Commands) -> None:
    """Add the verbs."""
    creating = add_command(
        verbs,
        "create",
        "make a topic",
        about="On AWS your deployment makes it; Samlet's Kafka makes none that is merely read or written. `samlet "
        "reset` deletes it again. Fails where it is there already.",
        examples="""
            samlet events create orders
            samlet events create orders --partitions 6
        """,
    )
    add_options(creating, default=argparse.SUPPRESS)
    creating.add_argument("topic", metavar="TOPIC", help="its name")
    creating.add_argument("--partitions", type=count, default=1, metavar="N", help="how many partitions (default: 1)")
    creating.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as one JSON object")
    creating.set_defaults(run=_run("create"))
    producing = add_command(
        verbs,
        "produce",
        "write records to a topic",
        examples="""
            samlet events produce --topic orders --key 17 '{"total": 5}'
            samlet events produce --topic orders --file orders.ndjson
            samlet events produce --header trace=abc - < values.txt
        """,
    )
    add_options(producing, default=argparse.SUPPRESS)
    producing.add_argument("values", nargs="*", metavar="VALUE|-", help="a record each; - for lines of standard input")
    producing.add_argument("--file", type=Path, metavar="FILE", help="a record a line of FILE")
    producing.add_argument("--topic", default=argparse.SUPPRESS, help="the topic (default: events)")
    producing.add_argument("--partition", type=int, metavar="N", help="the partition (default: by the key)")
    producing.add_argument("--key", help="the records' key")
    producing.add_argument("--header", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    producing.set_defaults(run=_run("produce"))
    lagging = add_command(
        verbs,
        "lag",
        "how far consumer groups are behind",
        about="A row a group, topic and partition, with the offset that is read next and the topic's end.",
        examples="""
            samlet events lag
            samlet events lag --group mail-sender --json
        """,
    )
    add_options(lagging, default=argparse.SUPPRESS)
    lagging.add_argument("--group", metavar="NAME", help="this group alone")
    lagging.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as a JSON array")
    lagging.set_defaults(run=_run("lag"))
    _register_redrive(verbs)


def _register_redrive(verbs: Commands) -> None:
    parser = add_command(
        verbs,
        "redrive",
        "write the records of a dead-letter topic to a topic again",
        about="Key, value and headers stay, without the headers that a failure left. What was redriven before is "
        "left out; after a crash a few may be written twice, none is lost. The records stay in the dead-letter topic.",
        examples="""
            samlet events redrive --from orders.dead --to orders --dry-run
            samlet events redrive --from orders.dead --to orders --count 10
            samlet events redrive --from dead --to orders --filter '{"key": ["17"]}'
        """,
    )
    add_options(parser, default=argparse.SUPPRESS)
    parser.add_argument("--from", dest="source", required=True, metavar="TOPIC", help="the dead-letter topic")
    parser.add_argument("--to", dest="target", required=True, metavar="TOPIC", help="where its records go")
    parser.add_argument("--dry-run", action="store_true", help="say how many it would be, and do nothing")
    parser.add_argument("--count", type=count, metavar="N", help="N records at most")
    parser.add_argument(
        "--filter", metavar="PATTERN", help="an event pattern over key and value; what a filter leaves stays waiting"
    )
    parser.add_argument(
        "--drop-header", action="append", default=[], metavar="NAME", help="leave this header out, too; repeatable"
    )
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as one JSON object")
    parser.set_defaults(run=_run("redrive"))


def _run(verb: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from samlet.cli import topics  # not at the top: Kafka's client takes 0.2 s to load

        runs = {"create": topics.create, "produce": topics.produce, "lag": topics.lag, "redrive": topics.redrive}
        return runs[verb](arguments)

    return run
