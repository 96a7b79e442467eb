"""What the verbs of `samlet events` do; Kafka's address is known from the console, the rest is between us and it."""

import argparse
import http
import json
import sys
from collections.abc import Sequence
from typing import Any

from samlet import redrive as redriving
from samlet.cli.columns import padded
from samlet.cli.remote import console_of
from samlet.cluster import Record, Span, partitions_of
from samlet.errors import SamletError, WrongUsage
from samlet.kafka_access import Bootstrap, from_json
from samlet.kafka_client import committed_offsets, create_topic, describe_topics, write


def create(arguments: argparse.Namespace) -> int:
    """Make a topic, and say so."""
    topic, partitions = arguments.topic, arguments.partitions
    create_topic(_kafka(arguments), topic, partitions)
    if arguments.json:
        print(json.dumps({"topic": topic, "partitions": partitions}, indent=2))
    else:
        print(f"{topic} is made, with {partitions} partition{'' if partitions == 1 else 's'}")
    return 0


def produce(arguments: argparse.Namespace) -> int:
    """Write the records, in order, and say how many."""
    values = _values(arguments)
    bootstrap = _kafka(arguments)
    partitions = partitions_of(describe_topics(bootstrap), arguments.topic)
    if arguments.partition is not None and arguments.partition not in partitions:
        raise SamletError(f"{arguments.topic} has partitions 0 to {len(partitions) - 1}")
    headers = tuple((name, text.encode()) for name, text in arguments.header)
    key = None if arguments.key is None else arguments.key.encode()
    records = (Record(arguments.topic, 0, 0, 0, key, value, headers) for value in values)
    written = write(bootstrap, arguments.topic, records, arguments.partition)
    print(f"{_records(written)} written to {arguments.topic}", file=sys.stderr)
    return 0


def lag(arguments: argparse.Namespace) -> int:
    """Print how far each group is."""
    bootstrap = _kafka(arguments)
    groups = committed_offsets(bootstrap)
    if arguments.group is not None and arguments.group not in groups:
        raise SamletError(f"there is no group {arguments.group}; there are: {', '.join(sorted(groups)) or 'none'}")
    rows = lags(describe_topics(bootstrap), groups, arguments.group)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    cells = [[str(cell) for cell in row.values()] for row in rows]
    for line in padded([["group", "topic", "partition", "next", "end", "lag"], *cells]):
        print(line)
    return 0


def lags(
    described: dict[str, dict[int, Span]], groups: dict[str, dict[tuple[str, int], int]], wanted: str | None
) -> list[dict[str, Any]]:
    """A row a group and partition of the topics that it reads; a partition of which nothing is committed is unread."""
    return [
        {
            "group": group,
            "topic": topic,
            "partition": partition,
            "next": (at := max(first, places.get((topic, partition), first))),
            "end": end,
            "lag": max(0, end - at),
        }
        for group, places in sorted(groups.items())
        if wanted in (None, group)
        for topic in sorted({topic for topic, _ in places} & set(described))
        for partition, (first, end) in sorted(described[topic].items())
    ]


def redrive(arguments: argparse.Namespace) -> int:
    """Redrive, or say what would be."""
    source, target, pattern = arguments.source, arguments.target, arguments.filter
    memory = redriving.memory_of(source, target, pattern)
    wanted = redriving.Redrive(source, target, memory, passing(pattern), frozenset(arguments.drop_header))
    bootstrap = _kafka(arguments)
    spans = redriving.waiting(bootstrap, wanted)
    if arguments.dry_run:
        found = sum(1 for _ in redriving.matching(bootstrap, wanted, spans))
        count = found if arguments.count is None else min(found, arguments.count)
    else:
        count = redriving.move(bootstrap, wanted, spans, arguments.count)
    if arguments.json:
        told = {"from": source, "to": target, "redriven": 0 if arguments.dry_run else count, "memory": memory}
        print(json.dumps(told | ({"would_be": count} if arguments.dry_run else {}), indent=2))
    else:
        print(f"{_records(count)} {'would be' if arguments.dry_run else ''} redriven".replace("  ", " "), end="")
        print(f" from {source} to {target}")
    return 0


def passing(pattern: str | None) -> redriving.Passes:
    """Whether a record matches an event pattern over `key` and `value`, as an event source mapping's filter has it."""
    from samlet.sources.filters import RecordFilter, Verdict  # not at the top: see up.py

    if pattern is None:
        return lambda _: True
    try:
        rule = json.loads(pattern)
    except ValueError as error:
        raise WrongUsage(f"--filter is no JSON: {error}") from error
    if not isinstance(rule, dict):
        raise WrongUsage('--filter needs an object such as {"value": {"kind": ["created"]}}')
    wanted = RecordFilter([rule])
    return lambda record: wanted.judge(record) is Verdict.WANTED


def _kafka(arguments: argparse.Namespace) -> Bootstrap:
    response = console_of(arguments).open("GET", "/api/kafka")  # told even while it still starts
    if response.status == http.HTTPStatus.NOT_FOUND:
        raise SamletError("no Kafka runs here; name it in samlet.toml: [services] kafka = {}")
    return from_json(json.load(response))


def _values(arguments: argparse.Namespace) -> Sequence[bytes]:
    if arguments.file is not None:
        if arguments.values:
            raise WrongUsage("give VALUEs or --file, not both")
        try:
            content = arguments.file.read_bytes()
        except OSError as error:
            raise SamletError(f"{arguments.file} cannot be read: {error.strerror}") from error
        return _lines(content)
    if not arguments.values:
        raise WrongUsage("say what to write: VALUE, - for lines of standard input, or --file FILE")
    given = (_lines(sys.stdin.buffer.read()) if value == "-" else [value.encode()] for value in arguments.values)
    return [value for values in given for value in values]


def _lines(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if line.strip()]


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"
