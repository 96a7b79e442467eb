"""Samlet's end of the socket over which runtime_client.py makes the calls of the Runtime API.

What may be called when, and what is refused, is the Runtime API's; this is how it is written. A message is two lengths
of four bytes, big end first, then a head and a body of those lengths. The head is text, its fields end by a line feed:

    next                                                                 the call for the next event
    response | error, how, request id, nonce, kind                       an answer; kind: content type or X-Ray cause
    event, request id, deadline, ARN, trace, nonce, client context       to the process; the body is the event
    accepted                                                             where it is to be confirmed
    refused, why                                                         nothing is read after that

How an answer comes: "confirm" where it is to be confirmed; "again", and empty, where there was one already and what
was given since then has not been begun; else nothing.
"""

import asyncio
from typing import Protocol, cast

from samlet.runtime.runtime_call import LARGEST_HEAD, Event, Poll, Refusal

PREFIX = 8  # bytes of the two lengths
_ACCEPTED = b"\0\0\0\x08\0\0\0\0accepted"


class Calls(Protocol):
    """What a runtime may call; each returns why not."""

    largest: int
    """Bytes of an answer."""

    def ask(self, poll: Poll) -> Refusal | None:
        """Have the next event given to `poll`."""
        ...

    def answer(
        self, request_id: str, nonce: str | None, body: bytes | None, *, failed: bool, content_type: str | None
    ) -> Refusal | None:
        """Take the answer to an event; a body that is too large is None."""
        ...

    def answer_again(self, poll: Poll) -> Refusal:
        """Take back what was given to `poll`: it will not be begun."""
        ...

    def forget(self, poll: Poll) -> None:
        """Give no event to `poll`: nobody would read it."""
        ...

    def opened(self, channel: "Channel") -> None:
        """There is a connection."""
        ...

    def gone(self, channel: "Channel") -> None:
        """It has ended."""
        ...


class Channel(asyncio.Protocol):
    """One connection of a process of ours; it is its own call for the next event."""

    def __init__(self, calls: Calls, greeting: bytes = b"") -> None:
        self.given = True
        self._calls = calls
        self._greeting = greeting
        self._parts: list[bytes] = []  # of a message that is not whole
        self._have = self._needed = 0
        self._deaf = False  # what still comes is dropped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._calls.opened(self)
        if self._greeting:
            self._transport.write(self._greeting)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._calls.gone(self)

    def close(self) -> None:
        """End it, whoever waits."""
        self._deaf = True
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._needed:
                return
            data, self._parts = b"".join(self._parts), []
        begin = 0
        while not self._deaf and len(data) - begin >= PREFIX:
            head = begin + PREFIX
            body = head + int.from_bytes(data[begin : begin + 4])
            size = int.from_bytes(data[begin + 4 : head])
            if body - head > LARGEST_HEAD:
                self._refuse_at_once(_NO_MESSAGE)
                break
            too_large = size > self._calls.largest
            end = body if too_large else body + size
            if len(data) < end:
                self._needed = end - begin
                break
            try:
                self._take(data[head:body].decode(), None if too_large else data[body:end])
            except ValueError:  # nothing that is ours: a function may have written to any descriptor
                self._refuse_at_once(_NO_MESSAGE)
            begin = end
        else:
            self._needed = PREFIX
        if begin < len(data) and not self._deaf:
            self._parts, self._have = [data[begin:]], len(data) - begin

    def _take(self, head: str, body: bytes | None) -> None:
        if head == "next":
            self.given = False
            refusal = self._calls.ask(self)
        else:
            call, how, request_id, nonce, kind = head.split("\n", 4)
            if how == "again":
                self._refuse_at_once(self._calls.answer_again(self))
                return
            failed = call == "error"
            refusal = self._calls.answer(request_id, nonce or None, body, failed=failed, content_type=kind)
            if how and refusal is None:
                self._transport.write(_ACCEPTED)
        if refusal is not None:
            self._refuse_at_once(refusal)

    def _refuse_at_once(self, refusal: Refusal) -> None:
        self._calls.forget(self)
        self.refuse(refusal)

    def give(self, event: Event) -> None:
        """See `Poll.give`."""
        self.given = True
        fields = ("event", event.request_id, str(event.deadline_ms), event.arn, event.trace_id or "", event.nonce)
        # The client's context comes last: it may hold a line feed.
        head = "\n".join((*fields, event.client_context or "")).encode("utf-8", "replace")
        self._transport.write(_lengths(head, event.payload) + head + event.payload)

    def refuse(self, refusal: Refusal) -> None:
        """See `Poll.refuse`; what was sent behind it is dropped, so that a process that ends now gets no event."""
        self.given = self._deaf = True
        head = f"refused\n{refusal.error_type}".encode()
        self._transport.write(_lengths(head, b"") + head)


_NO_MESSAGE = Refusal(400, "InvalidRequest", "This is no message")


def _lengths(head: bytes, body: bytes) -> bytes:
    return len(head).to_bytes(4) + len(body).to_bytes(4)
