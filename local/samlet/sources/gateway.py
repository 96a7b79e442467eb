"""API Gateway's HTTP API on a local port: routes a request to its function and answers as AWS does."""

import asyncio
import base64
import os
import time
from collections.abc import Callable

from aiohttp import web

from samlet.errors import MalformedResponse, RequestTooLarge, SamletError, Throttled
from samlet.log import say
from samlet.model import HttpApi
from samlet.runtime.outcome import Outcome
from samlet.sources.cors import CorsPolicy
from samlet.sources.event_v2 import Gateway, HttpRequest, build_event, clean_query, decode_headers, decode_path
from samlet.sources.http_server import read_body, refuse_head, serve, to_wire
from samlet.sources.invoker import Invoker
from samlet.sources.response_v2 import HttpResponse, error_response, read_response
from samlet.sources.routes import Match, RouteTable

_PAYLOAD_LIMIT = 6 * 1024 * 1024  # what a function takes in one synchronous invocation
_CORS_PREFIX = "access-control-"
_ROUTE: web.RequestKey[str] = web.RequestKey("route", str)


class HttpGateway:
    """One HTTP API. `runner()` serves it; the functions are run by `invoker`.

    `answered` is told each answer's route (its key, or `none`), status and time in seconds.
    """

    def __init__(
        self,
        api: HttpApi,
        invoker: Invoker,
        *,
        account: str = "000000000000",
        answered: Callable[[str, int, float], None] = lambda _route, _status, _seconds: None,
    ) -> None:
        self._routes = RouteTable(api.routes)
        self._cors = CorsPolicy(api.cors) if api.cors else None
        self._common = Gateway(api.logical_id, account, api.stage)
        self._invoker = invoker
        self._answered = answered
        self._running: set[asyncio.Future[Outcome]] = set()

    def runner(self) -> web.ServerRunner:
        """Return the server, to be set up and given a `TCPSite`; needs a running event loop."""
        return serve(self.handle)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever happens, and log it."""
        started = time.perf_counter()
        request_id = base64.b64encode(os.urandom(11)).decode()
        try:
            response = await self._answer(request, request_id)
        except Exception as error:  # noqa: BLE001  # a gateway that breaks off tells a client nothing
            say("gateway", f"{type(error).__name__}: {error}", level="error")
            response = error_response(500, "Internal Server Error")
        response.headers.append(("apigw-requestid", request_id))
        seconds = time.perf_counter() - started
        _log(request, response.status, seconds * 1000)
        self._answered(request.get(_ROUTE, "none"), response.status, seconds)
        return to_wire(response)

    async def _answer(self, request: web.BaseRequest, request_id: str) -> HttpResponse:
        if refusal := refuse_head(request):
            return refusal
        origin = request.headers.get("Origin")
        if self._cors is None:
            return await self._route(request, request_id)
        if origin and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return HttpResponse(204, self._cors.preflight(origin))
        response = await self._route(request, request_id)
        kept = [header for header in response.headers if not header[0].startswith(_CORS_PREFIX)]
        return HttpResponse(response.status, kept + self._cors.answer(origin), response.body)

    async def _route(self, request: web.BaseRequest, request_id: str) -> HttpResponse:
        path, _, query = _target(request.raw_path)
        try:
            segments = decode_path(path)
        except UnicodeError:
            return error_response(400, "Bad Request")
        match = self._match(request.method, segments)
        if match is None:
            return error_response(404, "Not Found")
        request[_ROUTE] = match.route.key
        try:
            body = await read_body(request)
        except RequestTooLarge:
            return error_response(413, "Request Too Long")
        headers = decode_headers(request.raw_headers)
        source_ip, protocol = request.remote or "127.0.0.1", f"HTTP/{request.version.major}.{request.version.minor}"
        parsed = HttpRequest(request.method, segments, clean_query(query), headers, body, source_ip, protocol)
        event = build_event(parsed, match, self._common, request_id, time.time())
        if len(event) > _PAYLOAD_LIMIT:
            return error_response(413, "Request Too Long")
        return await self._run(match, event)

    def _match(self, method: str, segments: tuple[str, ...]) -> Match | None:
        if self._common.stage == "$default":
            return self._routes.find(method, segments)
        if segments[0] != self._common.stage:
            return None
        return self._routes.find(method, segments[1:] or ("",))

    async def _run(self, match: Match, event: bytes) -> HttpResponse:
        function = match.route.function
        invocation = asyncio.ensure_future(self._invoker.invoke(function, event))
        # Held here, and never cancelled: after the integration's time-out the function runs on.
        self._running.add(invocation)
        invocation.add_done_callback(self._finished)
        done, _ = await asyncio.wait({invocation}, timeout=match.route.timeout / 1000)
        if not done:
            say("gateway", f"{function} has not answered in {match.route.timeout} ms; it runs on", level="warning")
            return error_response(503, "Service Unavailable")
        return _response(function, invocation)

    def _finished(self, invocation: asyncio.Future[Outcome]) -> None:
        self._running.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()  # seen, so that asyncio does not complain of an answer nobody waits for


def _response(function: str, invocation: asyncio.Future[Outcome]) -> HttpResponse:
    failed = error_response(500, "Internal Server Error")
    try:
        outcome = invocation.result()
        return failed if outcome.function_error else read_response(outcome.payload)
    except Throttled:
        return error_response(429, "Too Many Requests")
    except asyncio.CancelledError:
        return error_response(503, "Service Unavailable")
    except MalformedResponse as error:
        say("gateway", f"{function} answered what is no HTTP response: {error}", level="error")
    except SamletError as error:
        say("gateway", f"{function}: {error}", level="error")
    return failed


def _target(raw: str) -> tuple[str, str, str]:
    """Split a request target into path, `?` and query; the absolute form that proxies send is one too."""
    if not raw.startswith("/") and "://" in raw:
        raw = "/" + raw.partition("://")[2].partition("/")[2]
    return raw.partition("#")[0].partition("?")


def _log(request: web.BaseRequest, status: int, milliseconds: float) -> None:
    path = request.raw_path.partition("?")[0].encode("ascii", "backslashreplace").decode()
    text = f"{request.method} {path[:200]} {status} {milliseconds:.0f} ms"
    say("gateway", text, level="error" if status >= 500 else "info")
