"""A debugger as an editor has one: it speaks the Debug Adapter Protocol over a socket."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

type Message = dict[str, Any]


class DapClient:
    """One connection; events are kept until somebody waits for them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sequence = 0
        self._unread: list[Message] = []

    @classmethod
    async def connect(cls, port: int) -> "DapClient":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, command: str, **arguments: Any) -> int:
        self._sequence += 1
        message = {"seq": self._sequence, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._sequence

    async def ask(self, command: str, **arguments: Any) -> Message:
        """Send a request and return the body of its answer."""
        number = self.send(command, **arguments)
        answer = await self._first(lambda message: message.get("request_seq") == number)
        assert answer["success"], answer
        return answer.get("body") or {}

    async def event(self, name: str) -> Message:
        """The body of the next event of that name."""
        found = await self._first(lambda message: message.get("event") == name)
        return found.get("body") or {}

    async def attach(self, file: Path, line: int) -> None:
        """Do what an editor does: initialise, attach, set the breakpoint, and let the program run."""
        await self.ask("initialize", adapterID="test", clientID="test", linesStartAt1=True, columnsStartAt1=True)
        attached = self.send("attach", justMyCode=False)
        await self.event("initialized")
        set_ = await self.ask(
            "setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}] if line else []
        )
        assert all(point["verified"] for point in set_["breakpoints"]), set_
        await self.ask("configurationDone")
        await self._first(lambda message: message.get("request_seq") == attached)

    async def evaluate_where_it_stopped(self, expression: str) -> str:
        """The value of an expression in the frame of the line that the program stands at."""
        thread = (await self.event("stopped"))["threadId"]
        frames = await self.ask("stackTrace", threadId=thread)
        answer = await self.ask("evaluate", expression=expression, frameId=frames["stackFrames"][0]["id"])
        return str(answer["result"])

    async def carry_on(self) -> None:
        thread = (await self.ask("threads"))["threads"][0]["id"]
        await self.ask("continue", threadId=thread)

    async def leave(self) -> None:
        await self.ask("disconnect", terminateDebuggee=False)
        self.close()

    def close(self) -> None:
        self._writer.close()

    async def at_end(self) -> bool:
        """Whether the other side has hung up, with nothing more to say."""
        return await self._read() is None

    async def _first(self, wanted: Callable[[Message], bool]) -> Message:
        for message in self._unread:
            if wanted(message):
                self._unread.remove(message)
                return message
        while True:
            async with asyncio.timeout(30):
                read = await self._read()
            assert read, f"the connection was closed; unread: {self._unread}"
            if wanted(read):
                return read
            self._unread.append(read)

    async def _read(self) -> Message | None:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        body = await self._reader.readexactly(int(head.partition(b":")[2]))
        message: Message = json.loads(body)
        return message
