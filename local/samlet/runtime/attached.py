"""A sandbox that an agent runs in a container of its own, and the door that agents come in by.

The agent runs the same `Sandbox` as the laptop does; here is only what stands for it. When the connection breaks, the
event that was under way has failed as if its process had died: nobody will ever tell how it ended.
"""

import asyncio
import contextlib
import hmac
import time
from pathlib import Path

from aiohttp import WSMsgType, web

from samlet.eager import begin
from samlet.errors import FunctionNotFound
from samlet.log import say
from samlet.model import Function
from samlet.runtime import wire
from samlet.runtime.ending import describe_exit
from samlet.runtime.functions import Functions
from samlet.runtime.logs import LogFile
from samlet.runtime.outcome import Outcome
from samlet.runtime.request import Request
from samlet.runtime.runtime_api import failure
from samlet.runtime.sandbox import State
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.secret_files import token_of

_FAREWELL = 2.0  # seconds for closing a connection
_MARGIN = 5.0  # seconds that an agent has to report a time-out, beyond the time-out itself
_KILLED = -9


class AttachedSandbox:
    """One function's sandbox at an agent; `agent` is the name of its container."""

    def __init__(
        self,
        function: Function,
        settings: SandboxSettings,
        agent: str,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
    ) -> None:
        self.function = function
        self.agent = agent
        self.state: State = "starting"
        self.invocations = 0
        self.idle_since = time.monotonic()
        self.stale = False
        self.pid: int | None = None
        self._settings = settings
        self._socket = socket
        self._transport = transport
        self._file = LogFile(settings.log_path, function.name)
        self._request: Request | None = None
        self._answer: asyncio.Future[Outcome] | None = None
        self._asking: set[asyncio.Task[None]] = set()
        # Cold: a first initialisation, another one on the event's time, and the event itself.
        self._patience = settings.init_limit + function.timeout + _MARGIN

    async def warm(self, python: Path | None) -> bool:  # noqa: ARG002 - the agent knows its own
        """Nothing to do: the agent has started the process before it attached."""
        return True

    def begin(self, request: Request) -> None:
        """Nothing to do: the event goes with `invoke`."""

    async def invoke(self, request: Request, python: Path | None) -> Outcome:  # noqa: ARG002 - the same
        """Hand one event to the agent; an agent that is gone, or silent for too long, has failed it."""
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._request = request
        self.state = "busy"
        try:
            await self._socket.send_json(wire.invoke(request))
        except (ConnectionError, RuntimeError):
            self.lost()
        await asyncio.wait([answer], timeout=self._patience)
        if not answer.done():
            self._fail("Sandbox.Timedout", f"Task timed out after {self.function.timeout:.2f} seconds")
            self.stale = True
        self._request = self._answer = None
        self.invocations += 1
        self.idle_since = time.monotonic()
        if self.state == "busy":
            self.state = "idle"
        if request.stream is not None:
            request.stream.give(answer.result())
        return answer.result()

    def finish(self) -> None:
        """Nothing to do: the agent has done it."""

    async def stop(self) -> None:
        """Close the connection; the agent ends its process and comes back for another one."""
        self.state = "ended"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._socket.close(), _FAREWELL)
        # A frozen agent takes nothing more: what is still to be sent, and whoever sends it, would wait for ever.
        self._transport.abort()

    def take(self, message: wire.Message) -> None:
        """Something that the agent says."""
        match message["type"]:
            case "line":
                self._file.write(message["text"])
                request_id = self._request.request_id if self._request else ""
                self._settings.observer.printed(self.function.logical_id, request_id, message["text"])
            case "ready":
                self.pid, self.state = message["pid"], "idle"
            case "begun" | "part" if self._awaits(message["request_id"]):
                self._take_part(message)
            case "outcome" if self._awaits(message["request_id"]):
                self.pid = message["pid"]
                assert self._answer
                self._answer.set_result(wire.outcome_of(message))

    def _take_part(self, message: wire.Message) -> None:
        stream = self._request.stream if self._request else None
        if stream is None:
            return
        if message["type"] == "begun":
            stream.flow(self._ask_for_more)
            stream.begin(message["content_type"])
        elif stream.take(wire.part_of(message)):
            self._ask_for_more()

    def _ask_for_more(self) -> None:
        asking = begin(self._say_taken())
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)

    async def _say_taken(self) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self._socket.send_json(wire.taken())

    def _awaits(self, request_id: str) -> bool:
        """Whether this is the event under way; the answer to one that was given up comes too late."""
        waiting = self._answer is not None and not self._answer.done()
        return waiting and self._request is not None and self._request.request_id == request_id

    def lost(self) -> None:
        """The connection has ended, and with it whatever was under way."""
        self.state, self.pid, self.stale = "ended", None, True
        self._fail("Runtime.ExitError", describe_exit(_KILLED))

    def _fail(self, kind: str, text: str) -> None:
        if self._request and self._answer and not self._answer.done():
            name = self._request.request_id
            say(self.function.name, f"{name} failed at {self.agent}: {text}", level="error")
            self._answer.set_result(Outcome(name, failure(kind, f"RequestId: {name} Error: {text}"), "Unhandled"))


class AgentsApi:
    """Where agents come in: `GET /agents/<logical id>`, a WebSocket, with the token of that function or of them all."""

    def __init__(self, functions: Functions, token: str | None) -> None:
        self._functions = functions
        self._token = token
        self.app = web.Application()
        self.app.router.add_get("/agents/{function}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return refusal
        try:
            function = self._functions.resolve(request.match_info["function"])
        except FunctionNotFound as error:
            return web.Response(status=404, text=str(error))
        socket = web.WebSocketResponse(heartbeat=wire.HEARTBEAT, max_msg_size=wire.LARGEST_MESSAGE)
        await socket.prepare(request)
        name = request.headers.get("X-Agent", request.remote or "an agent")
        assert request.transport
        sandbox = AttachedSandbox(function, self._functions.settings, name, socket, request.transport)
        await socket.send_json(wire.configure(function, self._functions.settings))
        try:
            await self._listen(sandbox, socket)
        finally:
            self._functions.detach(function.logical_id, sandbox)
            sandbox.lost()
            await sandbox.stop()
        return socket

    def _refusal(self, request: web.Request) -> web.Response | None:
        if "Origin" in request.headers:
            return web.Response(status=403, text="no web page may be an agent")
        if self._token and not _lets_in(self._token, request):
            return web.Response(status=403, text="this is not the agents' token, nor that of this function")
        if request.headers.get(wire.VERSION_HEADER) != wire.VERSION:
            return web.Response(status=426, text=f"version {wire.VERSION} of the agents' protocol is spoken here")
        return None

    async def _listen(self, sandbox: AttachedSandbox, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            said = message.json()
            sandbox.take(said)
            if said["type"] == "ready":
                if not self._functions.attach(sandbox.function.logical_id, sandbox):
                    return  # it comes back and is told of the function as it is now
                say(sandbox.function.name, f"{sandbox.agent} is attached")
            elif said["type"] == "leaving" and self._functions.detach(sandbox.function.logical_id, sandbox):
                return  # otherwise it is closed when it is given back after its event


def _lets_in(shared: str, request: web.Request) -> bool:
    told = request.headers.get("Authorization", "")
    # Of the function as it is asked for: there is no token for a name or an ARN.
    own = token_of(shared, request.match_info["function"])
    return _same(told, f"Bearer {shared}") or _same(told, f"Bearer {own}")


def _same(told: str, expected: str) -> bool:
    return hmac.compare_digest(told.encode(errors="surrogateescape"), expected.encode())
