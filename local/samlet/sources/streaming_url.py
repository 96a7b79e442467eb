"""A function URL whose `InvokeMode` is `RESPONSE_STREAM`: its answers go out while the function makes them."""

import time
from collections.abc import Callable
from typing import Any

from samlet.errors import MalformedResponse
from samlet.http_parts import BrokenOff, StreamedResponse
from samlet.http_request import RawRequest
from samlet.http_response import HttpResponse
from samlet.log import say
from samlet.model import HttpApi
from samlet.runtime.answers import AnswerStream
from samlet.sources.access_log import Visit
from samlet.sources.gateway import HttpGateway, response_of
from samlet.sources.invoker import StreamingInvoker
from samlet.sources.prelude import read_opening
from samlet.sources.response_v2 import error_response
from samlet.sources.routes import Match


class StreamingUrl(HttpGateway):
    """Serves such a URL; logs and counts an answer once it has ended."""

    def __init__(self, api: HttpApi, invoker: StreamingInvoker, **options: Any) -> None:
        super().__init__(api, invoker, **options)
        self._streams = invoker

    async def _run(self, match: Match, event: bytes, trace_id: str, request_id: str, visit: Visit) -> HttpResponse:
        started = time.perf_counter()
        function = match.route.function
        stream = self._streams.invoke_stream(function, event, trace_id=trace_id, request_id=request_id)
        try:
            return await self._begin(match, stream, visit)
        except BaseException:
            stream.drop()
            raise
        finally:
            visit.integration_latency = round((time.perf_counter() - started) * 1000)

    async def _begin(self, match: Match, stream: AnswerStream, visit: Visit) -> HttpResponse:
        try:
            if not await stream.begun():
                return response_of(match, stream.outcome, visit, self._read)
            head, body = await read_opening(stream)
        except BrokenOff:
            return response_of(match, stream.outcome, visit, self._read)
        except MalformedResponse as error:
            stream.drop()
            visit.integration_error = str(error)
            say("gateway", f"{match.route.function} answered what is no HTTP response: {error}", level="error")
            return error_response(502, "Internal Server Error")
        visit.integration_status, visit.function_status = 200, head.status
        return StreamedResponse(head.status, head.headers, parts=_Body(match.route.function, body, stream))

    def _tell(self, request: RawRequest, response: HttpResponse, request_id: str, visit: Visit, started: float) -> None:
        if isinstance(response, StreamedResponse) and isinstance(response.parts, _Body):
            tell = super()._tell
            response.parts.at_end = lambda: tell(request, response, request_id, visit, started)
        else:
            super()._tell(request, response, request_id, visit, started)


class _Body:
    """What comes after the prelude; `at_end` is called when it has ended, or nobody wants any more of it."""

    def __init__(self, function: str, begun: bytes, stream: AnswerStream) -> None:
        self.at_end: Callable[[], None] | None = None
        self._function = function
        self._begun = begun
        self._stream = stream

    async def read(self) -> bytes:
        """See `Parts.read`."""
        if self._begun:
            begun, self._begun = self._begun, b""
            return begun
        try:
            return await self._stream.read()
        except BrokenOff:
            text = f"the answer of {self._function} broke off after {self._stream.size} bytes: the connection is cut"
            say("gateway", text, level="error")
            raise

    def drop(self) -> None:
        """See `Parts.drop`."""
        self._stream.drop()
        at_end, self.at_end = self.at_end, None
        if at_end is not None:
            at_end()
