"""The Debug Adapter Protocol, as far as passing it on needs: its frames, and whether the program stands at a line."""

import asyncio
import json
from typing import Any

from samlet.errors import SamletError

_LONGEST_BODY = 64 * 1024 * 1024
_LEAVING = frozenset({"disconnect", "terminate"})
_MOVING_ON = _LEAVING | frozenset({"continue", "next", "stepIn", "stepOut", "stepBack", "goto"})

type Message = dict[str, Any]


class NoDebugClient(SamletError):
    """What came is not the Debug Adapter Protocol: a web page's request, say, which must not reach the debugger."""


async def read(reader: asyncio.StreamReader) -> bytes | None:
    """Return the body of the next message, None at the end. Raises NoDebugClient."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise NoDebugClient(str(error)) from error
    name, _, value = head.strip().partition(b":")
    # One header, and nothing else: a browser's POST has others, and its body could be a message.
    if name.strip().lower() != b"content-length" or not value.strip().isdigit() or int(value) > _LONGEST_BODY:
        raise NoDebugClient(f"{head[:80]!r} is not how a debug client begins")
    try:
        return await reader.readexactly(int(value))
    except asyncio.IncompleteReadError:
        return None


def frame(body: bytes) -> bytes:
    """Return a message as it goes over the wire."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Conversation:
    """What the messages between a client and an adapter tell: is the client ready, does the program stand at a line?"""

    def __init__(self) -> None:
        self.configured = False
        self.stopped = False
        self.leaving = False
        self.ended = False

    def from_client(self, body: bytes) -> bytes:
        """Take note of a message to the adapter; returns it."""
        if json.loads(body).get("command") in _LEAVING:
            self.leaving = True
        return body

    def from_adapter(self, body: bytes) -> bytes:
        """Take note of a message to the client; returns what the client is to be told.

        When the process ends and nobody asked for that, it is about to be replaced: the client is asked to come again.
        """
        message: Message = json.loads(body)
        kind, told = message.get("type"), message.get("event") or message.get("command")
        if kind == "event" and told == "terminated":
            self.ended, self.stopped = True, False
            if not self.leaving:
                return json.dumps(message | {"body": {"restart": True}}).encode()
        if kind == "event" and told in {"stopped", "continued"}:
            self.stopped = told == "stopped"
        elif kind == "response" and message.get("success"):
            if told in _MOVING_ON:
                self.stopped = False
            self.configured = self.configured or told == "configurationDone"
        return body
