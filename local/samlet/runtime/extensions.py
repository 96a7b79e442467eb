"""The Extensions API, as far as a runtime itself uses it: internal extensions that register to hear of the end.

aws-lambda-go does so to be sent SIGTERM. External extensions (programs in a layer) are not started.
"""

import asyncio
import json
import uuid

from aiohttp import web

_PREFIX = "/2020-01-01/extension/"


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

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one call."""
        call = (request.method, request.path.removeprefix(_PREFIX))
        if call == ("POST", "register"):
            return await self._register(request)
        queue = self._queues.get(request.headers.get("Lambda-Extension-Identifier", ""))
        if queue is None:
            return web.json_response({"errorType": "Extension.UnknownIdentifier", "errorMessage": ""}, status=403)
        if call == ("GET", "event/next"):
            event = await queue.get()
            return web.json_response(event) if event else web.Response(status=500)
        return web.json_response({"status": "OK"}, status=202)

    async def _register(self, request: web.BaseRequest) -> web.Response:
        identifier = str(uuid.uuid4())
        self._queues[identifier] = asyncio.Queue()
        wanted = json.loads(await request.read() or b"{}").get("events", [])
        if "INVOKE" in wanted:
            self._wants_events.add(identifier)
        return web.json_response(self._about, headers={"Lambda-Extension-Identifier": identifier})
