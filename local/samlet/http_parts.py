"""Bodies that are handed on while they come: a request's into a sink, an answer's out of its parts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from samlet.http_response import BODILESS, HttpResponse, head_of


class Sink(Protocol):
    """Takes the body of a request; it has `room` for so many bytes."""

    room: int

    def flow(self, resume: Callable[[], None]) -> None:
        """How to have more come again after `take` has said no."""
        ...

    def take(self, part: bytes) -> bool:
        """Take the next bytes; False where no more should come just now."""
        ...

    def trailer(self, name: bytes, value: bytes) -> None:
        """A header that comes after the body, its name in lower case."""
        ...

    def cut(self) -> None:
        """The body has ended before its end."""
        ...


class BrokenOff(Exception):
    """An answer that was begun has no end."""


class Parts(Protocol):
    """The body of an answer, as it is made."""

    async def read(self) -> bytes:
        """The next bytes, or none at the end; raises BrokenOff where there will be no end."""
        ...

    def drop(self) -> None:
        """Nobody wants any more of it; called at the end, too."""
        ...


@dataclass(slots=True, kw_only=True)
class StreamedResponse(HttpResponse):
    """A response whose body is sent in parts, as it comes."""

    parts: Parts


def head_of_parts(response: StreamedResponse, date: str, *, chunked: bool) -> bytes | None:
    """Return the head; None where a header would end its line and begin one of its own."""
    coded = chunked and response.status not in BODILESS
    headers = [*response.headers, *([("transfer-encoding", "chunked")] if coded else []), ("connection", "close")]
    head = head_of(HttpResponse(response.status, headers), "1.1", date, keep_alive=True)
    return head.replace(b"\r\ncontent-length: 0\r\n", b"\r\n", 1) if head else None


class Sending:
    """Sends the parts of an answer, no faster than its client takes them."""

    def __init__(self, transport: asyncio.WriteTransport, parts: Parts, *, chunked: bool) -> None:
        self._transport = transport
        self._parts = parts
        self._chunked = chunked
        self._gate: asyncio.Future[None] | None = None
        self._gone = False

    async def send(self) -> bool:
        """Send all of it; False where it broke off or nobody is there any more."""
        try:
            while not self._gone and (part := await self._parts.read()):
                self._transport.write(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)
                if self._gate is not None:
                    await self._gate
        except BrokenOff:
            return False
        finally:
            self._parts.drop()
        if self._chunked and not self._gone:
            self._transport.write(b"0\r\n\r\n")
        return not self._gone

    def hold(self) -> None:
        """The client does not keep up."""
        self._gate = asyncio.get_running_loop().create_future()

    def go_on(self) -> None:
        """It has taken what there was."""
        gate, self._gate = self._gate, None
        if gate is not None and not gate.done():
            gate.set_result(None)

    def lost(self) -> None:
        """The client has gone."""
        self._gone = True
        self._parts.drop()
        self.go_on()
