"""The Extensions API, as far as a runtime itself uses it: internal extensions that register to hear of the end.

aws-lambda-go does so to be sent SIGTERM. External extensions (programs in a layer) are not started. This knows nothing
of the server that a call comes through.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

PREFIX = "/2020-01-01/extension/"
_MOST = 10
_IDENTIFIER = "Lambda-Extension-Identifier"
_NO_EVENT = "ErrorInvalidEventType"
_WHY_NOT = {"SHUTDOWN": "ShutdownEventNotSupportedForInternalExtension"}
_FEATURES = "Lambda-Extension-Accept-Feature"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gets; `body` is JSON."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Extensions:
    """Who registered with one sandbox, and the events that they have yet to fetch."""

    def __init__(self, function: str, handler: str, account: str = "000000000000") -> None:
        self._about = {"functionName": function, "functionVersion": "$LATEST", "handler": handler}
        self._account = account
        self._queues: dict[str, asyncio.Queue[dict[str, object] | None]] = {}
        self._wants_events: set[str] = set()
        self._failed: set[str] = set()

    @property
    def registered(self) -> bool:
        """Whether the end is announced by SIGTERM."""
        return bool(self._queues)

    def invoked(self, request_id: str, deadline_ms: int, arn: str, trace_id: str | None = None) -> None:
        """Tell of an invocation."""
        tracing = {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id}} if trace_id else {}
        for identifier in self._wants_events:
            event = {"eventType": "INVOKE", "deadlineMs": deadline_ms, "requestId": request_id}
            self._queues[identifier].put_nowait({**event, "invokedFunctionArn": arn, **tracing})

    def close(self) -> None:
        """Let go of whoever waits for an event."""
        for queue in self._queues.values():
            queue.put_nowait(None)

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, initialising: bool
    ) -> Answer:
        """Answer one call; the names of `headers` are in lower case."""
        call = (method, path.removeprefix(PREFIX))
        if call == ("POST", "register"):
            return self._register(headers, body, initialising=initialising)
        if call not in (("GET", "event/next"), ("POST", "init/error"), ("POST", "exit/error")):
            return _refusal(404, "NotFound", f"{method} {path} is no call of the Extensions API")
        identifier = headers.get(_IDENTIFIER.lower(), "")
        if reason := self._unknown(identifier):
            return reason
        if call == ("GET", "event/next"):
            return await self._next(identifier)
        if not headers.get("lambda-extension-function-error-type"):
            text = "Lambda-Extension-Function-Error-Type header is required"
            return _refusal(403, "Extension.MissingHeader", text)
        self._failed.add(identifier)
        return _json(202, {"status": "OK"})

    def _register(self, headers: Mapping[str, str], body: bytes, *, initialising: bool) -> Answer:
        name = headers.get("lambda-extension-name", "")
        if not name:
            return _refusal(403, "Extension.InvalidExtensionName", "Empty extension name")
        try:
            wanted = list(json.loads(body or b"{}").get("events") or [])
        except (ValueError, AttributeError, TypeError) as error:
            return _refusal(403, "InvalidRequestFormat", str(error))
        for event in wanted:
            if event != "INVOKE":
                return _refusal(403, "Extension.InvalidEventType", f"{event}: {_WHY_NOT.get(event, _NO_EVENT)}")
        if not initialising:
            return _refusal(403, "Extension.RegistrationClosed", f"Extension registration closed already: {name}")
        if len(self._queues) >= _MOST:
            return _refusal(403, "Extension.TooManyExtensions", f"Extension limit ({_MOST}) reached: {name}")
        identifier = str(uuid.uuid4())
        self._queues[identifier] = asyncio.Queue()
        if wanted:
            self._wants_events.add(identifier)
        account = {"accountId": self._account} if "accountId" in headers.get(_FEATURES.lower(), "") else {}
        return _json(200, self._about | account, {_IDENTIFIER: identifier})

    async def _next(self, identifier: str) -> Answer:
        if identifier in self._failed:
            text = f"State transition to Ready failed for extension {identifier}. Error: it has failed"
            return _refusal(403, "Extension.InvalidExtensionState", text)
        event = await self._queues[identifier].get()
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
        if identifier not in self._queues:
            return _refusal(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
        return None


def _json(status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(content).encode(), headers or {})


def _refusal(status: int, error_type: str, message: str) -> Answer:
    return _json(status, {"errorMessage": message, "errorType": error_type})
