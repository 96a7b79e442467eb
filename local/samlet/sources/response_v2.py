"""Function answer to HTTP response: payload format 2.0, with everything that AWS infers."""

import base64
import binascii
import json
import re
from typing import Any

import msgspec

from samlet.errors import MalformedResponse
from samlet.http_response import HttpResponse as HttpResponse  # what the gateway's parts answer in
from samlet.sources.event_v2 import HOP_BY_HOP

DROPPED = HOP_BY_HOP | {"content-length"}
_decode = msgspec.json.Decoder().decode
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def read_response(payload: bytes, untyped: str = "text/plain; charset=utf-8") -> HttpResponse:
    """Return the response that a function's answer means; raises MalformedResponse.

    `untyped` is the content type of an answer with a status and no type.
    """
    try:
        answer = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return HttpResponse(200, [("content-type", "application/json")], payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        body = answer.encode("utf-8", "replace") if isinstance(answer, str) else payload
        return HttpResponse(200, [("content-type", "application/json")], body)
    headers = headers_of(answer)
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", untyped))
    return HttpResponse(status_of(answer["statusCode"]), headers, body_bytes(answer))


def error_response(status: int, message: str) -> HttpResponse:
    """Return one of the gateway's own errors."""
    body = json.dumps({"message": message}, separators=(",", ":")).encode()
    return HttpResponse(status, [("content-type", "application/json")], body)


def status_of(value: Any) -> int:
    """Return a status code, which may be a text; raises MalformedResponse."""
    status = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(status, float) and status.is_integer():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise MalformedResponse(f"statusCode is {value!r}")
    return status


def headers_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the headers and cookies of an answer; raises MalformedResponse."""
    given, cookies = answer.get("headers") or {}, answer.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise MalformedResponse("headers must be an object and cookies an array")
    headers = [header(name, value) for name, value in given.items()]
    headers += [header("set-cookie", cookie) for cookie in cookies]
    return [each for each in headers if each[0] not in DROPPED]


def header(name: str, value: Any) -> tuple[str, str]:
    """Return one header as it goes out; raises MalformedResponse."""
    if value is None:
        return name.lower(), ""
    if isinstance(value, (dict, list)) or not _TOKEN.fullmatch(name):
        raise MalformedResponse(f"header {name!r} is no header")
    text = value if isinstance(value, str) else json.dumps(value)
    if _UNSAFE.search(text):
        raise MalformedResponse(f"header {name!r} holds a control character")
    return name.lower(), text if text.isascii() else text.encode("utf-8", "replace").decode()


def body_bytes(answer: dict[str, Any]) -> bytes:
    """Return the body of an answer; raises MalformedResponse."""
    body = answer.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponse("body must be a string")
    if answer.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return _decoded_lines(body)


def _decoded_lines(body: str) -> bytes:
    """The same of base64 in lines, as MIME and Python's `encodebytes` write it; anything else is none."""
    try:
        return base64.b64decode(body.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedResponse("body is not base64") from error
