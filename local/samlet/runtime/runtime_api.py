"""The Lambda Runtime API of one sandbox: the listener that a function's runtime asks for events.

One listener a sandbox, since a runtime client is told no more than `host:port`.
"""

import asyncio
import json
import math
import socket
from typing import override

from samlet.http_protocol import Answer, HttpServer, Later
from samlet.http_request import Limits, RawRequest
from samlet.http_response import HttpResponse
from samlet.runtime.answers import LARGEST_RESPONSE, AnswerStream, WholeAnswer
from samlet.runtime.answers import failure as failure  # what most failures are told with
from samlet.runtime.channel import Channel
from samlet.runtime.extensions import PREFIX, TELEMETRY, Extensions
from samlet.runtime.runtime_call import LARGEST_HEAD, Event, Poll, Refusal, Reply

_RUNTIME = "/2018-06-01/runtime"
_NEXT = f"{_RUNTIME}/invocation/next"
_INVOCATION = f"{_RUNTIME}/invocation/"
_CHANNEL = "/samlet/channel"
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: samlet\r\n\r\n"
_MODE = b"lambda-runtime-function-response-mode"
# A function may think for as long as it likes, and who speaks here is our own child.
_LIMITS = Limits(LARGEST_HEAD, LARGEST_RESPONSE, head_seconds=math.inf, idle_seconds=math.inf, stall_seconds=math.inf)


