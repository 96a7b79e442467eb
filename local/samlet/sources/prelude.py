"""How a streamed answer begins behind a function URL: with a prelude of status, headers and cookies, or without one."""

import json

from samlet.errors import MalformedResponse
from samlet.http_response import HttpResponse
from samlet.runtime.answers import AnswerStream
from samlet.sources.response_v2 import headers_of, status_of

WITH_PRELUDE = "application/vnd.awslambda.http-integration-response"
_END = bytes(8)
_LARGEST = 64 * 1024
_OF_A_PRELUDE = ("content-type", "application/json")
_OF_A_RUNTIME = ("content-type", "application/octet-stream")


async def read_opening(stream: AnswerStream) -> tuple[HttpResponse, bytes]:
    """Read so much of an answer that its head is known; returns the head, and what has been read of its body.

    Raises MalformedResponse, and BrokenOff where the function failed before there was a byte of its body.
    """
    kind = (stream.content_type or "").partition(";")[0].strip().lower()
    read = await stream.read()
    if kind != WITH_PRELUDE:
        given = ("content-type", stream.content_type) if stream.content_type else _OF_A_RUNTIME
        return HttpResponse(200, [given]), read
    begun = read
    while (end := begun.find(_END)) < 0:
        if not read or len(begun) > _LARGEST:
            raise MalformedResponse("the prelude of the answer is not ended by eight NUL bytes")
        read = await stream.read()
        begun += read
    return head_of_prelude(begun[:end]), begun[end + len(_END) :]


def head_of_prelude(prelude: bytes) -> HttpResponse:
    """Return status and headers that a prelude means; raises MalformedResponse."""
    try:
        told = json.loads(prelude)
    except ValueError as error:
        raise MalformedResponse("the prelude of the answer is no JSON") from error
    if not isinstance(told, dict):
        raise MalformedResponse("the prelude of the answer is no object")
    headers = headers_of(told)
    if not any(name == "content-type" for name, _ in headers):
        headers.append(_OF_A_PRELUDE)
    return HttpResponse(status_of(told.get("statusCode", 200)), headers)
