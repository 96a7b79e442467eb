"""HTTP request to event: payload format 2.0 of API Gateway's HTTP APIs."""

import base64
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from samlet.sources.routes import Match

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/javascript"})
_encode = msgspec.json.Encoder().encode
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came off the wire; `headers` in order, `query` still encoded, `segments` decoded."""

    method: str
    segments: tuple[str, ...]
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"
    raw_path: str = ""  # as it came; signatures are made of it


@dataclass(frozen=True, slots=True)
class Gateway:
    """What every event of one gateway has in common."""

    api_id: str
    account: str
    stage: str
    region: str = ""
    stage_variables: Mapping[str, str] = field(default_factory=dict)


def build_event(
    request: HttpRequest,
    match: Match,
    gateway: Gateway,
    request_id: str,
    now: float,
    authorizer: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the event as JSON; `now` is epoch seconds, `authorizer` stands in its context."""
    headers, cookies = _headers(request)
    path = "/" + "/".join(request.segments)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": _context(request, match, gateway, request_id, now, headers, path),
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if request.query and (parameters := _query(request.query)):
        event["queryStringParameters"] = parameters
    if match.parameters:
        event["pathParameters"] = match.parameters
    if gateway.stage_variables:
        event["stageVariables"] = gateway.stage_variables
    if authorizer is not None:
        event["requestContext"]["authorizer"] = authorizer
    if request.body:
        event["body"], event["isBase64Encoded"] = body_of(request.body, headers.get("content-type", ""))
    return to_json(event)


def to_json(event: Mapping[str, Any]) -> bytes:
    """Return an event as functions get it."""
    return _encode(event)


def context_variables(
    request: HttpRequest, route_key: str, gateway: Gateway, request_id: str, now: float
) -> dict[str, str]:
    """Return what identity sources and access logs name, such as `$context.routeKey`."""
    headers = dict(request.headers)
    domain = domain_of(headers.get("host", "localhost"))
    return {
        "accountId": gateway.account,
        "apiId": gateway.api_id,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "httpMethod": request.method,
        "identity.sourceIp": request.source_ip,
        "identity.userAgent": headers.get("user-agent", ""),
        "path": "/" + "/".join(request.segments),
        "protocol": request.protocol,
        "requestId": request_id,
        "requestTime": common_log_time(now),
        "requestTimeEpoch": str(int(now * 1000)),
        "routeKey": route_key,
        "stage": gateway.stage,
    }


def decode_path(raw: str) -> tuple[str, ...]:
    """Return the decoded segments of an encoded path; UnicodeError where it is not UTF-8."""
    segments = raw.removeprefix("/").split("/")
    if "%" not in raw and raw.isascii():
        return tuple(segments)
    return tuple(unquote_to_bytes(segment.encode("utf-8", "surrogateescape")).decode() for segment in segments)


def decode_headers(raw: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return headers as text with lower-case names; a value that is not UTF-8 is read as Latin-1."""
    return tuple((name.decode("latin-1").lower(), _text(value)) for name, value in raw)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _headers(request: HttpRequest) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        elif name not in HOP_BY_HOP:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers | forwarded(headers, request), cookies


def forwarded(headers: Mapping[str, str], request: HttpRequest) -> dict[str, str]:
    """Return the headers that tell of whom the request came from; a client's own address is added to what it says."""
    seen = headers.get("x-forwarded-for")
    return {
        "x-forwarded-for": f"{seen}, {request.source_ip}" if seen else request.source_ip,
        "x-forwarded-proto": headers.get("x-forwarded-proto", "http"),
        "x-forwarded-port": headers.get("x-forwarded-port", _port(headers.get("host", ""))),
    }


def _port(host: str) -> str:
    port = host.rpartition(":")[2]
    return port if port.isdigit() else "80"


def _query(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def body_of(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return a body as the event carries it, and whether that is base64."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _TEXT_TYPES or kind.startswith("text/") or kind.endswith(("+json", "+xml")):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # not what its type says; base64 carries it whole
    return base64.b64encode(body).decode(), True


def _context(
    request: HttpRequest,
    match: Match,
    gateway: Gateway,
    request_id: str,
    now: float,
    headers: Mapping[str, str],
    path: str,
) -> dict[str, Any]:
    domain = domain_of(headers.get("host", "localhost"))
    return {
        "accountId": gateway.account,
        "apiId": gateway.api_id,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": match.route.key,
        "stage": gateway.stage,
        "time": common_log_time(now),
        "timeEpoch": int(now * 1000),
    }


def domain_of(host: str) -> str:
    """Return the name in a `Host` header, without its port."""
    domain = host.rpartition("@")[2]
    return domain if domain.endswith("]") else domain.partition(":")[0] or domain


def common_log_time(now: float) -> str:
    """Return epoch seconds as `12/Mar/2020:19:03:58 +0000`."""
    return _common_log_time(int(now))


@lru_cache(maxsize=8)
def _common_log_time(second: int) -> str:
    at = time.gmtime(second)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}:{clock} +0000"
