"""The Lambda Runtime API of one sandbox: the listener that a function's runtime asks for events.

One listener a sandbox, since a runtime client is told no more than `host:port`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from samlet.runtime.extensions import Extensions

LARGEST_RESPONSE = 6 * 1024 * 1024 + 100
LARGEST_STREAM = 200 * 1024 * 1024
_RUNTIME = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class Event:
    """One event on its way into a sandbox; `nonce` changes with every attempt, `request_id` does not."""

    request_id: str
    payload: bytes
    arn: str
    deadline_ms: int
    nonce: str
    trace_id: str | None = None
    client_context: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers of `next`; what is empty is left out."""
        headers = {
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
            "Lambda-Runtime-Client-Context": self.client_context,
            "Lambda-Runtime-Invocation-Id": self.nonce,
        }
        return {name: value for name, value in headers.items() if value}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the runtime posted for an event."""

    payload: bytes
    failed: bool = False


def failure(error_type: str, message: str) -> bytes:
    """The JSON that stands for a failed invocation."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


class RuntimeApi:
    """The state of one runtime between `next` and its answer, served on a free port of 127.0.0.1."""

    def __init__(self, extensions: Extensions) -> None:
        self.extensions = extensions
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._poll: asyncio.Future[Event] | None = None
        self._event: Event | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self.idle = asyncio.Event()
        self.init_error: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def start(self) -> str:
        """Listen; returns `host:port`."""
        self._server = web.Server(self._handle, access_log=None)
        self._listener = await asyncio.get_running_loop().create_server(self._server, "127.0.0.1", 0)
        host, port = self._listener.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Stop listening and drop whoever waits."""
        if self._poll:
            self._poll.cancel()
        self.extensions.close()
        if self._listener and self._server:
            self._listener.close()
            await self._server.shutdown(0)

    def hand_over(self, event: Event) -> asyncio.Future[Reply]:
        """Give an event to the runtime, which waits in `next`; the future is its answer."""
        if self._poll is None or self._poll.done():
            raise RuntimeError("the runtime is not waiting for an event")
        self.idle.clear()
        self._event = event
        self._reply = asyncio.get_running_loop().create_future()
        self._poll.set_result(event)
        self.extensions.invoked(event.request_id, event.deadline_ms, event.arn)
        return self._reply

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        route = _ROUTES.get((request.method, request.path))
        if route:
            return await route(self, request)
        if request.path.startswith("/2020-01-01/extension/"):
            return await self.extensions.handle(request)
        parts = request.path.removeprefix(_RUNTIME).split("/")
        if request.method == "POST" and len(parts) == 4 and parts[1] == "invocation":
            if parts[3] == "response":
                return await self._answer(request, parts[2], failed=False)
            if parts[3] == "error":
                return await self._answer(request, parts[2], failed=True)
        return _refusal(404, "NotFound", f"{request.method} {request.path} is no call of the Runtime API")

    async def _next(self, _request: web.BaseRequest) -> web.Response:
        if self._reply is not None and not self._reply.done():
            return _refusal(403, "InvalidStateTransition", "Transition from Running to Ready is not allowed")
        if self._poll and not self._poll.done():
            self._poll.cancel()  # a second call means that the first one's connection is gone
        poll = self._poll = asyncio.get_running_loop().create_future()
        self.idle.set()
        try:
            event = await poll
        except asyncio.CancelledError:
            if not poll.cancelled():
                raise
            return _refusal(403, "InvalidStateTransition", "Another call for the next event took over")
        return web.Response(body=event.payload, headers=event.headers(), content_type="application/json")

    async def _answer(self, request: web.BaseRequest, request_id: str, *, failed: bool) -> web.Response:
        if self._event is None or request_id != self._event.request_id:
            return _refusal(400, "InvalidRequestID", "Invalid request ID")
        if request.headers.get("Lambda-Runtime-Invocation-Id", self._event.nonce) != self._event.nonce:
            return _refusal(410, "InvokeTimeout", "Invoke timeout")
        if self._reply is None or self._reply.done():
            return _refusal(403, "InvalidStateTransition", "Transition from Ready to Ready is not allowed")
        mode = request.headers.get("Lambda-Runtime-Function-Response-Mode")
        if mode not in (None, "streaming"):
            return _refusal(400, "InvalidFunctionResponseMode", f"Invalid response mode: {mode}")
        limit = LARGEST_STREAM if mode else LARGEST_RESPONSE
        reply = self._reply
        body = await _read(request, limit)
        if reply.done():
            return _refusal(410, "InvokeTimeout", "Invoke timeout")
        if body is None:
            text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            reply.set_result(Reply(failure("Function.ResponseSizeTooLarge", text), failed=True))
            return _refusal(413, "RequestEntityTooLarge", text)
        reply.set_result(Reply(body, failed=failed))
        return _accepted()

    async def _init_error(self, request: web.BaseRequest) -> web.Response:
        body = await _read(request, LARGEST_RESPONSE)
        if self.idle.is_set() or self._event is not None or self.init_error.done():
            return _refusal(403, "InvalidStateTransition", "Transition from Ready to InitError is not allowed")
        self.init_error.set_result(body or b"{}")
        return _accepted()


_ROUTES: dict[tuple[str, str], Callable[[RuntimeApi, web.BaseRequest], Awaitable[web.Response]]] = {
    ("GET", f"{_RUNTIME}/invocation/next"): RuntimeApi._next,
    ("POST", f"{_RUNTIME}/init/error"): RuntimeApi._init_error,
}


async def _read(request: web.BaseRequest, limit: int) -> bytes | None:
    """The whole body, or None once it is larger than allowed; the rest is read, so that the answer gets through."""
    body = bytearray()
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size <= limit:
            body += chunk
    return bytes(body) if size <= limit else None


def _accepted() -> web.Response:
    return web.json_response({"status": "OK"}, status=202)


def _refusal(status: int, error_type: str, message: str) -> web.Response:
    return web.json_response({"errorMessage": message, "errorType": error_type}, status=status)
