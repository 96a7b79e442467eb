"""The events of `samlet generate-event`; each is built by its event source, which is loaded only for that."""

import argparse
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from samlet import project, settings
from samlet.cli import stand_ins
from samlet.errors import ProjectError, SamletError, ScheduleNotFound
from samlet.model import DEFAULT_ACCOUNT, DEFAULT_REGION, HttpApi, KafkaMapping, Route, Schedule, Template

if TYPE_CHECKING:
    from samlet.sources.event_v2 import HttpRequest
    from samlet.sources.routes import Match


def http(arguments: argparse.Namespace) -> str:
    """A request's event, payload format 2.0."""
    from samlet.sources.event_v2 import Gateway, HttpRequest, build_event
    from samlet.sources.tracing import traced

    body = sys.stdin.buffer.read() if arguments.body == "-" else (arguments.body or "").encode()
    headers = [("host", "127.0.0.1:3000"), *((name.lower(), value) for name, value in arguments.header)]
    if body and "content-type" not in dict(headers):
        headers.append(("content-type", "application/json"))
    request = HttpRequest(
        method=arguments.method.upper(),
        segments=_decoded(arguments.path),
        query=urlencode(arguments.query),
        headers=traced(tuple(headers))[0],
        body=body,
        source_ip="127.0.0.1",
    )
    template = _template(arguments)
    api, match = _matched(request, template)
    gateway = Gateway(api.logical_id, template.account if template else DEFAULT_ACCOUNT, api.stage)
    authorizer = _authorizer(dict(arguments.claim), arguments.scope)
    return build_event(request, match, gateway, str(uuid.uuid4()), time.time(), authorizer).decode()


def schedule(arguments: argparse.Namespace) -> str:
    """What a schedule sends."""
    from samlet.sources.schedule_events import Place, payload
    from samlet.sources.timetable import timetable

    template, place, now = _template(arguments), Place(), datetime.now(UTC).replace(microsecond=0)
    wanted = Schedule(arguments.name or "example", arguments.kind, "rate(1 hour)", "", input=arguments.input)
    slot = now
    if template:
        place = Place(template.region, template.account)
    if arguments.name:
        known = {each.name: each for each in template.schedules} if template else {}
        if arguments.name not in known:
            raise ScheduleNotFound(arguments.name, known)
        wanted = known[arguments.name]
        slot = timetable(wanted, now).next_after(now) or now
    return payload(wanted, _instant(arguments.at) if arguments.at else slot, place).decode()


def kafka(arguments: argparse.Namespace) -> str:
    """The event of some records."""
    from samlet.cluster import Record
    from samlet.sources.kafka_event import Entry, EventShape, text_of

    values = [
        line for value in arguments.values for line in (sys.stdin.read().splitlines() if value == "-" else [value])
    ] or ["{}"]
    mapping = KafkaMapping("Mapping", "Function", arguments.topic, "group", source_arn=arguments.source_arn)
    records = [
        Record(
            topic=arguments.topic,
            partition=arguments.partition,
            offset=arguments.offset + number,
            timestamp=int(time.time() * 1000),
            key=None if arguments.key is None else arguments.key.encode(),
            value=value.encode(),
            headers=tuple((name, text.encode()) for name, text in arguments.header),
        )
        for number, value in enumerate(values)
    ]
    entries = [Entry(record, text_of(record), 0.0) for record in records]
    return EventShape(mapping, "127.0.0.1:9092").event(entries).decode()


def place(arguments: argparse.Namespace) -> tuple[str, str]:
    """Region and account, of the template if there is one."""
    template = _template(arguments)
    return (template.region, template.account) if template else (DEFAULT_REGION, DEFAULT_ACCOUNT)


def _matched(request: "HttpRequest", template: Template | None) -> "tuple[HttpApi, Match]":
    """The API and the route that serve a request; made up where the template has none."""
    from samlet.sources.routes import Match, RouteTable

    for api in template.apis if template else ():
        if match := RouteTable(api.routes).find(request.method, request.segments):
            return api, match
    return HttpApi("api"), Match(Route(request.method, "/" + "/".join(request.segments), ""), {})


def _authorizer(claims: dict[str, str], scopes: list[str]) -> dict[str, Any] | None:
    """What a JWT authorizer would say of these."""
    from samlet.sources.authorization import of_token

    return of_token(claims, scopes) if claims or scopes else None


def _template(arguments: argparse.Namespace) -> Template | None:
    """The template that is named, or the one in this folder, if there is one."""
    try:
        found = project.find(template=arguments.template, config=arguments.config)
    except ProjectError:
        if arguments.template or arguments.config:
            raise
        return None
    return stand_ins.template(found, settings.read(os.environ))


def _decoded(path: str) -> tuple[str, ...]:
    from samlet.sources.event_v2 import decode_path

    if not path.startswith("/"):
        raise SamletError(f"--path {path!r} must begin with a slash, and a query is given by --query NAME=VALUE")
    if "?" in path:
        raise SamletError(f"--path {path!r} has a query; give that by --query NAME=VALUE")
    try:
        return decode_path(path)
    except UnicodeError:
        raise SamletError(f"--path {path!r} is not encoded as UTF-8") from None


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SamletError(f"--at {text!r} is no ISO 8601 time, such as 2026-11-21T00:00:00Z") from None
    if moment.tzinfo is None:
        raise SamletError(f"--at {text!r} has no time zone; end it with Z for UTC")
    return moment
