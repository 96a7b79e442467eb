"""What the HTTP functions share: the application, its outermost layer, and the way in from Lambda."""

import asyncio
import atexit
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from mangum import Mangum
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from taskflow import traces
from taskflow.bodies import MAX_BYTES, check_body
from taskflow.outage import DatabaseUnavailable
from taskflow.problems import MEDIA_TYPE, BodyTooLarge, Problem, Unexpected, answer, problem_of

_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


def make_app(title: str, log: Logger) -> FastAPI:
    """An application without routes: errors are problems, bodies are checked, headers are set."""
    # FastAPI's own pages would load scripts from elsewhere; `meta` serves the documents.
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for kind in (Problem, RequestValidationError, HTTPException, DatabaseUnavailable):
        app.add_exception_handler(kind, _as_problem)
    app.add_middleware(Envelope, log=log)
    return app


def entry_point(app: FastAPI, log: Logger) -> Callable[[dict[str, Any], Any], Any]:
    """The function that Lambda calls."""
    # Mangum runs on the thread's current event loop, and since Python 3.12 there is none unless somebody sets it.
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    asyncio.set_event_loop(loop)
    adapter = Mangum(app, lifespan="off", text_mime_types=["text/", "application/json", MEDIA_TYPE])

    @traces.traced(log.service)
    @log.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: Any) -> Any:
        asyncio.set_event_loop(loop)
        return adapter(event, context)

    return handler


async def _as_problem(request: Request, error: Exception) -> Response:
    return answer(problem_of(error), request.state.request_id)


class Envelope:
    """Around each request: ids, a checked body, headers, one line in the log, and a 500 for what nobody foresaw."""

    def __init__(self, app: ASGIApp, log: Logger) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = getattr(scope.get("aws.context"), "aws_request_id", None) or str(uuid4())
        parent = traces.from_outside(Headers(scope=scope).get("traceparent"))
        known = {"http.request.method": _method(scope), "faas.invocation_id": state["request_id"]}
        with traces.span("HTTP", "server", parent=parent, attributes=known) as span:
            state["traceparent"] = span.traceparent or traces.new_traceparent()
            status = await self._answer(scope, receive, send)
            _describe(span, scope, status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        state = scope["state"]
        self._log.append_keys(request_id=state["request_id"], correlation_id=traces.trace_id(state["traceparent"]))
        reply = _Reply(send, state["request_id"])
        started = time.perf_counter()
        try:
            body = await _whole_body(receive)
            check_body(body, Headers(scope=scope).get("content-type", ""))
            await self._app(scope, _replay(body), reply)
        except Exception as error:  # noqa: BLE001 - the last one that can answer
            problem = problem_of(error)
            if isinstance(problem, Unexpected):
                self._log.exception("unexpected error")
            await answer(problem, state["request_id"])(scope, receive, reply)
        self._log.info(
            "request",
            method=scope["method"],
            route=_route(scope),
            status=reply.status,
            duration_ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return reply.status


def _describe(span: traces.Span, scope: Scope, status: int) -> None:
    """By its route and never by its path, which may hold whatever somebody typed."""
    span.note({"http.response.status_code": status})
    route = _route(scope)
    if route is not None:
        span.rename(f"{_method(scope)} {route}")
        span.note({"http.route": route})
    if status >= 500:
        span.fail(str(status))


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"


def _route(scope: Scope) -> str | None:
    return getattr(scope.get("route"), "path", None)


class _Reply:
    """Sends on, with the headers that every answer has; a route's own value of one of them stands."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


async def _whole_body(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BYTES:
            raise BodyTooLarge
    return bytes(body)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
