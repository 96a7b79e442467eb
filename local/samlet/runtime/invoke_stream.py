"""How the Invoke API answers `InvokeWithResponseStream`: the parts of an answer as events, and at last how it ended."""

import base64
import contextlib
import json

from aiohttp import web

from samlet.http_parts import BrokenOff
from samlet.runtime.answers import AnswerStream
from samlet.runtime.event_stream import CONTENT_TYPE, message
from samlet.runtime.outcome import Outcome

_CLIENT_GONE = (ConnectionError, RuntimeError)


async def answer_in_events(
    request: web.Request, stream: AnswerStream, version: str, *, tail: bool
) -> web.StreamResponse:
    """Send the events of one invocation. Raises what `invoke` raises where there is no function, or none free."""
    try:
        if not await stream.begun():
            await stream.outcome
        response = web.StreamResponse(
            headers={
                "Content-Type": CONTENT_TYPE,
                "X-Amz-Executed-Version": version,
                "x-amzn-RequestId": stream.request_id,
            }
        )
        await response.prepare(request)
        with contextlib.suppress(*_CLIENT_GONE):
            await _send_parts(response, stream)
            await response.write(_complete(await stream.outcome, tail=tail))
            await response.write_eof()
        return response
    finally:
        stream.drop()


async def _send_parts(response: web.StreamResponse, stream: AnswerStream) -> None:
    with contextlib.suppress(BrokenOff):
        while part := await stream.read():
            await response.write(message("PayloadChunk", "application/octet-stream", part))


def _complete(outcome: Outcome, *, tail: bool) -> bytes:
    """The last event; a function that failed is told here, also if it was in the middle of its answer."""
    told = {}
    if outcome.function_error:
        told = {"ErrorCode": outcome.function_error, "ErrorDetails": outcome.payload.decode(errors="replace")}
    if tail:
        told["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return message("InvokeComplete", "application/json", json.dumps(told).encode())