class RuntimeApi:
    """The state of one runtime between `next` and its answer, served on a free port of 127.0.0.1."""

    largest = LARGEST_RESPONSE

    def __init__(self, extensions: Extensions) -> None:
        self.extensions = extensions
        extensions.when_ready = self._extensions_ready
        self._server = HttpServer(self._handle, _refuse, _LIMITS, open_body=self._open)
        self._channels: set[Channel] = set()
        self._poll: Poll | None = None  # the call for the next event
        self._event: Event | None = None
        self._stream: AnswerStream | None = None  # of who wants the answer while it is made
        self._incoming: tuple[RawRequest, WholeAnswer] | None = None  # the answer that comes in parts
        self._reply: asyncio.Future[Reply | None] | None = None
        self.address = ""
        """`host:port`, once it listens."""
        self.asked = False
        """Whether the runtime has ever asked for an event, which ends the registration of extensions."""
        self.unread = False
        """Whether the runtime ends without having read its event, which another one may then be given."""
        self.idle = asyncio.Event()
        self.settled = asyncio.get_running_loop().create_future()
        self.init_error: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def start(self) -> str:
        """Listen; returns `host:port`."""
        host, port = await self._server.listen()
        self.address = f"{host}:{port}"
        return self.address

    async def channel(self) -> socket.socket:
        """A connection for a process of ours, which speaks as `Channel` says."""
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(lambda: Channel(self), ours)
        return theirs

    async def stop(self) -> None:
        """Stop listening and drop whoever waits."""
        self.extensions.close()
        for channel in list(self._channels):
            channel.close()
        await self._server.close()

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
        self._poll.give(event)
        self.extensions.invoked(event.request_id, event.deadline_ms, event.arn, event.trace_id)
        return self._reply

    def release(self) -> None:
        """Have whoever waits for the runtime to ask for its next event wait no more."""
        if not self.settled.done():
            self.settled.set_result(None)

    def ask(self, poll: Poll) -> Refusal | None:
        """Have the next event given to `poll`; returns why not."""
        if self._reply is not None and not self._reply.done():
            if not self._cut:
                return Refusal(403, "InvalidStateTransition", "Transition from Running to Ready is not allowed")
            text = "The function's response ended before its end"
            self._reply.set_result(Reply(failure("Runtime.TruncatedResponse", text), failed=True))
        before, self._poll, self.asked = self._poll, poll, True
        if not self.extensions.pending:
            self.idle.set()
            self.release()
        if before and before is not poll and not before.given:
            # A second call means that nobody waits at the first one now. Once that is refused, a call that was sent
            # behind it on its connection is here at once.
            before.refuse(Refusal(403, "InvalidStateTransition", "Another call for the next event took over"))
        return None

    def forget(self, poll: Poll) -> None:
        """Give no event to a call for the next one, as nobody would read it: the runtime has to ask again."""
        if poll is self._poll and not poll.given:
            self._poll = None
            self.idle.clear()

    def opened(self, channel: Channel) -> None:
        """A process has a socket."""
        self._channels.add(channel)

    def gone(self, channel: Channel) -> None:
        """A process has closed its socket."""
        self._channels.discard(channel)
        self.forget(channel)

    def _extensions_ready(self) -> None:
        """The last extension has asked for its next event; the sandbox is free if the runtime has as well."""
        if self._poll and not self._poll.given:
            self.idle.set()
            self.release()

    def answer(
        self, request_id: str, nonce: str | None, body: bytes | None, *, failed: bool, content_type: str | None
    ) -> Refusal | None:
        """Take the answer to an event as a whole; a body that is too large is None. Returns why it is not taken."""
        refusal = self._refusal_of(request_id, nonce)
        if refusal or self._reply is None:
            return refusal or _NO_EVENT
        if self._incoming is not None and not (failed and self._cut):
            return Refusal(403, "InvalidStateTransition", "Another response is under way")
        if body is None:
            return _too_large(self._reply, self.largest)
        if self._stream is not None and not failed:
            self._stream.begin(content_type)
            self._stream.take(body)
        self._reply.set_result(Reply(body, failed=failed))
        return None

    def answer_again(self, poll: Poll) -> Refusal:
        """Take back the event that was given to a call whose process answers the one before it once more."""
        if poll is self._poll and poll.given and self._reply is not None and not self._reply.done():
            self.unread = True
            self._reply.set_result(None)
        return _NO_EVENT

    def _refusal_of(self, request_id: str, nonce: str | None) -> Refusal | None:
        """Why no answer to that event is taken just now."""
        if self._event is None or request_id != self._event.request_id:
            return Refusal(400, "InvalidRequestID", "Invalid request ID")
        if nonce is not None and nonce != self._event.nonce:
            return Refusal(410, "InvokeTimeout", "Invoke timeout")
        if self._reply is None or self._reply.done():
            return _NO_EVENT
        return None

    # What comes over HTTP.

    def _handle(self, request: RawRequest) -> Answer:
        path, method = request.target.partition("?")[0], request.method
        if path == _NEXT and method == "GET":
            poll = _HttpPoll(self)
            refusal = self.ask(poll)
            return poll if refusal is None else _refused(refusal)
        if path.startswith(_INVOCATION) and method == "POST":
            request_id, _, call = path.removeprefix(_INVOCATION).partition("/")
            if call in {"response", "error"}:
                refusal = self._answer(request, request_id, failed=call == "error")
                return _ACCEPTED if refusal is None else _refused(refusal)
        if path == f"{_RUNTIME}/init/error" and method == "POST":
            return self._init_error(request)
        if path.startswith(PREFIX) or path in TELEMETRY:
            return self._extend(path, request)
        if path == _CHANNEL:
            return Channel(self, _SWITCHING)
        return _refused(Refusal(404, "NotFound", f"{method} {path} is no call of the Runtime API"))

    async def _extend(self, path: str, request: RawRequest) -> HttpResponse:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        answer = await self.extensions.handle(
            request.method, path, headers, request.body or b"", initialising=not self.asked
        )
        return HttpResponse(answer.status, [_JSON, *answer.headers.items()], answer.body)

    def _init_error(self, request: RawRequest) -> HttpResponse:
        if self.asked or self.init_error.done():
            text = "Transition from Ready to InitError is not allowed"
            return _refused(Refusal(403, "InvalidStateTransition", text))
        self.init_error.set_result(request.body or b"{}")
        return _ACCEPTED

    def _answer(self, request: RawRequest, request_id: str, *, failed: bool) -> Refusal | None:
        nonce = request.header(b"lambda-runtime-invocation-id")
        refusal = self._refusal_of(request_id, nonce) or _refusal_of_mode(request)
        if refusal or self._reply is None:
            return refusal or _NO_EVENT
        if self._incoming is not None:
            return self._answer_in_parts(self._reply, request, *self._incoming, failed=failed)
        content_type = request.header(b"content-type")
        return self.answer(request_id, nonce, request.body, failed=failed, content_type=content_type)

    @property
    def _cut(self) -> bool:
        """Whether the runtime has broken off an answer that it sent in parts."""
        return self._incoming is not None and self._incoming[1].is_cut

    def _open(self, request: RawRequest) -> WholeAnswer | None:
        """Take an answer that comes in parts; any other body is kept, and refused when it is there."""
        request_id, _, call = request.target.partition("?")[0].removeprefix(_INVOCATION).partition("/")
        nonce = request.header(b"lambda-runtime-invocation-id")
        refusal = self._refusal_of(request_id, nonce) or _refusal_of_mode(request)
        if refusal or request.method != "POST" or call != "response" or self._incoming is not None:
            return None
        answer = self._stream or WholeAnswer()
        self._incoming = request, answer
        if self._stream is not None:
            self._stream.begin(request.header(b"content-type"))
        return answer

    def _answer_in_parts(
        self,
        reply: asyncio.Future[Reply | None],
        request: RawRequest,
        posted: RawRequest,
        answer: WholeAnswer,
        *,
        failed: bool,
    ) -> Refusal | None:
        """The end of an answer that came in parts, or what comes beside it."""
        if request is not posted:
            if not (failed and answer.is_cut):
                return Refusal(403, "InvalidStateTransition", "Another response is under way")
            reply.set_result(Reply(request.body or b"", failed=True))
        elif request.body is None:
            return _too_large(reply, answer.room)
        else:
            error = answer.error
            reply.set_result(Reply(answer.kept if error is None else error, failed=error is not None))
        return None


