"""What changes, over server-sent events: each client asks for what is new since it last got something.

Nothing is queued for a client. One that reads slowly gets a larger step the next time, and one that does not read at
all is dropped; it comes back with the id of the last event, and gets what it missed, or everything again.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from samlet.console.answers import WATCHED
from samlet.console.invocations import summary
from samlet.console.overview import overview
from samlet.console.timetables import schedules
from samlet.console.watched import Watched
from samlet.errors import SamletError

TICK = 0.25  # seconds between looks
_SLOW_TICKS = 4  # the parts that are built anew at each look are looked at this many ticks apart
HEARTBEAT = 15.0
PATIENCE = 10.0
"""Seconds until a client that takes nothing is dropped."""
MOST_AT_ONCE = 300
"""Changed invocations in one event; where there are more, a client is told `many` and reads the list again."""
_RUN = f"{os.getpid():x}{time.time_ns():x}"  # ids of another run mean nothing in this one


_STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping")


def routes(app: web.Application) -> None:
    """Add the route; streams end when the server does, which would wait for them otherwise."""
    app[_STOPPING] = asyncio.Event()
    app.on_shutdown.append(_stop)
    app.router.add_get("/api/stream", _stream)


async def _stop(app: web.Application) -> None:
    app[_STOPPING].set()


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    client = Client(request.app[WATCHED], request.headers.get("Last-Event-ID", ""), request.app[_STOPPING])
    try:
        async for chunk in client.chunks():
            await asyncio.wait_for(response.write(chunk), PATIENCE)
    except (TimeoutError, ConnectionError):
        if request.transport:
            request.transport.abort()  # closing would wait for what is not taken
    return response


class Client:
    """One page that listens; `chunks` are events as they go over the wire."""

    def __init__(self, watched: Watched, last_event_id: str, stopping: asyncio.Event) -> None:
        self._watched = watched
        self._stopping = stopping
        run, _, version = last_event_id.partition("-")
        known = run == _RUN and version.isdigit() and len(version) < 18
        self._version = int(version) if known else watched.record.version
        self._resumed = known
        self._sent: dict[str, str] = {}

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what is new, until the server stops; a `beat` when there was nothing for a while."""
        yield b"retry: 1000\n"
        yield self._event("hello", {"run": _RUN, "resumed": self._resumed, "now": time.time()})
        ticks, said = 0, time.monotonic()
        while not self._stopping.is_set():
            events = list(self._invocations())
            if ticks % _SLOW_TICKS == 0:
                events += [self._event(name, content) for name, content in await self._changed_parts()]
            if events:
                yield b"".join(events)
                said = time.monotonic()
            elif time.monotonic() - said > HEARTBEAT:
                yield self._event("beat", {})
                said = time.monotonic()
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK)

    def _invocations(self) -> list[bytes]:
        record = self._watched.record
        if record.version <= self._version:
            return []
        changed: list[dict[str, Any]] = []
        since = self._version
        self._version = record.version
        for invocation in record.newest():
            if invocation.version <= since:
                break
            if len(changed) == MOST_AT_ONCE:
                return [self._event("many", {"forgotten": record.forgotten})]
            changed.append(summary(invocation, self._watched))
        return [self._event("invocations", {"changed": changed[::-1], "forgotten": record.forgotten})]

    async def _changed_parts(self) -> list[tuple[str, Any]]:
        """The parts that are different from what this client was sent last."""
        watched = self._watched
        parts = {name: part for name, part in watched.parts().items() if name != "functions"}
        present: dict[str, Any] = {
            "functions": overview(watched),
            "parts": {"ready": watched.ready, "addresses": dict(watched.addresses), "parts": parts},
            "mails": await _mark(watched),
        }
        if watched.schedules:
            present["schedules"] = schedules(watched, watched.schedules)
        found = []
        for name, content in present.items():
            text = json.dumps(content, default=str)
            if self._sent.get(name) != text:
                self._sent[name] = text
                found.append((name, content))
        return found

    def _event(self, name: str, content: Any) -> bytes:
        data = json.dumps(content, default=str)
        return f"id: {_RUN}-{self._version}\nevent: {name}\ndata: {data}\n\n".encode()


async def _mark(watched: Watched) -> str | None:
    sink = watched.mails
    if sink is None:
        return None
    try:
        return await asyncio.to_thread(sink.mark)
    except (SamletError, OSError):
        return "away"
