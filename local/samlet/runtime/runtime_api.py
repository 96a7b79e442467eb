"""The Lambda Runtime API of one sandbox: the listener that a function's runtime asks for events.

One listener a sandbox, since a runtime client is told no more than `host:port`.
"""

import asyncio
import dataclasses
import json
import math
import socket
from dataclasses import dataclass

from samlet.http_protocol import Answer, HttpServer, Later
from samlet.http_request import Limits, RawRequest
from samlet.http_response import HttpResponse
from samlet.runtime.extensions import PREFIX, TELEMETRY, Extensions

LARGEST_RESPONSE = 6 * 1024 * 1024 + 100
LARGEST_STREAM = 200 * 1024 * 1024
_RUNTIME = "/2018-06-01/runtime"
_NEXT = f"{_RUNTIME}/invocation/next"
_INVOCATION = f"{_RUNTIME}/invocation/"
_STREAMING = b"lambda-runtime-function-response-mode"
_LARGEST_HEAD = 2 * 1024 * 1024  # clients send up to 1 MB of a failure's trace in a header, for X-Ray
# A function may think for as long as it likes, and who speaks here is our own child.
_LIMITS = Limits(_LARGEST_HEAD, LARGEST_RESPONSE, head_seconds=math.inf, idle_seconds=math.inf, stall_seconds=math.inf)


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

    def headers(self) -> list[tuple[str, str]]:
        """The headers of `next`; what is empty is left out."""
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", self.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(self.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self.arn),
            ("Lambda-Runtime-Trace-Id", self.trace_id),
            ("Lambda-Runtime-Client-Context", self.client_context),
            ("Lambda-Runtime-Invocation-Id", self.nonce),
        ]
        return [(name, value) for name, value in headers if value]


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
        extensions.when_ready = self._extensions_ready
        self._server = HttpServer(self._handle, _refuse, _LIMITS, body_limit=_body_limit)
        self._poll: Later | None = None  # the call for the next event
        self._event: Event | None = None
        self._reply: asyncio.Future[Reply | None] | None = None
        self.idle = asyncio.Event()
        self.settled = asyncio.get_running_loop().create_future()
        self.init_error: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def start(self) -> str:
        """Listen; returns `host:port`."""
        host, port = await self._server.listen()
        return f"{host}:{port}"

    async def channel(self) -> socket.socket:
        """A connection for a process of ours: it needs no port, and each message on it costs a third of one by TCP."""
        ours, theirs = socket.socketpair()
        await self._server.serve(ours)
        return theirs

    async def stop(self) -> None:
        """Stop listening and drop whoever waits."""
        self.extensions.close()
        await self._server.close()

    @property
    def asked(self) -> bool:
        """Whether the runtime has ever asked for an event, which ends the registration of extensions."""
        return self._poll is not None

    def hand_over(self, event: Event) -> asyncio.Future[Reply | None]:
        """Give an event to the runtime, which waits in `next`; the answer is None if the caller gives up on it."""
        if self._poll is None or self._poll.given:
            raise RuntimeError("the runtime is not waiting for an event")
        loop = asyncio.get_running_loop()
        self.idle.clear()
        self.settled = loop.create_future()
        self._event = event
        self._reply = loop.create_future()
        self._poll.give(HttpResponse(200, event.headers(), event.payload))
        self.extensions.invoked(event.request_id, event.deadline_ms, event.arn, event.trace_id)
        return self._reply

    def release(self) -> None:
        """Have whoever waits for the runtime to ask for its next event wait no more."""
        if not self.settled.done():
            self.settled.set_result(None)

    def _handle(self, request: RawRequest) -> Answer:
        path, method = request.target.partition("?")[0], request.method
        if path == _NEXT and method == "GET":
            return self._next()
        if path.startswith(_INVOCATION) and method == "POST":
            request_id, _, call = path.removeprefix(_INVOCATION).partition("/")
            if call in {"response", "error"}:
                return self._answer(request, request_id, failed=call == "error")
        if path == f"{_RUNTIME}/init/error" and method == "POST":
            return self._init_error(request)
        if path.startswith(PREFIX) or path in TELEMETRY:
            return self._extend(path, request)
        return _refusal(404, "NotFound", f"{method} {path} is no call of the Runtime API")

    async def _extend(self, path: str, request: RawRequest) -> HttpResponse:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        answer = await self.extensions.handle(
            request.method, path, headers, request.body or b"", initialising=not self.asked
        )
        return HttpResponse(answer.status, [_JSON, *answer.headers.items()], answer.body)

    def _next(self) -> Answer:
        if self._reply is not None and not self._reply.done():
            return _refusal(403, "InvalidStateTransition", "Transition from Running to Ready is not allowed")
        before, poll = self._poll, Later()
        self._poll = poll
        if not self.extensions.pending:
            self.idle.set()
            self.release()
        if before and not before.given:  # a second call means that the first one's connection is gone
            # Once it is refused, a call that was sent behind it on its connection is here at once.
            before.give(_refusal(403, "InvalidStateTransition", "Another call for the next event took over"))
        return poll

    def _extensions_ready(self) -> None:
        """The last extension has asked for its next event; the sandbox is free if the runtime has as well."""
        if self._poll and not self._poll.given:
            self.idle.set()
            self.release()

    def _answer(self, request: RawRequest, request_id: str, *, failed: bool) -> HttpResponse:
        if self._event is None or request_id != self._event.request_id:
            return _refuse_answer(request, 400, "InvalidRequestID", "Invalid request ID")
        nonce = request.header(b"lambda-runtime-invocation-id")
        if nonce is not None and nonce != self._event.nonce:
            return _refuse_answer(request, 410, "InvokeTimeout", "Invoke timeout")
        if self._reply is None or self._reply.done():
            return _refuse_answer(
                request, 403, "InvalidStateTransition", "Transition from Ready to Ready is not allowed"
            )
        mode = request.header(_STREAMING)
        if mode not in (None, "streaming"):
            return _refuse_answer(request, 400, "InvalidFunctionResponseMode", f"Invalid response mode: {mode}")
        if request.body is None:
            limit = _body_limit(request)
            text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
            self._reply.set_result(Reply(failure("Function.ResponseSizeTooLarge", text), failed=True))
            return _refuse_answer(
                request, 413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({limit} bytes)."
            )
        self._reply.set_result(Reply(request.body, failed=failed))
        return _ACCEPTED

    def _init_error(self, request: RawRequest) -> HttpResponse:
        if self.asked or self.init_error.done():
            return _refusal(403, "InvalidStateTransition", "Transition from Ready to InitError is not allowed")
        self.init_error.set_result(request.body or b"{}")
        return _ACCEPTED


_JSON = ("Content-Type", "application/json")


def _json_answer(status: int, content: object) -> HttpResponse:
    return HttpResponse(status, [_JSON], json.dumps(content).encode())


# Samlet's client for Python asks for its next event in the same breath; to be told so twice would wake it twice.
_ACCEPTED = dataclasses.replace(_json_answer(202, {"status": "OK"}), may_wait=True)


def _refusal(status: int, error_type: str, message: str) -> HttpResponse:
    """Return an error in the Runtime API's words."""
    return _json_answer(status, {"errorMessage": message, "errorType": error_type})


def _refuse_answer(request: RawRequest, status: int, error_type: str, message: str) -> HttpResponse:
    """Refuse an answer, and whatever its client sent behind it: a process that ends now must be given no event."""
    request.keep_alive = False
    return _refusal(status, error_type, message)


def _refuse(status: int, words: str) -> HttpResponse:
    return _refusal(status, "InvalidRequest", words)


def _body_limit(request: RawRequest) -> int:
    return LARGEST_RESPONSE if request.header(_STREAMING) is None else LARGEST_STREAM
