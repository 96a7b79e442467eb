"""The waterfall of one correlation id: gathers what the record, Kafka and the mails tell of it."""

import asyncio
import time
from datetime import datetime
from email import message_from_bytes, policy
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED
from samlet.console.correlation import Message
from samlet.console.reading import read
from samlet.console.topics import Topics
from samlet.console.watched import Mails, Watched
from samlet.console.waterfall import Mail, Read, items_of, related, requests_of, waterfall
from samlet.errors import SamletError

_BEFORE = 60.0  # seconds; a record may have been produced before the first invocation that we know of
_MOST_MAILS = 200


def routes(app: web.Application) -> None:
    """Add the routes; `/api/requests` is the command line's, whose log has request ids alone."""
    app.router.add_get("/api/traces/{id}", _trace)
    app.router.add_get("/api/requests", _requests)


async def _trace(request: web.Request) -> web.Response:
    watched, wanted = request.app[WATCHED], request.match_info["id"]
    return web.json_response(await asyncio.to_thread(_gather, watched, wanted, list(watched.record.newest())))


async def _requests(request: web.Request) -> web.Response:
    """The request ids of what names any of these ids, and how many invocations were looked at."""
    watched, wanted = request.app[WATCHED], frozenset(request.query.getall("id", []))
    kept = list(watched.record.newest())

    def find() -> frozenset[str]:
        return requests_of(wanted, [(one, read(one, watched.names)) for one in kept])

    found = await asyncio.to_thread(find)
    return web.json_response({"requests": sorted(found), "kept": len(kept)})


def _gather(watched: Watched, wanted: str, invocations: list[Any]) -> dict[str, Any]:
    """Everything at once, in a thread: a full record takes a moment to read for the first time."""
    now, troubles = time.time(), []
    reads: list[Read] = [(invocation, read(invocation, watched.names)) for invocation in invocations]
    ids = related(wanted, items_of(reads, ()))
    ours = [invocation for invocation, reading in reads if reading.correlations & ids]
    messages: list[Message] = []
    if watched.kafka_servers:
        since = min((invocation.began for invocation in ours), default=now - 3_600) - _BEFORE
        try:
            messages = Topics(watched.kafka_servers).search(
                watched.names, since, lambda one: bool(one.ids.shared & ids)
            )
        except SamletError as error:
            troubles.append(f"Kafka's topics could not be searched: {error}")
    mails: list[Mail] = []
    if watched.mails:
        try:
            mails = _mails(watched.mails)
        except SamletError as error:
            troubles.append(f"The mails could not be searched: {error}")
    found = waterfall(wanted, reads, messages, mails, now)
    return {**found, "troubles": troubles, "invocations_kept": len(reads)}


def _mails(sink: Mails) -> list[Mail]:
    found = []
    for told in sink.list(_MOST_MAILS):
        source = sink.source(told["id"])
        if source is None:
            continue
        headers = message_from_bytes(source.partition(b"\r\n\r\n")[0], policy=policy.compat32).items()
        at = _epoch(str(told["received_at"]))
        text = "\n".join(str(value) for _, value in headers)
        found.append(Mail(told["id"], at, str(told["subject"]), ", ".join(told["to"]), text))
    return found


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
