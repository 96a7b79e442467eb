"""The console's answers when something is missing, wrong or away: a JSON object with `error` in words."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from samlet.console.watched import Watched
from samlet.errors import KafkaFailed, SamletError

WATCHED: web.AppKey[Watched] = web.AppKey("watched")
_LARGEST_NUMBER = 10**18


def missing(text: str) -> web.HTTPNotFound:
    """A 404."""
    return web.HTTPNotFound(text=json.dumps({"error": text}), content_type="application/json")


def bad(text: str) -> web.HTTPBadRequest:
    """A 400."""
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")


def conflict(text: str) -> web.HTTPConflict:
    """A 409."""
    return web.HTTPConflict(text=json.dumps({"error": text}), content_type="application/json")


async def asked[Answer](ask: Callable[[], Answer]) -> Answer:
    """The answer of what blocks and may be a server elsewhere; a 502 where that fails."""
    try:
        return await asyncio.to_thread(ask)
    except SamletError as error:
        raise web.HTTPBadGateway(text=json.dumps({"error": _words(error)}), content_type="application/json") from error


def number(request: web.Request, name: str, default: int, low: int = 0, high: int = _LARGEST_NUMBER) -> int:
    """A whole number of the query."""
    text = request.query.get(name, str(default))
    # A number that is long enough is none to int(); twenty digits are more than may be asked for.
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else -1
    if not low <= value <= high:
        raise bad(f"{name}={text!r} is not from {low} to {high}")
    return value


async def json_body(request: web.Request) -> dict[str, Any]:
    """The body, which has to be a JSON object and to say so."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(
            text='{"error": "send a JSON object as application/json"}', content_type="application/json"
        )
    try:
        body = json.loads(await request.text())
    except (ValueError, RecursionError) as error:
        raise bad(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise bad("the body is no JSON object")
    return body


def _words(error: SamletError) -> str:
    return f"Kafka: {error}" if isinstance(error, KafkaFailed) else str(error)
