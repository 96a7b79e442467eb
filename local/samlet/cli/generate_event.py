"""`samlet generate-event`: events as the event sources make them, by the very code that they use."""

from samlet.cli import generated
from samlet.cli.selection import Commands, add_options, pair
from samlet.cli.usage import add_command


def register(commands: Commands) -> None:
    """Add `generate-event` and its kinds."""
    parser = add_command(
        commands,
        "generate-event",
        "print an event for `samlet invoke F --event -`",
        about="The events are made by the code that the gateway, the schedules and the Kafka source use.",
        examples="""
            samlet generate-event http --path /hello | samlet invoke Hello -e -
            samlet generate-event schedule nightly > event.json
            samlet generate-event kafka --topic orders --key 17 '{"total": 5}'
        """,
    )
    kinds = parser.add_subparsers(required=True, metavar="http|schedule|kafka")
    _register_http(kinds)
    _register_schedule(kinds)
    _register_kafka(kinds)


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
    parser.add_argument("--partition", type=int, default=0, help="the partition (default: 0)")
    parser.add_argument("--offset", type=int, default=0, help="the first record's offset (default: 0)")
    parser.add_argument("--key", help="the records' key")
    parser.add_argument("--header", action="append", default=[], type=pair, metavar="NAME=VALUE", help="repeatable")
    parser.add_argument("--source-arn", metavar="ARN", help="of an MSK cluster; without it, self-managed Kafka")
    parser.set_defaults(run=lambda arguments: _print(generated.kafka(arguments)))


def _print(event: str) -> int:
    print(event)
    return 0
