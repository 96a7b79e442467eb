"""The HTTP/1.1 server of the two doors that every event passes: the gateway and the Runtime API.

It listens, and watches the time of its connections; what happens on one of them is in `http_connection`. Everything
that is not on the way of every event (console, Invoke API, the web page) is served by aiohttp; see ADR 17.
"""

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import Callable
from email.utils import formatdate

from samlet.http_connection import Answer as Answer  # what a handler gives
from samlet.http_connection import Connection, Handler, Refuse
from samlet.http_later import Later as Later
from samlet.http_parts import Sink
from samlet.http_request import Limits, RawRequest

_BACKLOG = 1024


class HttpServer:
    """Listens, and passes every sound request to `handler`, which has the answer at once or later.

    `refuse` makes the answer to one that is not sound, from a status and its words. `body_limit` may set another limit
    for a body once its head is known, and `open_body` a sink for one of unknown length, which it gets while it comes.
    An exception in the handler is a 500.
    """

    def __init__(
        self,
        handler: Handler,
        refuse: Refuse,
        limits: Limits,
        *,
        body_limit: Callable[[RawRequest], int] | None = None,
        open_body: Callable[[RawRequest], Sink | None] | None = None,
    ) -> None:
        self.handler = handler
        self.refuse = refuse
        self.limits = limits
        self.body_limit = body_limit or (lambda _: limits.body)
        self.open_body = open_body
        self.connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._date = (0, "")
        self._nobody = asyncio.Event()
        self._nobody.set()

    async def listen(self, bound: socket.socket | None = None) -> tuple[str, int]:
        """Answer on a bound socket, else on a free port of 127.0.0.1; returns host and port."""
        loop = asyncio.get_running_loop()
        if bound is None:
            self._listener = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        else:
            self._listener = await loop.create_server(lambda: Connection(self), sock=bound, backlog=_BACKLOG)
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    async def close(self, grace: float = 0.0) -> None:
        """Stop listening and end all connections; who waits for an answer has `grace` seconds to get it."""
        if self._listener:
            self._listener.close()
        if self._sweep:
            self._sweep.cancel()
        for connection in list(self.connections):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nobody.wait(), grace)
        for connection in list(self.connections):
            connection.abort()

    def add(self, connection: Connection) -> None:
        """Know a connection, to watch its time."""
        self.connections.add(connection)
        self._nobody.clear()
        if self._sweep is None:
            self._watch()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._nobody.set()

    def date(self) -> str:
        """The time as HTTP writes it, made once a second."""
        second = int(time.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def _watch(self) -> None:
        """One timer for all: a timer for each request would cost more than the request's parsing."""
        loop = asyncio.get_running_loop()
        for connection in list(self.connections):
            connection.check(loop.time())
        shortest = min(self.limits.head_seconds, self.limits.idle_seconds, self.limits.stall_seconds)
        needed = self.connections and shortest < math.inf
        self._sweep = loop.call_later(min(1.0, shortest / 4), self._watch) if needed else None
