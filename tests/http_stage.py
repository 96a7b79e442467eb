"""The hand-made HTTP server on a real socket, and connections that speak to it byte by byte."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import pytest
import uvloop

from gateway_client import Answer, read_answer
from samlet.http_protocol import HttpServer
from samlet.http_request import Limits, RawRequest
from samlet.http_response import HttpResponse

HEAD = b" HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST /" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LIMITS = Limits(head=1_000, body=100_000)
QUICK = replace(LIMITS, head_seconds=0.2, idle_seconds=0.2, stall_seconds=0.2)


def in_either_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Any:
    """Run a test in asyncio's loop and in uvloop's, since either may be what somebody runs."""

    @wraps(test)
    def run(*args: Any, new_loop: Callable[[], asyncio.AbstractEventLoop] | None, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs), loop_factory=new_loop)

    own = inspect.signature(test)
    added = inspect.Parameter("new_loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), added])  # type: ignore[attr-defined]
    loops = [None, uvloop.new_event_loop]
    return pytest.mark.parametrize("new_loop", loops, ids=["asyncio", "uvloop"])(run)


@dataclass
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        return await read_answer(self.reader)

    async def ended(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 10) == b""


@dataclass
class Stage:
    server: HttpServer
    port: int
    seen: list[RawRequest] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    async def connect(self) -> Line:
        self.lines.append(Line(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.lines[-1]

    async def ask(self, data: bytes) -> tuple[int, Line]:
        line = await self.connect()
        line.send(data)
        return (await line.answer()).status, line


type Serve = Callable[[RawRequest], Awaitable[HttpResponse]]


async def hello(request: RawRequest) -> HttpResponse:
    return HttpResponse(413 if request.body is None else 200, [], request.target.encode() + (request.body or b""))


@asynccontextmanager
async def stage(serve: Serve = hello, limits: Limits = LIMITS) -> AsyncIterator[Stage]:
    async def handler(request: RawRequest) -> HttpResponse:
        here.seen.append(request)
        return await serve(request)

    server = HttpServer(handler, lambda status, words: HttpResponse(status, [], words.encode()), limits)
    here = Stage(server, (await server.listen())[1])
    try:
        yield here
    finally:
        for line in here.lines:
            line.writer.close()
        await server.close()
