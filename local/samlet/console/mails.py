"""The mails: a list, one with its source and headers, and its HTML in a page of its own that can do nothing."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED, asked, missing, number
from samlet.console.watched import Mails

_LARGEST_SOURCE = 512 * 1024
# No script, no form, nothing from elsewhere, an origin of its own: a mail may come from anybody.
HTML_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def routes(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/api/mails", _list)
    app.router.add_delete("/api/mails", _forget)
    app.router.add_get("/api/mails/{id}", _one)
    app.router.add_get("/api/mails/{id}/html", _html)


async def _list(request: web.Request) -> web.Response:
    limit = number(request, "limit", 0) or None
    sink = _sink(request)
    return web.json_response(list(await asked(lambda: sink.list(limit))))


async def _forget(request: web.Request) -> web.Response:
    await asked(_sink(request).clear)
    return web.Response(status=204)


async def _one(request: web.Request) -> web.Response:
    source = await _source(request)
    message = _parsed(source)
    body: dict[str, Any] = {
        "id": request.match_info["id"],
        "headers": headers_of(message),
        "source": source[:_LARGEST_SOURCE].decode(errors="replace"),
        "size": len(source),
        "text": _body(message, "plain"),
        "has_html": message.get_body(("html",)) is not None,
        "attachments": [part.get_filename() or part.get_content_type() for part in message.iter_attachments()],
    }
    return web.json_response(body)


async def _html(request: web.Request) -> web.Response:
    html = _body(_parsed(await _source(request)), "html")
    if html is None:
        raise missing("this mail has no HTML")
    return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": HTML_POLICY})


def headers_of(message: EmailMessage) -> list[list[str]]:
    """Names and values as they came, in their order, decoded."""
    return [[name, str(value)] for name, value in message.items()]


async def _source(request: web.Request) -> bytes:
    sink, name = _sink(request), request.match_info["id"]
    source = await asked(lambda: sink.source(name))
    if source is None:
        raise missing(f"there is no mail {name} (any more)")
    return source


def _parsed(source: bytes) -> EmailMessage:
    message: EmailMessage = message_from_bytes(source, policy=policy.default)
    return message


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an encoding that nobody knows: shown as well as it can be
        raw = part.get_payload(decode=True)
        return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)


def _sink(request: web.Request) -> Mails:
    sink = request.app[WATCHED].mails
    if sink is None:
        raise missing("no mail sink runs here")
    return sink
