"""An invocation as a command: `curl` for an HTTP event, `samlet invoke` for any other."""

import base64
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from samlet.console.reading import json_of

# What the gateway adds by itself, and anew: a request that is sent again is a trace of its own.
_LEFT_OUT = frozenset(
    {"host", "content-length", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
)


def command(function: str, event: bytes, api: str | None) -> str:
    """Return the command; `api` is the origin of the HTTP API."""
    fields = json_of(event)
    context = fields.get("requestContext") if isinstance(fields, dict) else None
    if api and isinstance(context, dict) and isinstance(context.get("http"), dict):
        return _curl(fields, context["http"], api)
    return f"printf %s {shlex.quote(event.decode(errors='replace'))} | samlet invoke {shlex.quote(function)} --event -"


def _curl(event: Mapping[str, Any], http: Mapping[str, Any], api: str) -> str:
    query = event.get("rawQueryString")
    url = f"{api}{_encoded(event.get('rawPath', '/'))}{f'?{query}' if query else ''}"
    parts = ["curl", "-i", "-X", http.get("method", "GET"), url]
    headers = dict(event.get("headers") or {})
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    for name, value in headers.items():
        if name.lower() not in _LEFT_OUT:
            parts += ["-H", f"{name}: {value}"]
    body = event.get("body")
    if not body:
        return shlex.join(parts)
    if not event.get("isBase64Encoded"):
        return shlex.join([*parts, "--data-raw", body])
    text = _as_text(body)
    if text is not None:
        return shlex.join([*parts, "--data-raw", text])
    return f"printf %s {shlex.quote(body)} | base64 -d | {shlex.join([*parts, '--data-binary', '@-'])}"


def _encoded(path: str) -> str:
    return quote(path, safe="/-._~!$&'()*+,;=:@")


def _as_text(body: str) -> str | None:
    try:
        return base64.b64decode(body).decode()
    except ValueError:
        return None
