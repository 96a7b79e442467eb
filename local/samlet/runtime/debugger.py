"""Lets a person's debugger attach to a function: one port a function, the same one however often its process changes.

The function's process carries debugpy, whose adapter listens on a port that changes with every process. Here is the
port that stays, and what lies between the two: it starts the function for a client that comes early, knows from the
messages when the program stands at a line, and hands the client over to the next process after a reload.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from samlet.log import say
from samlet.runtime import dap

_FAREWELL = 1.0  # seconds


class Debugger:
    """The debugger's side of one function. `wake` starts its process, for a client that comes before any event."""

    def __init__(self, name: str, package: Path, wake: Callable[[], Awaitable[object]]) -> None:
        self.name = name
        self.package = package
        self._wake = wake
        self._server: asyncio.Server | None = None
        self._adapter: asyncio.Future[int] | None = None
        self._greeter: asyncio.Server | None = None
        self._greeter_port = self.port = 0
        self._launches = 0
        self._stopping = False
        self._launched = asyncio.Event()
        self._client: asyncio.Task[None] | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._conversation = dap.Conversation()
        self._let_go = False
        self._waiting = False
        self._held = 0.0
        self._held_since: float | None = None

    async def listen(self, host: str, port: int) -> int:
        """Take clients; returns the port. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self._greeter = await asyncio.start_server(self._greet, host, 0)
        self.port, self._greeter_port = (
            int(server.sockets[0].getsockname()[1]) for server in (self._server, self._greeter)
        )
        return self.port

    async def stop(self) -> None:
        """Take no more clients, and let go of the one that is there."""
        self._stopping = True
        for server in (self._server, self._greeter):
            if server:
                server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def held(self) -> float:
        """Seconds so far in which time did not count: the program stood at a line, or waited for a client."""
        return self._held + (time.monotonic() - self._held_since if self._held_since is not None else 0.0)

    def arguments(self) -> list[str | Path]:
        """What the next process is told: where debugpy is, where to say its port and as whom, and whether to wait."""
        self._launches += 1
        self._adapter = asyncio.get_running_loop().create_future()
        self._launched.set()
        self._waiting = not self._let_go
        self._measure()
        if self._waiting and self._client is None:
            say(self.name, f"waiting for a debugger to attach to 127.0.0.1:{self.port}")
        wait = ["wait"] if self._waiting else []
        return [self.package, str(self._greeter_port), str(self._launches), *wait]

    def began(self, process: asyncio.Task[int]) -> None:
        """The process that was told so has been started; `process` is done when it ends."""
        launch = self._launches
        process.add_done_callback(lambda _: self._ended(launch))

    def _ended(self, launch: int) -> None:
        if launch != self._launches or self._adapter is None:
            return
        if not self._adapter.done():
            self._adapter.set_exception(ConnectionError("the process ended before its debugger was ready"))
            self._adapter.exception()  # seen, if nobody waits for it
        self._adapter, self._waiting, self._conversation.stopped = None, False, False
        self._launched.clear()
        self._measure()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear from a process where its adapter listens."""
        launch, _, port = (await reader.read(100)).partition(b" ")
        if launch == str(self._launches).encode() and self._adapter and not self._adapter.done():
            self._adapter.set_result(int(port))
        writer.close()

    def _measure(self) -> None:
        """Begin or end a time that does not count."""
        holds, now = self._waiting or self._conversation.stopped, time.monotonic()
        if holds and self._held_since is None:
            self._held_since = now
        elif not holds and self._held_since is not None:
            self._held, self._held_since = self.held(), None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        try:
            if self._client is not None and self._conversation.ended:
                # Its process is gone, and so is it: the one that comes now takes its place.
                self._client.cancel()
                await asyncio.wait([self._client])
            if self._client is not None:
                say(self.name, "a second debugger was refused: one is attached", level="warning")
                return
            self._client = task
            await self._attach(reader, writer, dap.Conversation())
        except (dap.NoDebugClient, OSError, ValueError) as trouble:
            say(self.name, f"no debugger: {trouble}", level="warning")
        except asyncio.CancelledError:
            pass  # we are stopping
        finally:
            self._clients.discard(task)
            if self._client is task:
                self._client = None
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), _FAREWELL)

    async def _attach(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conversation: dap.Conversation
    ) -> None:
        self._conversation = conversation
        first = await dap.read(reader)
        if first is None:
            return
        self._let_go = False
        port, launch = await self._adapter_port(), self._launches
        adapter_reader, adapter_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            adapter_writer.write(dap.frame(conversation.from_client(first)))
            say(self.name, "a debugger is attached")
            await _until_one_ends(
                self._pass(reader, adapter_writer, conversation.from_client),
                self._pass(adapter_reader, writer, conversation.from_adapter),
            )
        finally:
            adapter_writer.close()
            self._part(conversation, launch)

    def _part(self, conversation: dap.Conversation, launch: int) -> None:
        """The conversation is over: who left decides whether the next process waits for a client."""
        conversation.stopped = False
        self._measure()
        if conversation.ended and not conversation.leaving:
            self._ended(launch)  # the adapter may know before the operating system tells us
            say(self.name, f"the process that was debugged has ended; attach to 127.0.0.1:{self.port} again")
        else:
            self._let_go, self._waiting = True, False
            self._measure()
            if not self._stopping:
                say(self.name, "the debugger has left; events go on without one")

    async def _adapter_port(self) -> int:
        """The port of the process that runs, or of the next one, which is started now if there was none."""
        if self._adapter is None:
            waking = asyncio.ensure_future(self._wake())
            waking.add_done_callback(_seen)
            await self._launched.wait()
        assert self._adapter
        return await asyncio.shield(self._adapter)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], bytes]
    ) -> None:
        """Pass on the messages of one side until it has nothing more to say."""
        with contextlib.suppress(ConnectionError):  # gone without a word, which is an end like any other
            while (body := await dap.read(reader)) is not None:
                writer.write(dap.frame(note(body)))
                self._waiting = self._waiting and not self._conversation.configured
                self._measure()
                await writer.drain()


async def _until_one_ends(*passing: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(each) for each in passing]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _seen(task: "asyncio.Future[object]") -> None:
    """What goes wrong with starting a function is in its log, and no news here."""
    if not task.cancelled():
        task.exception()
