"""The agent: attach, run events one at a time, come back whenever the connection is lost."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from samlet.agent.orphans import reap_orphans
from samlet.agent.outgoing import Outgoing
from samlet.agent.passing_on import PassingOn
from samlet.log import say
from samlet.processes import Reaper
from samlet.runtime import wire
from samlet.runtime.observer import Observer
from samlet.runtime.request import Request
from samlet.runtime.sandbox import Sandbox
from samlet.runtime.sandbox_settings import SandboxSettings

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_FAREWELL = 2.0  # seconds for closing a connection
_GRACE = 8.0  # seconds for the event under way when the container is stopped; Docker's own patience is 10
# The image's programs need their libraries and each other; all else of the container's environment stays outside.
_FROM_IMAGE = ("LD_LIBRARY_PATH", "PATH")
_TROUBLE = (OSError, TimeoutError, aiohttp.ClientError, aiohttp.WSMessageTypeError)
_REFUSALS = {
    403: "the runtime refuses our token",
    404: "the runtime's template has no such function",
    426: f"the runtime speaks another version of the protocol than our {wire.VERSION}; build this image anew",
}

type _Line = aiohttp.ClientWebSocketResponse


class _Printed(Observer):
    """Passes on what the function prints."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    def printed(self, function: str, request_id: str, line: str) -> None:  # noqa: ARG002 - the observer's signature
        """See `Observer.printed`."""
        self._outgoing.line(line)


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are in the container; `ready_file` is there exactly while events can come."""

    code: Path
    bootstrap: Path
    ready_file: Path | None = None

    def tell_ready(self, *, ready: bool) -> None:
        """Make or remove the file that says so."""
        if self.ready_file:
            if ready:
                self.ready_file.touch()
            else:
                self.ready_file.unlink(missing_ok=True)


class Agent:
    """Serves one function; made anew for each run of the program."""

    def __init__(self, function: str, runtime: str, token: str | None, place: Place) -> None:
        self._function = function
        self._url = f"ws://{runtime}/agents/{function}"
        self._headers = {"X-Agent": socket.gethostname(), wire.VERSION_HEADER: wire.VERSION}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._place = place
        self._leaving = False
        self._work: asyncio.Task[int] | None = None
        self._attached_by: Outgoing | None = None
        self._passing_on: PassingOn | None = None  # the answer of the event under way, if it is streamed

    def leave(self) -> None:
        """Take no more events; the one under way has a few seconds. The runtime closes the line when it is over."""
        say(self._function, "leaving")
        self._leaving = True
        self._place.tell_ready(ready=False)
        assert self._work
        if self._attached_by:
            self._attached_by.tell({"type": "leaving"})
            asyncio.get_running_loop().call_later(_GRACE, self._work.cancel)
        else:
            self._work.cancel()

    async def serve(self) -> int:
        """Serve until told to leave; whatever happens to the connection, come back."""
        return await self._until_told_to_leave(self._serve(), cut_short=0)

    async def invoke(self, event: bytes) -> int:
        """Handle one event of our own and print the answer; 1 when the function failed."""
        return await self._until_told_to_leave(self._invoke(event), cut_short=1)

    async def _until_told_to_leave(self, work: Coroutine[Any, Any, int], *, cut_short: int) -> int:
        self._work = asyncio.create_task(work)
        await asyncio.wait([self._work])
        return cut_short if self._work.cancelled() else self._work.result()

    async def _serve(self) -> int:
        self._place.tell_ready(ready=False)
        pause = _FIRST_PAUSE
        with Reaper() as reaper:
            while not self._leaving:
                try:
                    async with self._connection() as (line, configuration):
                        if await self._attach(line, configuration, reaper):
                            pause = _FIRST_PAUSE
                except _TROUBLE as error:
                    self._not_attached(error)
                if not self._leaving:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
        return 0

    async def _attach(self, line: _Line, configuration: wire.Message, reaper: Reaper) -> bool:
        """Stay until the connection ends; whether events could come."""
        outgoing = Outgoing(line.send_json)
        sandbox = self._sandbox(configuration, reaper, outgoing)
        async with _stopping(sandbox, reaper), _meanwhile() as do:
            do(self._or_close(line, outgoing.send()))
            do(self._or_close(line, self._come_up(sandbox, outgoing)))
            try:
                # From the first moment on, and while an event runs: it is reading that answers pings.
                async for message in line:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        break
                    said = message.json()
                    if said["type"] == "taken":
                        if self._passing_on:
                            self._passing_on.taken()
                        continue
                    request = wire.invoked(said)  # there is never a second one meanwhile
                    do(self._or_close(line, self._handle(sandbox, request, outgoing)))
            finally:
                attached, self._attached_by = self._attached_by is not None, None
                self._place.tell_ready(ready=False)
        return attached

    async def _come_up(self, sandbox: Sandbox, outgoing: Outgoing) -> None:
        await sandbox.warm(None)  # one that fails is tried again with the first event, as on AWS
        self._attached_by = outgoing
        self._place.tell_ready(ready=True)
        outgoing.tell({"type": "ready", "pid": sandbox.pid})
        say(self._function, "attached")

    async def _handle(self, sandbox: Sandbox, request: Request, outgoing: Outgoing) -> None:
        passing_on = self._passing_on = PassingOn(request.stream, outgoing) if request.stream else None
        try:
            outcome = await sandbox.invoke(request, None)
            sandbox.finish()
            if passing_on:
                await passing_on.end(outcome)
        finally:
            if passing_on:
                passing_on.call_off()
        outgoing.tell(wire.outcome(outcome, sandbox.pid))
        reap_orphans({sandbox.pid})

    async def _or_close(self, line: _Line, work: Coroutine[Any, Any, None]) -> None:
        """Do it; where that fails the connection ends, so that the runtime waits for nothing."""
        try:
            await work
        except _TROUBLE as error:
            if not line.closed:
                say(self._function, f"closing the connection: {_words(error)}", level="error")
                await line.close()

    async def _invoke(self, event: bytes) -> int:
        with Reaper() as reaper:
            async with self._persistent_connection() as (line, configuration):
                outgoing = Outgoing(line.send_json)
                sandbox = self._sandbox(configuration, reaper, outgoing)
                async with _stopping(sandbox, reaper), _meanwhile() as do:
                    do(self._or_close(line, outgoing.send()))
                    do(_read(line))
                    outcome = await sandbox.invoke(Request(str(uuid.uuid4()), event), None)
                    sandbox.finish()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(outgoing.sent(), _FAREWELL)
        say(self._function, outcome.payload.decode(errors="replace"), level="info" if outcome.ok else "error")
        return 0 if outcome.ok else 1

    def _sandbox(self, configuration: wire.Message, reaper: Reaper, outgoing: Outgoing) -> Sandbox:
        """A sandbox as the runtime wants it; what it prints goes there, too."""
        image = {name: os.environ[name] for name in _FROM_IMAGE if name in os.environ}
        here = SandboxSettings(
            reaper,
            extra_environment=image,
            bootstrap=self._place.bootstrap,
            observer=_Printed(outgoing),
        )
        function, settings = wire.configured(configuration, self._place.code, here)
        return Sandbox(function, settings)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[_Line, wire.Message]]:
        """A connection to the runtime, and the first thing that it says."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                self._url,
                headers=self._headers,
                heartbeat=wire.HEARTBEAT,
                timeout=aiohttp.ClientWSTimeout(ws_close=_FAREWELL),
                max_msg_size=wire.LARGEST_MESSAGE,
            ) as line,
        ):
            yield line, await line.receive_json()

    @asynccontextmanager
    async def _persistent_connection(self) -> AsyncIterator[tuple[_Line, wire.Message]]:
        """A connection, however long it takes until somebody answers."""
        async with contextlib.AsyncExitStack() as stack:
            while True:
                try:
                    connected = await stack.enter_async_context(self._connection())
                    break
                except _TROUBLE as error:
                    self._not_attached(error)
                    await asyncio.sleep(1)
            yield connected

    def _not_attached(self, error: Exception) -> None:
        say(self._function, f"not attached: {_words(error)}", level="warning")


@asynccontextmanager
async def _stopping(sandbox: Sandbox, reaper: Reaper) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await sandbox.stop()
        reap_orphans({reaper.pid})


@asynccontextmanager
async def _meanwhile() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """A doer of things on the side, which are called off at the end of the block."""
    tasks: set[asyncio.Task[None]] = set()

    def do(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        yield do
    finally:
        unfinished = list(tasks)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)


async def _read(line: _Line) -> None:
    async for _ in line:
        """Nothing is expected; reading is what answers pings."""


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return _REFUSALS.get(error.status, f"the runtime answers {error.status}")
    return str(error) or type(error).__name__
