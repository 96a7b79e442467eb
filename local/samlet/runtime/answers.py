"""A function's answer while its runtime posts it in parts: kept until it is whole, or handed on as it comes.

A runtime may announce a failure behind the last part, in trailers; then it is a failure, whatever came before.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Callable

from samlet.http_parts import BrokenOff
from samlet.runtime.outcome import Outcome

LARGEST_RESPONSE = 6 * 1024 * 1024 + 100
LARGEST_STREAM = 200 * 1024 * 1024
LARGEST_KEPT = 64 * 1024
"""Bytes of a streamed answer that its outcome holds: the first ones."""
_AHEAD = 64 * 1024  # bytes that a function may be ahead of its reader, and what one read of its connection brings
_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_BODY = b"lambda-runtime-function-error-body"


def failure(error_type: str, message: str) -> bytes:
    """The JSON that stands for a failed invocation."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


class WholeAnswer:
    """A sink that keeps an answer for somebody who wants it as a whole."""

    def __init__(self, room: int = LARGEST_RESPONSE) -> None:
        self.room = room
        self.is_cut = False
        self._kept = bytearray()
        self._trailers: dict[bytes, bytes] = {}

    @property
    def kept(self) -> bytes:
        """What is kept of it."""
        return bytes(self._kept)

    @property
    def error(self) -> bytes | None:
        """The failure that the trailers tell of, as JSON."""
        kind = self._trailers.get(_ERROR_TYPE, b"").decode("latin-1")
        if not kind:
            return None
        try:
            told = base64.b64decode(self._trailers.get(_ERROR_BODY, b""), validate=True)
        except binascii.Error:
            told = b""
        return told or failure(kind, "The function failed while it streamed its response")

    def flow(self, resume: Callable[[], None]) -> None:
        """See `Sink.flow`."""

    def take(self, part: bytes) -> bool:
        """See `Sink.take`."""
        self._kept += part
        return True

    def trailer(self, name: bytes, value: bytes) -> None:
        """See `Sink.trailer`."""
        self._trailers[name] = value

    def cut(self) -> None:
        """See `Sink.cut`."""
        self.is_cut = True


class AnswerStream(WholeAnswer):
    """The answer of one invocation, for somebody who reads it while it is made; `outcome` tells how it ended."""

    outcome: asyncio.Future[Outcome]

    def __init__(self, request_id: str) -> None:
        super().__init__(LARGEST_STREAM)
        self.request_id = request_id
        self.content_type: str | None = None
        self.size = 0
        self._begun = False
        self._over = False
        self._unread = bytearray()
        self._dropped = False
        self._resume: Callable[[], None] | None = None
        self._paused = False
        self._waiting: asyncio.Future[None] | None = None

    # The side of the function.

    def begin(self, content_type: str | None) -> None:
        """The first byte is about to come."""
        self._begun, self.content_type = True, content_type
        self._wake()

    def flow(self, resume: Callable[[], None]) -> None:
        """See `Sink.flow`."""
        self._resume = resume

    def take(self, part: bytes) -> bool:
        """See `Sink.take`."""
        self.size += len(part)
        if len(self._kept) < LARGEST_KEPT:
            self._kept += part[: LARGEST_KEPT - len(self._kept)]
        if not self._dropped:
            self._unread += part
            self._wake()
        self._paused = len(self._unread) > _AHEAD
        return not self._paused

    def give(self, outcome: Outcome) -> None:
        """Take the answer from an outcome that has it as a whole, unless it has come already."""
        if outcome.ok and not self._begun:
            self.begin("application/json")
            self.take(outcome.payload)

    def follow(self, outcome: asyncio.Future[Outcome]) -> None:
        """End it when the invocation has."""
        self.outcome = outcome
        outcome.add_done_callback(lambda _: self._end())

    def _end(self) -> None:
        self._over = True
        self._wake()

    # The side of the reader.

    async def begun(self) -> bool:
        """Wait for the answer's beginning; False where there is none, since the invocation has failed."""
        while not self._begun and not self._over:
            await self._more()
        return self._begun

    async def read(self) -> bytes:
        """See `Parts.read`."""
        while not self._unread and not self._over and not self._dropped:
            await self._more()
        part = bytes(self._unread)
        self._unread.clear()
        self._go_on()
        if not part and not self._dropped and not self.whole:
            raise BrokenOff
        return part

    @property
    def whole(self) -> bool:
        """Whether the function has ended it as it should."""
        ended = self._over and not self.outcome.cancelled() and self.outcome.exception() is None
        return ended and self.outcome.result().ok

    def drop(self) -> None:
        """See `Parts.drop`; what the function still sends goes nowhere, so that it comes to its end."""
        self._dropped = True
        self._unread.clear()
        self._go_on()
        self._wake()

    def _go_on(self) -> None:
        if self._paused and self._resume is not None:
            self._paused = False
            self._resume()

    async def _more(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
