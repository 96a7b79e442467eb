"""What is read out of a recorded invocation once somebody looks: what woke it, and which ids it names."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from samlet.console.correlation import Ids, Message, Names
from samlet.console.record import Invocation, Line

_KAFKA = frozenset({"aws:kafka", "SelfManagedKafka"})
_ROUTE_KEY = re.compile(r'"routeKey"\s*:\s*"([^"\\]+)"')
_PATH = re.compile(r'"rawPath"\s*:\s*"([^"\\]+)"')
_METHOD = re.compile(r'"method"\s*:\s*"([A-Z]+)"')
_BATCH = re.compile(r'\{\s*"eventSource"\s*:\s*"(?:aws:kafka|SelfManagedKafka)"')
_PLACE = re.compile(r'"topic"\s*:\s*"([^"\\]+)"\s*,\s*"partition"\s*:\s*(\d+)\s*,\s*"offset"\s*:\s*(\d+)')
_MESSAGES = re.compile(r'\{\s*"Records"\s*:\s*\[\s*\{\s*"messageId"\s*:\s*"[^"]*"\s*,\s*"receiptHandle"')
_QUEUE = re.compile(r'"eventSourceARN"\s*:\s*"[^"]*:([^":]+)"')
_NEWS = re.compile(
    r'\{\s*"Records"\s*:\s*\[\s*\{\s*"EventSource"\s*:\s*"aws:sns".{0,40}?"EventSubscriptionArn"\s*:\s*"([^"]*)"'
)
_END_OF_PRELUDE = bytes(8)
_BEFORE = {"schedule": "schedule", "start": "start"}


@dataclass(frozen=True, slots=True)
class Source:
    """What woke a function; `kind` is http, schedule, kafka, sqs, sns, s3, start or invoke, `text` says which one."""

    kind: str
    text: str
    received: float | None = None  # epoch seconds, of HTTP requests


@dataclass(frozen=True, slots=True)
class Reading:
    """One invocation, read; `ids` are those of its event and answer, lines and messages have their own."""

    source: Source
    ids: Ids
    messages: tuple[Message, ...]
    lines: tuple[tuple[Line, Ids], ...]
    status: int | None  # of an HTTP answer

    @property
    def correlations(self) -> frozenset[str]:
        """All ids that it shares with others."""
        items = [self.ids, *(message.ids for message in self.messages), *(ids for _, ids in self.lines)]
        return frozenset().union(*(ids.shared for ids in items))


def read(invocation: Invocation, names: Names) -> Reading:
    """Read an invocation, or remember how it was read."""
    if invocation.read is None:
        invocation.read = _read(invocation, names)
    found: Reading = invocation.read
    return found


def _read(invocation: Invocation, names: Names) -> Reading:
    event = json_of(invocation.event) if invocation.whole else None
    text = "" if event is not None else invocation.event.decode(errors="replace")
    fields = event if isinstance(event, dict) else {}
    reply = _reply(invocation)
    pairs = [*fields.items(), *_headers(fields), *_headers(reply)]
    ids = names.of(pairs) if not text else names.of_part(text)
    ids = Ids(ids.shared | {invocation.request_id}, ids.messages)
    status = reply.get("statusCode")
    return Reading(
        _source(invocation, fields, text),
        ids,
        tuple(_messages(fields, names)),
        tuple((line, found) for line in list(invocation.lines) if (found := names.of_line(line.text)).shared),
        status if isinstance(status, int) else None,
    )


def _reply(invocation: Invocation) -> Mapping[str, Any]:
    """What an answer says of its status and headers: itself, or where it was streamed, the prelude it begins with."""
    outcome, content = invocation.outcome, invocation.answer
    if outcome is None or outcome.streamed is None or not outcome.ok:
        return _object(content) if invocation.answer_size <= len(content) else {}
    prelude, end, _ = content.partition(_END_OF_PRELUDE)
    # Without a prelude everything goes out as the body of a 200, also what looks like a status.
    return {"statusCode": 200, **_object(prelude)} if end else {"statusCode": 200}


def _object(content: bytes) -> dict[str, Any]:
    found = json_of(content)
    return found if isinstance(found, dict) else {}


def json_of(content: bytes) -> Any:
    """The JSON value, None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _messages(event: Mapping[str, Any], names: Names) -> list[Message]:
    try:
        return list(names.messages_in(event)) if event.get("eventSource") in _KAFKA else []
    except (KeyError, TypeError, AttributeError, ValueError):
        return []  # somebody's own event, which only looks like one


