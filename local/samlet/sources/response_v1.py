"""Function answer to HTTP response: payload format 1.0, of which nothing is inferred."""

import json
from typing import Any

from samlet.errors import MalformedResponse
from samlet.sources.response_v2 import DROPPED, HttpResponse, body_bytes, header, status_of


def read_response_v1(payload: bytes) -> HttpResponse:
    """Return the response that a function's answer means; raises MalformedResponse."""
    try:
        answer = json.loads(payload)
    except ValueError as error:
        raise MalformedResponse("the answer is no JSON") from error
    if not isinstance(answer, dict) or "statusCode" not in answer:
        raise MalformedResponse("the answer has no statusCode, which payload format 1.0 asks for")
    headers = [each for each in _headers(answer) if each[0] not in DROPPED]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    return HttpResponse(status_of(answer["statusCode"]), headers, body_bytes(answer))


def _headers(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Both kinds of headers; what stands in both with the same value counts once."""
    single, multiple = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(multiple, dict):
        raise MalformedResponse("headers and multiValueHeaders must be objects")
    if not all(isinstance(values, list) for values in multiple.values()):
        raise MalformedResponse("each of multiValueHeaders must be an array")
    found = [header(name, value) for name, values in multiple.items() for value in values]
    return found + [pair for pair in (header(name, value) for name, value in single.items()) if pair not in found]
