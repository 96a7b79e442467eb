"""What an agent has to say, in its order; lines that come faster than they can be sent are counted instead of kept."""

import asyncio
from collections.abc import Awaitable, Callable

from samlet.runtime import wire

_MOST_WAITING = 4 * 1024 * 1024
_ENVELOPE = 100  # what a line weighs beside its characters


class Outgoing:
    """Messages on their way out, one at a time; at most `most` characters of lines wait."""

    def __init__(self, send: Callable[[wire.Message], Awaitable[None]], most: int = _MOST_WAITING) -> None:
        self._send = send
        self._most = most
        self._messages: asyncio.Queue[wire.Message] = asyncio.Queue()
        self._weight = 0
        self._left_out = 0

    def tell(self, message: wire.Message) -> None:
        """Say this after everything that waits."""
        if self._left_out:
            count, self._left_out = self._left_out, 0
            self._append(wire.line(f"{count} lines are left out here: they came faster than they could be sent"))
        self._append(message)

    def line(self, text: str) -> None:
        """Say what the function has printed, unless too much waits already."""
        if self._weight + len(text) + _ENVELOPE > self._most:
            self._left_out += 1
        else:
            self.tell(wire.line(text))

    async def send(self) -> None:
        """Send what comes, until that fails or is cancelled."""
        while True:
            message = await self._messages.get()
            self._weight -= _weight(message)
            await self._send(message)
            self._messages.task_done()

    async def sent(self) -> None:
        """Wait until everything that waits is sent."""
        await self._messages.join()

    def _append(self, message: wire.Message) -> None:
        self._messages.put_nowait(message)
        self._weight += _weight(message)


def _weight(message: wire.Message) -> int:
    return len(message["text"]) + _ENVELOPE if message["type"] == "line" else 0
