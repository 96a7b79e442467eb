"""An invocation as a command: `curl` for a request, `samlet invoke` for any other event; both for a POSIX shell."""

import base64
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from samlet.console.reading import json_of

# What the gateway adds by itself, and anew: a request that is sent again is a trace of its own.
_LEFT_OUT = frozenset(
    {"host", "content-length", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
)
_CURLS_OWN = ("user-agent", "accept")  # what curl sends unless it is told not to
_IN_SEGMENTS = "-._~!$&'()*+,;=:@"
_IN_PATHS = f"/{_IN_SEGMENTS}"
_VARIABLE = re.compile(r"\{([^{}+]+)(\+?)\}")
_SLASHES = "The event has its path decoded: if one of the slashes was sent as %2F, write it so."


@dataclass(frozen=True, slots=True)
class Copied:
    """A command and what it runs, `curl` or `samlet invoke`; `note` says what of the event it cannot be sure of."""

    text: str
    runs: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command finds this Samlet: addresses by part, the state folder, and the template."""

    addresses: Mapping[str, str]
    state_folder: Path
    template: Path | None


@dataclass(frozen=True, slots=True)
class _Path:
    """A path as it is sent; `sure` where none of its slashes can have been a %2F."""

    text: str
    sure: bool


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: _Path
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    api: str


def copied(function: str, event: bytes, place: Place) -> Copied:
    """Return the command that sends this event again; `function` may have a qualifier."""
    request = _request(json_of(event))
    origin = _origin(place.addresses, request.api) if request else None
    if request and origin:
        return Copied(_curl(request, origin), "curl", "" if request.path.sure else _SLASHES)
    told = [] if place.template is None else ["--template", str(place.template)]
    usual = place.template is not None and place.state_folder == place.template.parent / ".samlet"
    words = [] if usual else [f"SAMLET_STATE_DIR={shlex.quote(str(place.state_folder))}"]
    line = " ".join([*words, shlex.join(["samlet", "invoke", function, "--event", "-", *told])])
    return Copied(f"{_printed(event)} | {line}", "samlet invoke")


def _origin(addresses: Mapping[str, str], api: str) -> str | None:
    """The first API is `api` alone; further ones and function URLs go by their names."""
    return addresses.get(f"api {api}") or addresses.get(f"url {api}") or addresses.get("api")


def _request(event: Any) -> _Request | None:
    """The request that a gateway made an event of; None of any other event, an authorizer's too."""
    context = event.get("requestContext") if isinstance(event, dict) else None
    if not isinstance(context, dict) or event.get("type") in ("REQUEST", "TOKEN"):
        return None
    try:
        if isinstance(context.get("http"), dict):
            return _of_format_2(event, context)
        return _of_format_1(event, context) if "httpMethod" in event else None
    except (AttributeError, TypeError, ValueError):
        return None  # somebody's own event, which only looks like one


def _of_format_2(event: Mapping[str, Any], context: Mapping[str, Any]) -> _Request:
    headers = list((event.get("headers") or {}).items())
    if cookies := event.get("cookies"):
        headers.append(("cookie", "; ".join(cookies)))
    path = _encoded(event.get("rawPath", "/"), str(event.get("routeKey", "")).partition(" ")[2], event)
    query = event.get("rawQueryString") or ""
    return _Request(context["http"].get("method", "GET"), path, query, tuple(headers), _body(event), _api(context))


def _of_format_1(event: Mapping[str, Any], context: Mapping[str, Any]) -> _Request:
    headers = [(name, each) for name, values in (event.get("multiValueHeaders") or {}).items() for each in values]
    query = urlencode(event.get("multiValueQueryStringParameters") or {}, doseq=True)
    path = _encoded(context.get("path") or event.get("path") or "/", str(event.get("resource", "")), event)
    return _Request(event["httpMethod"], path, query, tuple(headers), _body(event), _api(context))


def _encoded(path: str, route: str, event: Mapping[str, Any]) -> _Path:
    """The path as it was sent: the gateway decodes it, and only the route tells where a segment had a slash of its own.

    What a greedy variable holds, or the default route was asked for, has no such witness.
    """
    parameters, plain, sent, sure = event.get("pathParameters") or {}, "", "", True
    for segment in route.removeprefix("/").split("/"):
        found = _VARIABLE.fullmatch(segment)
        text = str(parameters.get(found[1], segment)) if found else segment
        greedy = bool(found and found[2])
        plain += f"/{text}"
        sent += f"/{quote(text, safe=_IN_PATHS if greedy else _IN_SEGMENTS)}"
        sure = sure and not (greedy and "/" in text)
    if not route.startswith("/") or not path.endswith(plain):
        return _Path(quote(path, safe=_IN_PATHS), "/" not in path[1:])
    return _Path(quote(path.removesuffix(plain), safe=_IN_PATHS) + sent, sure)


def _api(context: Mapping[str, Any]) -> str:
    return str(context.get("apiId", ""))


def _body(event: Mapping[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _curl(request: _Request, origin: str) -> str:
    url = f"{origin}{request.path.text}{f'?{request.query}' if request.query else ''}"
    # -g: braces and brackets mean themselves. With -X HEAD, curl would wait for a body.
    method = ["--head"] if request.method == "HEAD" else ["-i", "-X", request.method]
    as_is = ["--path-as-is"] if "/." in request.path.text else []
    parts = ["curl", "-g", *as_is, *method, url, *_headers(request.headers, with_body=bool(request.body))]
    if not request.body:
        return shlex.join(parts)
    text = _as_text(request.body)
    if text is not None:
        return shlex.join([*parts, "--data-raw", text])
    return f"{_printed(request.body)} | {shlex.join([*parts, '--data-binary', '@-'])}"


def _headers(headers: Iterable[tuple[str, str]], *, with_body: bool) -> Iterator[str]:
    sent = [(name, value) for name, value in headers if name.lower() not in _LEFT_OUT]
    names = {name.lower() for name, _ in sent}
    for name, value in sent:
        yield from ("-H", f"{name}: {value}" if value else f"{name};")  # `name:` would leave it out
    for name in (*_CURLS_OWN, *(["content-type"] if with_body else [])):
        if name not in names:
            yield from ("-H", f"{name}:")
    if "accept-encoding" in names:
        yield "--compressed"  # so that the answer can be read


def _printed(content: bytes) -> str:
    """A command that prints these bytes; words of a shell hold neither NUL nor what a terminal takes for a key."""
    text = _as_text(content)
    if text is not None:
        return f"printf %s {shlex.quote(text)}"
    return f"printf %s {base64.b64encode(content).decode()} | base64 -d"


def _as_text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except ValueError:
        return None
    return text if all(sign == "\n" or sign.isprintable() for sign in text) else None
