"""The agent: attach, run events one at a time, come back whenever the connection is lost."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from samlet.agent.orphans import reap_orphans
from samlet.log import say
from samlet.processes import Reaper
from samlet.runtime import wire
from samlet.runtime.sandbox import Request, Sandbox, Surroundings

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_GRACE = 8.0  # seconds for the event under way when the container is stopped; Docker's own patience is 10
# The image's own programs need their libraries; everything else of the container's environment stays outside.
_FROM_IMAGE = ("LD_LIBRARY_PATH",)
_TROUBLE = (OSError, TimeoutError, aiohttp.ClientError, aiohttp.WSMessageTypeError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are in the container."""

    code: Path
    bootstrap: Path
    ready_file: Path | None = None


class Agent:
    """Serves one function; made anew for each run of the program."""

    def __init__(self, function: str, runtime: str, token: str | None, place: Place) -> None:
        self._function = function
        self._url = f"ws://{runtime}/agents/{function}"
        self._headers = {"X-Agent": socket.gethostname()} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._place = place
        self._leaving = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def leave(self) -> None:
        """Take no more events; the one under way has a few seconds."""
        say(self._function, "leaving")
        self._leaving.set()

    async def serve(self) -> int:
        """Serve until told to leave; whatever happens to the connection, come back."""
        with Reaper() as reaper:
            pause = _FIRST_PAUSE
            while not self._leaving.is_set():
                try:
                    async with self._connection() as line:
                        pause = _FIRST_PAUSE
                        await self._attached(line, reaper)
                except _TROUBLE as error:
                    say(self._function, f"not attached: {_words(error)}", level="warning")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        return 0

    async def invoke(self, event: bytes) -> int:
        """Handle one event of our own and print the answer; 1 when the function failed."""
        with Reaper() as reaper:
            async with self._persistent_connection() as line:
                sandbox = await self._sandbox(line, reaper)
                outcome = await sandbox.invoke(Request(str(uuid.uuid4()), event), None)
                await sandbox.stop()
        say(self._function, outcome.payload.decode(errors="replace"), level="info" if outcome.ok else "error")
        return 0 if outcome.ok else 1

    async def _attached(self, line: aiohttp.ClientWebSocketResponse, reaper: Reaper) -> None:
        sandbox = await self._sandbox(line, reaper)
        leaving = asyncio.create_task(self._say_goodbye(line))
        events: set[asyncio.Task[None]] = set()
        try:
            await sandbox.warm(None)  # one that fails is tried again with the first event, as on AWS
            with self._ready():
                await line.send_json({"type": "ready", "pid": sandbox.pid})
                say(self._function, "attached")
                async for message in line:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        break
                    # Not awaited: pings are answered while an event runs. There is never a second one meanwhile.
                    task = asyncio.create_task(self._handle(line, sandbox, wire.invoked(message.json())))
                    events.add(task)
                    task.add_done_callback(events.discard)
        finally:
            leaving.cancel()
            for task in events:
                task.cancel()
            await sandbox.stop()
            reap_orphans({reaper.pid})

    async def _handle(self, line: aiohttp.ClientWebSocketResponse, sandbox: Sandbox, request: Request) -> None:
        self._quiet.clear()
        try:
            outcome = await sandbox.invoke(request, None)
            # Who asked may be gone; then the connection has ended, and so does this sandbox.
            with contextlib.suppress(ConnectionError):
                await line.send_json(wire.outcome(outcome, sandbox.pid))
        finally:
            self._quiet.set()
        reap_orphans({sandbox.pid})

    async def _say_goodbye(self, line: aiohttp.ClientWebSocketResponse) -> None:
        await self._leaving.wait()
        with contextlib.suppress(ConnectionError):
            await line.send_json({"type": "leaving"})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), _GRACE)
        await line.close()

    async def _sandbox(self, line: aiohttp.ClientWebSocketResponse, reaper: Reaper) -> Sandbox:
        """A sandbox as the runtime wants it; what it prints goes there, too."""
        unsent: set[asyncio.Task[None]] = set()

        def forward(_function: str, text: str) -> None:
            task = asyncio.ensure_future(_send_line(line, text))
            unsent.add(task)
            task.add_done_callback(unsent.discard)

        image = {name: os.environ[name] for name in _FROM_IMAGE if name in os.environ}
        here = Surroundings(reaper, extra_environment=image, output=forward, bootstrap=self._place.bootstrap)
        function, surroundings = wire.configured(await line.receive_json(), self._place.code, here)
        return Sandbox(function, surroundings)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        options = aiohttp.ClientWSTimeout(ws_close=2.0)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                self._url,
                headers=self._headers,
                heartbeat=wire.HEARTBEAT,
                timeout=options,
                max_msg_size=wire.LARGEST_MESSAGE,
            ) as line,
        ):
            yield line

    @asynccontextmanager
    async def _persistent_connection(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A connection, however long it takes until somebody answers."""
        async with contextlib.AsyncExitStack() as stack:
            while True:
                try:
                    line = await stack.enter_async_context(self._connection())
                    break
                except _TROUBLE as error:
                    say(self._function, f"not attached: {_words(error)}", level="warning")
                    await asyncio.sleep(1)
            yield line

    @contextlib.contextmanager
    def _ready(self) -> Iterator[None]:
        file = self._place.ready_file
        if file:
            file.touch()
        try:
            yield
        finally:
            if file:
                file.unlink(missing_ok=True)


async def _send_line(line: aiohttp.ClientWebSocketResponse, text: str) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        await line.send_json({"type": "line", "text": text})


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        known = {403: "the runtime refuses our token", 404: "the runtime's template has no such function"}
        return known.get(error.status, f"the runtime answers {error.status}")
    return str(error) or type(error).__name__
