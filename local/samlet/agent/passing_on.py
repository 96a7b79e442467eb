"""How an agent hands an answer on to the runtime while the function makes it."""

import asyncio
import contextlib

from samlet.agent.outgoing import Outgoing
from samlet.http_parts import BrokenOff
from samlet.runtime import wire
from samlet.runtime.answers import AnswerStream
from samlet.runtime.outcome import Outcome


class PassingOn:
    """The way of one answer: each part goes when the one before it was taken, or the function has come to its end."""

    def __init__(self, stream: AnswerStream, outgoing: Outgoing) -> None:
        self._stream = stream
        self._outgoing = outgoing
        self._over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._taken = asyncio.Event()
        stream.follow(self._over)
        self._passing = asyncio.create_task(self._pass_on())

    def taken(self) -> None:
        """Whoever reads wants more."""
        self._taken.set()

    async def end(self, outcome: Outcome) -> None:
        """The function has come to its end; what is left of the answer is on its way when this returns."""
        self._over.set_result(outcome)
        self._taken.set()
        await self._passing

    def call_off(self) -> None:
        """There is nobody any more to hand it on to."""
        self._stream.drop()
        self._passing.cancel()

    async def _pass_on(self) -> None:
        if not await self._stream.begun():
            return
        self._outgoing.tell(wire.begun(self._stream.request_id, self._stream.content_type))
        with contextlib.suppress(BrokenOff):
            while part := await self._stream.read():
                self._outgoing.tell(wire.part(self._stream.request_id, part))
                if not self._over.done():
                    await self._taken.wait()
                    self._taken.clear()
