"""A runtime whose sandboxes are at agents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agents import TOKEN, Runtime, StartRuntime
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Functions
from samlet.runtime.attached import AgentsApi


@pytest.fixture
def runtime(tmp_path: Path) -> StartRuntime:
    @asynccontextmanager
    async def start(*functions: Function, port: int = 0, **settings: Any) -> AsyncIterator[Runtime]:
        with Reaper() as reaper:
            made = Functions({one.logical_id: one for one in functions}, reaper=reaper, **settings)
            await made.start()
            runner = web.AppRunner(AgentsApi(made, TOKEN).app, shutdown_timeout=0.2)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            assert site._server
            bound = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
            running = Runtime(made, bound, tmp_path, [])
            try:
                yield running
            finally:
                await made.stop()
                await runner.cleanup()
                for agent in running.agents:
                    if agent.returncode is None:
                        agent.kill()
                    await agent.communicate()

    return start
