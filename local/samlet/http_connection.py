"""One connection of the hand-made HTTP server.

llhttp (through httptools) takes requests apart and refuses what is ambiguous. What is left to do here is when to read,
when to answer and when to give up:

    bytes -> parser -> queue -> handler, one request at a time, in order -> bytes

A client that sends ahead is not read from while its queue is served, and one that does not take its answers is not
served further, so that no connection holds more than a request, an answer and what one read has brought. Of a body that
somebody takes while it comes, or of an answer that is sent in parts, it holds less.
"""

import asyncio
import math
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import httptools

from samlet.eager import begin
from samlet.http_later import Later
from samlet.http_parts import Sending, Sink, StreamedResponse, head_of_parts
from samlet.http_request import RawRequest, Refused, check_head, check_size, head_too_large
from samlet.http_response import BODILESS, HttpResponse, head_of

if TYPE_CHECKING:
    from samlet.http_protocol import HttpServer

_RESET = struct.pack("ii", 1, 0)
_LINGER = 5.0  # seconds in which the sender of what was refused may go on, so that it gets to read the answer
_LARGEST_PART = 64 * 1024  # bytes of a head that has no end yet (or its limit), or between two pieces of a body

type Answer = HttpResponse | Later | asyncio.Protocol | Coroutine[Any, Any, HttpResponse]
type Handler = Callable[[RawRequest], Answer]
type Refuse = Callable[[int, str], HttpResponse]


