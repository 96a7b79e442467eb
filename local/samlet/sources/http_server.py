"""The HTTP side of the gateway: limits, bodies and malformed requests, so that the gateway sees only sound ones."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from samlet.errors import RequestTooLarge
from samlet.sources.response_v2 import HttpResponse, error_response

HEAD_LIMIT = 10_240  # bytes of request line and headers together
BODY_LIMIT = 10 * 1024 * 1024

_PARSER_LIMIT = 64 * 1024  # above ours, so that it is us who refuse


def serve(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> web.ServerRunner:
    """Return a runner that passes every well-formed request to `handler`, bodies left as they came."""
    return web.ServerRunner(_Server(handler), shutdown_timeout=1.0)


def refuse_head(request: web.BaseRequest) -> HttpResponse | None:
    """Return the error for a request line or headers over the limit, or None."""
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1 \r\n")
    if line > HEAD_LIMIT:
        return error_response(414, "Request-URI Too Long")
    headers = sum(len(name) + len(value) + 4 for name, value in request.raw_headers)
    return error_response(431, "Request Header Fields Too Large") if line + headers > HEAD_LIMIT else None


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the whole body; raises RequestTooLarge as soon as that is known."""
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > BODY_LIMIT:
        raise RequestTooLarge
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise RequestTooLarge
    return bytes(body)


def to_wire(response: HttpResponse) -> web.Response:
    """Return the response in aiohttp's terms."""
    wire = web.Response(status=response.status, body=response.body)
    wire.headers.popall("Content-Type", None)
    for name, value in response.headers:
        wire.headers.add(name, value)
    return wire


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(
            self,
            loop=self._loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for "no log", its annotation does not
            auto_decompress=False,
            max_line_size=_PARSER_LIMIT,
            max_field_size=_PARSER_LIMIT,
            max_headers=4_096,
            keepalive_timeout=75.0,
            lingering_time=2.0,
        )


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Answer what cannot be parsed, and what went wrong in the gateway itself, in API Gateway's words."""
        response = to_wire(_parse_error(status, exc))
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Say nothing: a client that breaks off is no news, and our own errors are logged where they happen."""


def _parse_error(status: int, exc: BaseException | None) -> HttpResponse:
    if isinstance(exc, LineTooLong):
        return error_response(431, "Request Header Fields Too Large")
    if status == 400:
        return error_response(400, "Bad Request")
    return error_response(500, "Internal Server Error")