def _headers(event: Mapping[str, Any]) -> list[tuple[str, Any]]:
    headers = event.get("headers")
    return list(headers.items()) if isinstance(headers, dict) else []


def _source(invocation: Invocation, event: Mapping[str, Any], text: str) -> Source:
    if invocation.woken and invocation.woken.kind in _BEFORE:
        return Source(_BEFORE[invocation.woken.kind], invocation.woken.name or "on_start")
    context = event.get("requestContext")
    if isinstance(context, dict) and ("http" in context or "httpMethod" in event):
        return _http(event, context)
    if event.get("eventSource") in _KAFKA and (places := _places(event)):
        return Source("kafka", places)
    if _BATCH.match(text) and (place := _PLACE.search(text)):
        return Source("kafka", f"{place[1]}-{place[2]}@{place[3]}–…")
    if found := _of_records(event):
        return found
    if event.get("source") in ("aws.events", "aws.scheduler") and event.get("resources"):
        return Source("schedule", str(event["resources"][0]).rpartition("/")[2])
    if _MESSAGES.match(text):
        name = _QUEUE.search(text)
        return Source("sqs", f"{name[1]} (…)" if name else "messages of a queue")
    if news := _NEWS.match(text):
        return Source("sns", _topic(news[1]))
    if text and (route := _ROUTE_KEY.search(text[:2_000])):
        path, method = _PATH.search(text[:20_000]), _METHOD.search(text)
        return Source("http", f"{method[1]} {path[1]}" if path and method else route[1])
    return Source("invoke", "Invoke API")


def _http(event: Mapping[str, Any], context: Mapping[str, Any]) -> Source:
    http = context["http"] if isinstance(context.get("http"), dict) else {}
    method = http.get("method") or event.get("httpMethod") or "?"
    path = event.get("rawPath") or event.get("path") or "/"
    epoch = context.get("timeEpoch") or context.get("requestTimeEpoch")
    return Source("http", f"{method} {path}", epoch / 1000 if isinstance(epoch, int) else None)


def _of_records(event: Mapping[str, Any]) -> Source | None:
    """What a queue, a topic or a bucket sent; None for any other event."""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else None
    if not isinstance(first, dict):
        return None
    if first.get("eventSource") == "aws:sqs":
        return Source("sqs", f"{str(first.get('eventSourceARN')).rpartition(':')[2]} ({len(records or ())})")
    if first.get("EventSource") == "aws:sns":
        return Source("sns", _topic(str(first.get("EventSubscriptionArn"))))
    s3 = first.get("s3")
    if first.get("eventSource") != "aws:s3" or not isinstance(s3, dict):
        return None
    bucket, item = s3.get("bucket"), s3.get("object")
    if not (isinstance(bucket, dict) and isinstance(item, dict)):
        return None
    return Source("s3", f"{bucket.get('name')}/{unquote_plus(str(item.get('key')))} {first.get('eventName')}")


def _topic(subscription: str) -> str:
    """The topic's name in a subscription's ARN."""
    return subscription.rpartition(":")[0].rpartition(":")[2] or subscription


def _places(event: Mapping[str, Any]) -> str:
    batches = event.get("records")
    if not isinstance(batches, dict):
        return ""
    told = []
    for name, records in batches.items():
        if isinstance(records, list) and records and isinstance(records[0], dict):
            first, last = records[0].get("offset"), records[-1].get("offset")
            told.append(f"{name}@{first}" if len(records) == 1 else f"{name}@{first}–{last} ({len(records)})")
    return ", ".join(told)