class _HttpPoll(Later):
    """A call for the next event that came over HTTP."""

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__()
        self._api = api

    def give(self, event: Event) -> None:
        """See `Poll.give`."""
        headers = [
            _JSON,
            ("Lambda-Runtime-Aws-Request-Id", event.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(event.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", event.arn),
            ("Lambda-Runtime-Trace-Id", event.trace_id),
            ("Lambda-Runtime-Client-Context", event.client_context),
            ("Lambda-Runtime-Invocation-Id", event.nonce),
        ]
        self.send(HttpResponse(200, [(name, value) for name, value in headers if value], event.payload))

    def refuse(self, refusal: Refusal) -> None:
        """See `Poll.refuse`."""
        self.send(_refused(refusal))

    @override
    def lost(self) -> None:
        """See `Later.lost`."""
        self._api.forget(self)


def _refusal_of_mode(request: RawRequest) -> Refusal | None:
    mode = request.header(_MODE)
    if mode in (None, "streaming"):
        return None
    return Refusal(400, "InvalidFunctionResponseMode", f"Invalid response mode: {mode}")


def _json_answer(status: int, content: object) -> HttpResponse:
    return HttpResponse(status, [_JSON], json.dumps(content).encode())


def _refused(refusal: Refusal) -> HttpResponse:
    return _json_answer(refusal.status, {"errorMessage": refusal.message, "errorType": refusal.error_type})


def _refuse(status: int, words: str) -> HttpResponse:
    return _refused(Refusal(status, "InvalidRequest", words))


def _too_large(reply: asyncio.Future[Reply | None], limit: int) -> Refusal:
    text = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    reply.set_result(Reply(failure("Function.ResponseSizeTooLarge", text), failed=True))
    text = f"Exceeded maximum allowed payload size ({limit} bytes)."
    return Refusal(413, "RequestEntityTooLarge", text)


_JSON = ("Content-Type", "application/json")
_ACCEPTED = _json_answer(202, {"status": "OK"})
_NO_EVENT = Refusal(403, "InvalidStateTransition", "Transition from Ready to Ready is not allowed")