class Connection(asyncio.Protocol):
    """One client. What the parser calls is named `on_…`, as httptools wants it."""

    def __init__(self, server: "HttpServer") -> None:
        self._server = server
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[RawRequest | HttpResponse] = deque()
        self._pending: Later | asyncio.Task[None] | None = None  # the answer to the request that is being handled
        self._phase: Literal["between", "head", "body"] = "between"
        self._deadline = self._loop.time() + self._limits.idle_seconds  # for what the phase waits for
        self._read = 0  # bytes of this read
        self._unused = 0  # bytes since the read in which the last head or piece of a body was complete
        self._deaf = False  # what still comes is dropped
        self._last = False  # nothing will be asked after what is queued
        self._writable = True
        self._continue_due = False
        self._sink: Sink | None = None  # where the body goes that is being read, if it is not kept
        self._sending: Sending | None = None  # the answer that is being sent in parts

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else "127.0.0.1"
        self._server.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        # A request under way runs on, as a function does whose caller hangs up.
        self._deaf = self._last = True
        self._queue.clear()
        if self._sink is not None:
            self._sink.cut()
        if self._sending is not None:
            self._sending.lost()
        if isinstance(self._pending, Later):
            self._pending.lost()
        self._server.remove(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._read = len(data)
        self._unused += self._read
        try:
            self._parser.feed_data(data)
            self._check_use()
        except httptools.HttpParserUpgrade:
            self._deaf = self._last = True  # what follows is of another protocol, but the request stands
        except httptools.HttpParserError as error:
            refused = error.__context__
            self._refuse(refused if isinstance(refused, Refused) else Refused(400, "Bad Request"))
        except Refused as refused:
            self._refuse(refused)
        self._serve()
        if self._pending is not None and (self._queue or self._phase != "between"):
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client may end its half and still wait for answers, unless such a one may be long in coming."""
        self._deaf = self._last = True
        return (self._pending is not None and not isinstance(self._pending, Later)) or bool(self._queue)

    def pause_writing(self) -> None:
        self._writable = False
        self._deadline = self._loop.time() + self._limits.stall_seconds
        if self._sending is not None:
            self._sending.hold()

    def resume_writing(self) -> None:
        self._writable = True
        self._deadline = self._loop.time() + self._limits.idle_seconds
        if self._sending is not None:
            self._sending.go_on()
        self._serve()

    # What the parser says.

    def on_message_begin(self) -> None:
        self._phase, self._unused = "head", 0
        self._deadline = self._loop.time() + self._limits.head_seconds
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == "head":  # what follows a chunked body is no header of ours
            self._headers.append((name.lower(), value.rstrip(b" \t")))  # the parser takes off what is before it
        elif self._sink is not None:
            self._sink.trailer(name.lower(), value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        self._phase = "body"
        self._body: list[bytes] = []
        self._room = 0
        request = self._request = RawRequest(
            parser.get_method().decode(),
            self._target.decode("latin-1"),
            parser.get_http_version(),
            headers,
            self._client,
            keep_alive=parser.should_keep_alive(),
        )
        known = dict(headers)
        if self._read + self._unused > self._limits.head:  # it may be, then
            check_size(request, self._limits.head)
        check_head(request, known)
        self._unused = 0
        if b"content-length" in known or b"transfer-encoding" in known:
            self._expect_body(request, known)

    def on_body(self, part: bytes) -> None:
        if self._deaf:
            return
        self._unused = 0
        self._deadline = self._loop.time() + self._limits.stall_seconds
        self._room -= len(part)
        if self._room < 0:
            self._too_large()
        elif self._sink is None:
            self._body.append(part)
        elif not self._sink.take(part):
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        self._phase, self._deadline, self._continue_due = "between", math.inf, False
        self._request.body = b"".join(self._body)
        if self._sink is not None:
            self._sink = None
            self._resume()  # whoever is slow to read what came shall not hold up what is asked next
        self._queue.append(self._request)

    # What is refused.

    def _expect_body(self, request: RawRequest, known: dict[bytes, bytes]) -> None:
        if known.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise Refused(400, "Bad Request")  # we undo no other coding
        self._deadline = self._loop.time() + self._limits.stall_seconds
        self._room = self._server.body_limit(request)
        if self._server.open_body is not None and b"transfer-encoding" in known:
            self._open(self._server.open_body, request)
        if int(known.get(b"content-length", 0)) > self._room:
            self._too_large()
        elif known.get(b"expect", b"").lower() == b"100-continue":
            self._continue_due = True
            self._continue()

    def _open(self, open_body: Callable[[RawRequest], Sink | None], request: RawRequest) -> None:
        """Have the body handed on while it comes, if it is this request's turn and somebody takes it."""
        if self._queue or self._pending is not None:
            return
        self._sink = open_body(request)
        if self._sink is not None:
            self._room = self._sink.room
            self._sink.flow(self._resume)

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _too_large(self) -> None:
        """Have it answered at once, without the body; what still comes of it is dropped."""
        self._deaf = self._last = True
        self._phase = "between"
        self._request.body, self._request.keep_alive = None, False
        self._body.clear()
        self._sink = None
        self._queue.append(self._request)

    def _check_use(self) -> None:
        """Refuse what never becomes a head or a body: endless headers, chunk extensions, trailers."""
        if self._unused > max(_LARGEST_PART, self._limits.head) and self._phase != "between":
            raise Refused(400, "Bad Request") if self._phase == "body" else head_too_large()

    def _refuse(self, refused: Refused) -> None:
        self._deaf = self._last = True
        if self._sink is not None:
            self._sink.cut()
        self._phase = "between"
        self._queue.append(self._server.refuse(refused.status, str(refused)))

    def check(self, now: float) -> None:
        """Give up on a client that is too slow; while it is served, it is us who take the time."""
        stalled = self._sending is not None and not self._writable
        if now < self._deadline or (self._pending is not None and not stalled):
            return
        if not self._writable or self._transport.is_closing():
            self._transport.abort()
        elif self._phase != "between":
            self._refuse(Refused(408, "Request Timeout"))
            self._serve()
        else:
            self._transport.close()

    # What is answered.

    def _serve(self) -> None:
        """Begin with the next request, unless one is under way or the client does not take its answers."""
        while self._queue and self._pending is None and self._writable and not self._transport.is_closing():
            item = self._queue.popleft()
            if isinstance(item, HttpResponse):
                self._send(item, None)
                continue
            self._handle(item)
        self._continue()

    def _continue(self) -> None:
        """Tell a client that asks first to send its body, once it is its turn."""
        if self._continue_due and self._pending is None and not self._queue:
            self._continue_due = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _handle(self, request: RawRequest) -> None:
        try:
            answer = self._server.handler(request)
        except Exception:  # noqa: BLE001  # the handler tells of its own errors; the client is owed an answer
            answer = self._server.refuse(500, "Internal Server Error")
        if isinstance(answer, HttpResponse):
            self._send(answer, request)
        elif isinstance(answer, Later):
            self._pending = answer
            answer.to(partial(self._answer, request))
        elif isinstance(answer, asyncio.Protocol):  # it is spoken from here on
            self._server.remove(self)
            self._transport.set_protocol(answer)
            answer.connection_made(self._transport)
        else:
            task = begin(self._wait(request, answer))
            if not task.done():
                self._pending = task

    async def _wait(self, request: RawRequest, answer: Coroutine[Any, Any, HttpResponse]) -> None:
        try:
            response = await answer
        except Exception:  # noqa: BLE001  # whatever the handler raised, the client is owed an answer
            response = self._server.refuse(500, "Internal Server Error")
        if isinstance(response, StreamedResponse):
            await self._send_parts(request, response)
        else:
            self._answer(request, response)

    async def _send_parts(self, request: RawRequest, response: StreamedResponse) -> None:
        """Send an answer while it is made. Its connection ends with it, so that it cannot be taken for whole if cut."""
        chunked = request.version != "1.0"
        head = head_of_parts(response, self._server.date(), chunked=chunked)
        if head is None or self._transport.is_closing():
            response.parts.drop()
            self._answer(request, self._server.refuse(500, "Internal Server Error"))
            return
        self._deaf = self._last = True
        self._queue.clear()
        bodiless = response.status in BODILESS or request.method == "HEAD"
        self._sending = Sending(self._transport, response.parts, chunked=chunked)
        self._transport.write(head)
        whole = bodiless or await self._sending.send()
        if bodiless:
            response.parts.drop()
        self._sending = self._pending = None
        self._deadline = self._loop.time() + self._limits.stall_seconds
        if whole or chunked:
            self._transport.close()
        else:
            # A client of 1.0 takes a connection that ends for the end of the body, but for one that is reset.
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def _answer(self, request: RawRequest, response: HttpResponse) -> None:
        """Send an answer, and go on where it was waited for."""
        waited, self._pending = self._pending is not None, None
        if self._transport.is_closing():
            return
        self._send(response, request)
        if waited:
            self._serve()
            if self._pending is None and not self._queue and not self._transport.is_closing():
                self._transport.resume_reading()
                if self._phase != "between":
                    self._deadline = self._loop.time() + self._limits.stall_seconds

    def _send(self, response: HttpResponse, request: RawRequest | None) -> None:
        """Write an answer; without a request it is to one that nobody could make out."""
        keep_alive = request is not None and request.keep_alive and not (self._last and not self._queue)
        version = request.version if request else "1.1"
        head = head_of(response, version, self._server.date(), keep_alive=keep_alive)
        if head is None:
            response = self._server.refuse(500, "Internal Server Error")
            head = head_of(response, version, self._server.date(), keep_alive=keep_alive) or b""
        bodiless = response.status in BODILESS or (request is not None and request.method == "HEAD")
        self._transport.write(head if bodiless else head + response.body)
        if keep_alive:
            if self._phase == "between":
                self._deadline = self._loop.time() + self._limits.idle_seconds
            return
        self._deaf = self._last = True
        self._deadline = self._loop.time() + self._limits.stall_seconds
        if request is not None and request.body is not None:
            self._transport.close()
            return
        # Closed while more is coming, a connection is reset, and the answer may be lost on its way.
        self._transport.write_eof()
        self._loop.call_later(_LINGER, self._transport.abort)

    def finish(self) -> None:
        """Close after what is under way."""
        self._deaf = self._last = True
        if self._pending is None:
            self._transport.close()

    def abort(self) -> None:
        """Close now, whatever is under way."""
        if isinstance(self._pending, asyncio.Task):
            self._pending.cancel()
        self._transport.abort()
