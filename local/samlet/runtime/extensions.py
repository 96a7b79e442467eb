"""The Extensions API of one sandbox, for internal extensions (parts of a runtime) and external ones (programs).

An extension inside a runtime may hear of invocations; aws-lambda-go registers one to be sent SIGTERM. A program in a
layer's `extensions/` registers by its file's name and may hear of the end as well. This knows nothing of the server
that a call comes through, nor of processes.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from samlet.log import say
from samlet.model import DEFAULT_ACCOUNT

PREFIX = "/2020-01-01/extension/"
TELEMETRY = {"/2022-07-01/telemetry": "Telemetry", "/2020-08-15/logs": "Logs"}
MOST = 10
_IDENTIFIER = "Lambda-Extension-Identifier"
_NO_EVENT = "ErrorInvalidEventType"
_WHY_NOT = {"SHUTDOWN": "ShutdownEventNotSupportedForInternalExtension"}
_FEATURES = "Lambda-Extension-Accept-Feature"

type State = Literal["Started", "Registered", "Ready", "LaunchError", "InitError", "ExitError"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gets; `body` is JSON."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Extension:
    """One extension; `error_type` is what it has said of itself, or why it could not be started."""

    name: str
    external: bool
    state: State = "Started"
    events: tuple[str, ...] = ()
    error_type: str = ""
    queue: asyncio.Queue[dict[str, object] | None] = field(default_factory=asyncio.Queue)

    @property
    def line(self) -> str:
        """What the log is told of it when the initialisation is over."""
        error = f"\tError Type: {self.error_type}" if self.error_type else ""
        return f"EXTENSION\tName: {self.name}\tState: {self.state}\tEvents: [{','.join(self.events)}]{error}"


class Extensions:
    """Who registered with one sandbox, and the events that they have yet to fetch.

    `pending` are those that have not asked for their next event: the sandbox is not free before they do, and
    `when_ready` is called as soon as the last of them does. `when_registered` is called once all programs are known.
    """

    def __init__(self, function: str, handler: str, account: str = DEFAULT_ACCOUNT) -> None:
        self.pending: set[str] = set()
        self.when_ready: Callable[[], None] = _nothing
        self.when_registered: Callable[[], None] = _nothing
        self._function = function
        self._about = {"functionName": function, "functionVersion": "$LATEST", "handler": handler}
        self._account = account
        self._launched: dict[str, Extension] = {}
        self._known: dict[str, Extension] = {}

    @property
    def registered(self) -> bool:
        """Whether the end is announced by SIGTERM."""
        return bool(self._known)

    @property
    def internal(self) -> bool:
        """Whether one of them is part of the runtime."""
        return bool(self._inside)

    @property
    def lines(self) -> list[str]:
        """What the log is told of them when the initialisation is over."""
        return [extension.line for extension in (*self._launched.values(), *self._inside)]

    @property
    def late(self) -> list[str]:
        """The names of those that have not asked for their next event."""
        return [self._known[identifier].name for identifier in self.pending]

    def expect(self, name: str) -> Extension:
        """Take note of a program that is being started, and that will register by this name."""
        extension = self._launched[name] = Extension(name, external=True)
        return extension

    def invoked(self, request_id: str, deadline_ms: int, arn: str, trace_id: str | None = None) -> None:
        """Tell of an invocation."""
        tracing = {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id}} if trace_id else {}
        for identifier, extension in self._known.items():
            if "INVOKE" in extension.events:
                self.pending.add(identifier)
                event = {"eventType": "INVOKE", "deadlineMs": deadline_ms, "requestId": request_id}
                extension.queue.put_nowait({**event, "invokedFunctionArn": arn, **tracing})

    def shut_down(self, reason: str, deadline_ms: int) -> set[str]:
        """Tell the programs that asked for it of the end; returns their names."""
        told = set()
        for extension in self._launched.values():
            if "SHUTDOWN" in extension.events:
                event = {"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms}
                extension.queue.put_nowait(event)
                told.add(extension.name)
        return told

    def close(self) -> None:
        """Let go of whoever waits for an event."""
        for extension in self._known.values():
            extension.queue.put_nowait(None)

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, initialising: bool
    ) -> Answer:
        """Answer one call; the names of `headers` are in lower case."""
        call = (method, path.removeprefix(PREFIX))
        if call == ("POST", "register"):
            return self._register(headers, body, initialising=initialising)
        subscribes = method == "PUT" and path in TELEMETRY
        if not subscribes and call not in (("GET", "event/next"), ("POST", "init/error"), ("POST", "exit/error")):
            return _refusal(404, "NotFound", f"{method} {path} is no call of the Extensions API")
        identifier = headers.get(_IDENTIFIER.lower(), "")
        if reason := self._unknown(identifier):
            return reason
        if subscribes:
            return self._subscribe(identifier, TELEMETRY[path])
        if call == ("GET", "event/next"):
            return await self._next(identifier)
        kind = headers.get("lambda-extension-function-error-type")
        if not kind:
            text = "Lambda-Extension-Function-Error-Type header is required"
            return _refusal(403, "Extension.MissingHeader", text)
        return self._fail(identifier, call[1], kind)

    def _register(self, headers: Mapping[str, str], body: bytes, *, initialising: bool) -> Answer:
        name = headers.get("lambda-extension-name", "")
        if not name:
            return _refusal(403, "Extension.InvalidExtensionName", "Empty extension name")
        try:
            wanted = list(json.loads(body or b"{}").get("events") or [])
        except (ValueError, AttributeError, TypeError) as error:
            return _refusal(403, "InvalidRequestFormat", str(error))
        program = self._launched.get(name)
        for event in wanted:
            if event != "INVOKE" and not (program and event == "SHUTDOWN"):
                return _refusal(403, "Extension.InvalidEventType", f"{event}: {_why_not(event, program)}")
        if program and program.state != "Started":
            text = f"State transition from {program.state} to Registered failed for extension {name}"
            return _refusal(403, "Extension.InvalidExtensionState", text)
        if program is None and not initialising:
            return _refusal(403, "Extension.RegistrationClosed", f"Extension registration closed already: {name}")
        if program is None and len(self._launched) + len(self._inside) >= MOST:
            return _refusal(403, "Extension.TooManyExtensions", f"Extension limit ({MOST}) reached: {name}")
        identifier = self._know(program or Extension(name, external=False), wanted)
        account = {"accountId": self._account} if "accountId" in headers.get(_FEATURES.lower(), "") else {}
        return _json(200, self._about | account, {_IDENTIFIER: identifier})

    @property
    def _inside(self) -> list[Extension]:
        return [extension for extension in self._known.values() if not extension.external]

    def _know(self, extension: Extension, wanted: list[str]) -> str:
        extension.state, extension.events = "Registered", tuple(dict.fromkeys(wanted))
        identifier = str(uuid.uuid4())
        self._known[identifier] = extension
        self.pending.add(identifier)
        if extension.external and all(program.state != "Started" for program in self._launched.values()):
            self.when_registered()
        return identifier

    def _subscribe(self, identifier: str, name: str) -> Answer:
        """Answer as AWS's own emulator does, whose answer extensions are used to: accepted, and nothing comes."""
        text = f"{name} API is not supported"
        who = self._known[identifier].name
        say(self._function, f"{who}: the {name} API sends nothing here, this extension sees no logs", level="warning")
        return _json(202, {"errorMessage": text, "errorType": f"{name}.NotSupported"})

    def _fail(self, identifier: str, call: str, kind: str) -> Answer:
        extension = self._known[identifier]
        if extension.state not in ("InitError", "ExitError"):
            extension.state, extension.error_type = ("InitError" if call == "init/error" else "ExitError"), kind
        return _json(202, {"status": "OK"})

    async def _next(self, identifier: str) -> Answer:
        extension = self._known[identifier]
        if extension.error_type:
            text = f"State transition to Ready failed for extension {identifier}. Error: it has failed"
            return _refusal(403, "Extension.InvalidExtensionState", text)
        extension.state = "Ready"
        self.pending.discard(identifier)
        if not self.pending:
            self.when_ready()
        event = await extension.queue.get()
        if event is None:
            return Answer(500)
        return _json(200, event, {"Lambda-Extension-Event-Identifier": str(uuid.uuid4())})

    def _unknown(self, identifier: str) -> Answer | None:
        """Why this is nobody who registered."""
        if not identifier:
            return _refusal(403, "Extension.MissingExtensionIdentifier", f"Missing {_IDENTIFIER} header")
        try:
            uuid.UUID(identifier)
        except ValueError:
            return _refusal(403, "Extension.InvalidExtensionIdentifier", f"Invalid {_IDENTIFIER}")
        if identifier not in self._known:
            return _refusal(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
        return None


def _nothing() -> None:
    return None


def _why_not(event: str, program: Extension | None) -> str:
    return _NO_EVENT if program else _WHY_NOT.get(event, _NO_EVENT)


def _json(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(content).encode(), headers or {})


def _refusal(status: int, error_type: str, message: str) -> Answer:
    return _json(status, {"errorMessage": message, "errorType": error_type})
