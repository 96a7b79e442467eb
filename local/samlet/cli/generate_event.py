"""`samlet generate-event`: events as the event sources make them, by the very code that they use."""

import argparse

from samlet.cli import generated, generated_records
from samlet.cli.selection import Commands, add_options, pair
from samlet.cli.usage import add_command

_S3_EVENTS = (
    *(f"ObjectCreated:{how}" for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")),
    "ObjectRemoved:Delete",
)


def register(commands: Commands) -> None:
    """Add `generate-event` and its kinds."""
    parser = add_command(
        commands,
        "generate-event",
        "print an event for `samlet invoke F --event -`",
        about="The events are made by the code that the gateway, the schedules and the other sources use.",
        examples="""
            samlet generate-event http --path /hello | samlet invoke Hello -e -
            samlet generate-event schedule nightly > event.json
            samlet generate-event kafka --topic orders --key 17 '{"total": 5}'
            samlet generate-event s3 --bucket uploads in/photo.jpg
        """,
    )
    kinds = parser.add_subparsers(required=True, metavar="http|schedule|kafka|sqs|sns|s3")
    _register_http(kinds)
    _register_schedule(kinds)
    _register_kafka(kinds)
    _register_sqs(kinds)
    _register_sns(kinds)
    _register_s3(kinds)


def _register_http(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "http",
        "a request to an HTTP API, payload format 2.0",
        about="The template's routes give the route key and the path parameters; where none fits, or there is no "
        "template, the route is the method and the path.",
        examples="""
            samlet generate-event http --path /tasks/17 --query page=2
            samlet generate-event http --method POST --path /tasks --body '{"a": 1}'
            samlet generate-event http --claim sub=ada --scope read --header Cookie=a=b
        """,
    )
    add_options(parser)
    parser.add_argument("--method", default="GET", help="the HTTP method (default: GET)")
    parser.add_argument("--path", default="/", help="the path, encoded as in a URL (default: /)")
    parser.add_argument("--query", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    parser.add_argument("--header", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    parser.add_argument("--body", metavar="TEXT|-", help="the body, - for standard input; JSON unless a header says")
    parser.add_argument("--claim", action="append", default=[], type=pair, metavar="NAME=VALUE", help="of a JWT")
    parser.add_argument("--scope", action="append", default=[], help="a scope of the JWT; repeatable")
    parser.set_defaults(run=lambda arguments: _print(generated.http(arguments)))


def _register_schedule(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "schedule",
        "a firing of an EventBridge rule or schedule",
        about="With the name of one of the template's schedules, what that one sends at its next time.",
        examples="""
            samlet generate-event schedule nightly --at 2026-11-21T00:00:00Z
            samlet generate-event schedule --kind rule
            samlet generate-event schedule --input '["<aws.scheduler.scheduled-time>"]'
        """,
    )
    add_options(parser)
    parser.add_argument("name", nargs="?", metavar="NAME", help="a schedule of the template (default: one made up)")
    parser.add_argument("--kind", choices=("rule", "scheduler"), default="scheduler", help="of one that is made up")
    parser.add_argument("--input", metavar="TEXT", help="its Input, in which <aws.scheduler.…> words are replaced")
    parser.add_argument("--at", metavar="TIME", help="the slot (default: its next one, or now)")
    parser.set_defaults(run=lambda arguments: _print(generated.schedule(arguments)))


def _register_kafka(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "kafka",
        "records of a Kafka topic",
        examples="""
            samlet generate-event kafka --topic orders --key 17 '{"total": 5}'
            samlet generate-event kafka --header trace=abc one two three
            samlet generate-event kafka - < values.txt
        """,
    )
    parser.add_argument("values", nargs="*", metavar="VALUE|-", help="a record each; - for lines of standard input")
    parser.add_argument("--topic", default="events", help="the topic (default: events)")
    parser.add_argument("--partition", type=_count, default=0, help="the partition (default: 0)")
    parser.add_argument("--offset", type=_count, default=0, help="the first record's offset (default: 0)")
    parser.add_argument("--key", help="the records' key")
    parser.add_argument("--header", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    parser.add_argument("--source-arn", metavar="ARN", help="of an MSK cluster; without it, self-managed Kafka")
    parser.set_defaults(run=lambda arguments: _print(generated.kafka(arguments)))


def _register_sqs(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "sqs",
        "messages of a queue",
        examples="""
            samlet generate-event sqs --queue jobs '{"total": 5}'
            samlet generate-event sqs --attribute kind=big one two three
            samlet generate-event sqs - < bodies.txt
        """,
    )
    add_options(parser)
    parser.add_argument("bodies", nargs="*", metavar="BODY|-", help="a message each; - for lines of standard input")
    parser.add_argument("--queue", default="queue", metavar="NAME", help="the queue (default: queue)")
    parser.add_argument("--attribute", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    parser.set_defaults(run=lambda arguments: _print(generated_records.sqs(arguments)))


def _register_sns(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "sns",
        "a message of a topic",
        examples="""
            samlet generate-event sns --topic news 'It rains'
            samlet generate-event sns --subject Weather --attribute kind=rain 'It rains'
            samlet generate-event sns - < message.json
        """,
    )
    add_options(parser)
    parser.add_argument("message", nargs="?", default="{}", metavar="MESSAGE|-", help="- for standard input")
    parser.add_argument("--topic", default="topic", metavar="NAME", help="the topic (default: topic)")
    parser.add_argument("--subject", metavar="TEXT", help="its subject (default: none)")
    parser.add_argument("--attribute", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    parser.set_defaults(run=lambda arguments: _print(generated_records.sns(arguments)))


def _register_s3(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "s3",
        "what a bucket tells of an object",
        about="The key is given as it is; in the event it is encoded, as S3 does it.",
        examples="""
            samlet generate-event s3 --bucket uploads 'in/red flower.jpg'
            samlet generate-event s3 --event ObjectRemoved:Delete old.txt
        """,
    )
    add_options(parser)
    parser.add_argument("key", nargs="?", default="example.txt", metavar="KEY", help="(default: example.txt)")
    parser.add_argument("--bucket", default="bucket", metavar="NAME", help="the bucket (default: bucket)")
    names = f"{', '.join(_S3_EVENTS[1:])} or (default) {_S3_EVENTS[0]}"
    parser.add_argument(
        "--event", type=_s3_event, default=_S3_EVENTS[0], choices=_S3_EVENTS, metavar="EVENT", help=names
    )
    parser.add_argument("--size", type=_count, default=1024, metavar="BYTES", help="the object's (default: 1024)")
    parser.set_defaults(run=lambda arguments: _print(generated_records.s3(arguments)))


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _s3_event(text: str) -> str:
    """As the event says it; in templates it begins with `s3:`."""
    return text.removeprefix("s3:")


def _print(event: str) -> int:
    print(event)
    return 0
