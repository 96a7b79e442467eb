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
from samlet.runtime.answers import LARGEST_RESPONSE, AnswerStream, WholeAnswer
from samlet.runtime.answers import failure as failure  # what most failures are told with
from samlet.runtime.extensions import PREFIX, TELEMETRY, Extensions

_RUNTIME = "/2018-06-01/runtime"
_NEXT = f"{_RUNTIME}/invocation/next"
_INVOCATION = f"{_RUNTIME}/invocation/"
_MODE = b"lambda-runtime-function-response-mode"
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


class RuntimeApi:
    """The state of one runtime between `next` and its answer, served on a free port of 127.0.0.1."""

    def __init__(self, extensions: Extensions) -> None:
        self.extensions = extensions
        extensions.when_ready = self._extensions_ready
        self._server = HttpServer(self._handle, _refuse, _LIMITS, open_body=self._open)
        self._poll: Later | None = None  # the call for the next event
        self._event: Event | None = None
        self._stream: AnswerStream | None = None  # of who wants the answer while it is made
        self._incoming: tuple[RawRequest, WholeAnswer] | None = None  # the answer that comes in parts
        self._reply: asyncio.Future[Reply | None] | None = None
        self.idle = asyncio.Event()
        self.settled = asyncio.get_running_loop().create_future()
        self.init_error: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def start(self) -> str:
        """Listen; returns `host:port`."""
        host, port = await self._server.listen()
        return f"{host}:{port}"

    async def channel(self) -> socket.socket:
        """A connection for a process of ours: it needs no port, and its messages don't pass the kernel's network."""
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

    def hand_over(self, event: Event, stream: AnswerStream | None = None) -> asyncio.Future[Reply | None]:
        """Give an event to the runtime, which waits in `next`; the answer is None if the caller gives up on it.

        With a `stream` the answer goes there while it comes, and what is returned holds the first part of it.
        """
        if self._poll is None or self._poll.given:
            raise RuntimeError("the runtime is not waiting for an event")
        loop = asyncio.get_running_loop()
        self.idle.clear()
        self.settled = loop.create_future()
        self._event, self._stream, self._incoming = event, stream, None
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
            if not self._cut:
                return _refusal(403, "InvalidStateTransition", "Transition from Running to Ready is not allowed")
            text = "The function's response ended before its end"
            self._reply.set_result(Reply(failure("Runtime.TruncatedResponse", text), failed=True))
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

    @property
    def _cut(self) -> bool:
        """Whether the runtime has broken off an answer that it sent in parts."""
        return self._incoming is not None and self._incoming[1].is_cut

    def _open(self, request: RawRequest) -> WholeAnswer | None:
        """Take an answer that comes in parts; any other body is kept, and refused when it is there."""
        request_id, _, call = request.target.partition("?")[0].removeprefix(_INVOCATION).partition("/")
        refused = self._refusal_of(request, request_id)
        if refused or request.method != "POST" or call != "response" or self._incoming is not None:
            return None
        answer = self._stream or WholeAnswer()
        self._incoming = request, answer
        if self._stream is not None:
            self._stream.begin(request.header(b"content-type"))
        return answer

    def _refusal_of(self, request: RawRequest, request_id: str) -> HttpResponse | None:
        """Why no answer is taken from this request just now."""
        if self._event is None or request_id != self._event.request_id:
            return _refusal(400, "InvalidRequestID", "Invalid request ID")
        nonce = request.header(b"lambda-runtime-invocation-id")
        if nonce is not None and nonce != self._event.nonce:
            return _refusal(410, "InvokeTimeout", "Invoke timeout")
        if self._reply is None or self._reply.done():
            return _refusal(403, "InvalidStateTransition", "Transition from Ready to Ready is not allowed")
        mode = request.header(_MODE)
        if mode not in (None, "streaming"):
            return _refusal(400, "InvalidFunctionResponseMode", f"Invalid response mode: {mode}")
        return None

    def _answer(self, request: RawRequest, request_id: str, *, failed: bool) -> HttpResponse:
        refused = self._refusal_of(request, request_id)
        if refused or self._reply is None:
            request.keep_alive = False  # what was sent behind it is dropped: a process that ends now gets no event
            return refused or _refusal(403, "InvalidStateTransition", "There is no event under way")
        if self._incoming is not None:
            return self._answer_in_parts(self._reply, request, *self._incoming, failed=failed)
        if request.body is None:
            return _too_large(self._reply, LARGEST_RESPONSE)
        if self._stream is not None and not failed:
            self._stream.begin(request.header(b"content-type"))
            self._stream.take(request.body)
        self._reply.set_result(Reply(request.body, failed=failed))
        return _ACCEPTED

    def _answer_in_parts(
        self,
        reply: asyncio.Future[Reply | None],
        request: RawRequest,
        posted: RawRequest,
        answer: WholeAnswer,
        *,
        failed: bool,
    ) -> HttpResponse:
        """The end of an answer that came in parts, or what comes beside it."""
        if request is not posted:
            if not (failed and answer.is_cut):
                return _refusal(403, "InvalidStateTransition", "Another response is under way")
            reply.set_result(Reply(request.body or b"", failed=True))
        elif request.body is None:
            return _too_large(reply, answer.room)
        else:
            error = answer.error
            reply.set_result(Reply(answer.kept if error is None else error, failed=error is not None))
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


def _refuse(status: int, words: str) -> HttpResponse:
    return _refusal(status, "InvalidRequest", words)


def _too_large(reply: asyncio.Future[Reply | None], limit: int) -> HttpResponse:
    text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    reply.set_result(Reply(failure("Function.ResponseSizeTooLarge", text), failed=True))
    return _refusal(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({limit} bytes).")
