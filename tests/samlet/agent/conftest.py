"""A runtime whose sandboxes are at agents."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents import TOKEN, Agents, Play, Runtime, StartRuntime
from functions_on_the_spot import functions_of
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime.attached import AgentsApi


@pytest.fixture
def runtime(tmp_path: Path) -> StartRuntime:
    @asynccontextmanager
    async def start(*functions: Function, port: int = 0, **settings: Any) -> AsyncIterator[Runtime]:
        with Reaper() as reaper:
            made = functions_of(*functions, reaper=reaper, **settings)
            await made.start()
            runner = web.AppRunner(AgentsApi(made, TOKEN).app, shutdown_timeout=0.2)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            assert site._server
            bound = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
            running = Runtime(bound, tmp_path, [], made)
            try:
                yield running
            finally:
                await made.stop()
                await runner.cleanup()
                await running.end_all()

    return start


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """A runtime that pings often, and whose part after that is the test's."""

    @asynccontextmanager
    async def start(part: Callable[[web.WebSocketResponse], Awaitable[None]]) -> AsyncIterator[Agents]:
        async def serve(request: web.Request) -> web.WebSocketResponse:
            line = web.WebSocketResponse(heartbeat=0.4, timeout=0.5)
            await line.prepare(request)
            await part(line)
            return line

        app = web.Application()
        app.router.add_get("/agents/{function}", serve)
        server = TestServer(app)
        await server.start_server()
        assert server.port
        agents = Agents(server.port, tmp_path, [])
        try:
            yield agents
        finally:
            await agents.end_all()
            await server.close()

    return start
