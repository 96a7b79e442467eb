"""The Extensions API, as far as a runtime itself uses it: internal extensions that register to hear of the end.

aws-lambda-go does so to be sent SIGTERM. External extensions (programs in a layer) are not started.
"""

import asyncio
import json
import uuid

from samlet.http_protocol import HttpResponse, RawRequest

EXTENSION_PREFIX = "/2020-01-01/extension/"


class Extensions:
    """Who registered with one sandbox, and the events that they have yet to fetch."""

    def __init__(self, function: str, handler: str) -> None:
        self._about = {"functionName": function, "functionVersion": "$LATEST", "handler": handler}
        self._queues: dict[str, asyncio.Queue[dict[str, object] | None]] = {}
        self._wants_events: set[str] = set()

    @property
    def registered(self) -> bool:
        """Whether the end is announced by SIGTERM."""
        return bool(self._queues)

    def invoked(self, request_id: str, deadline_ms: int, arn: str) -> None:
        """Tell of an invocation."""
        for identifier in self._wants_events:
            event = {"eventType": "INVOKE", "deadlineMs": deadline_ms, "requestId": request_id}
            self._queues[identifier].put_nowait({**event, "invokedFunctionArn": arn})

    def close(self) -> None:
        """Let go of whoever waits for an event."""
        for queue in self._queues.values():
            queue.put_nowait(None)

    async def handle(self, method: str, path: str, request: RawRequest) -> HttpResponse:
        """Answer one call."""
        call = (method, path.removeprefix(EXTENSION_PREFIX))
        if call == ("POST", "register"):
            return self._register(request)
        queue = self._queues.get(request.header(b"lambda-extension-identifier") or "")
        if queue is None:
            return json_answer(403, {"errorType": "Extension.UnknownIdentifier", "errorMessage": ""})
        if call == ("GET", "event/next"):
            event = await queue.get()
            return json_answer(200, event) if event else HttpResponse(500)
        return json_answer(202, {"status": "OK"})

    def _register(self, request: RawRequest) -> HttpResponse:
        identifier = str(uuid.uuid4())
        self._queues[identifier] = asyncio.Queue()
        wanted = json.loads(request.body or b"{}").get("events", [])
        if "INVOKE" in wanted:
            self._wants_events.add(identifier)
        answer = json_answer(200, self._about)
        answer.headers.append(("Lambda-Extension-Identifier", identifier))
        return answer


def json_answer(status: int, content: object) -> HttpResponse:
    """Return an answer of the Runtime API, which speaks JSON only."""
    return HttpResponse(status, [("Content-Type", "application/json")], json.dumps(content).encode())
