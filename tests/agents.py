"""Agents as containers have them: processes of their own, which dial a runtime of the test."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from samlet.model import Function
from samlet.runtime import Functions
from servers import CHECKOUT
from waiting import eventually_async

TOKEN = "a-token-of-the-tests"
_START = CHECKOUT / "local" / "samlet" / "runtime" / "bootstrap_python.py"


@dataclass
class Agents:
    """Starts agents, which dial `port`."""

    port: int
    folder: Path
    agents: list[asyncio.subprocess.Process]

    async def agent(self, function: Function, *options: str, token: str = TOKEN) -> asyncio.subprocess.Process:
        """Start an agent as a container would: `--bootstrap` is a program that starts the runtime's client."""
        bootstrap = self.folder / "bootstrap"
        start = f'exec {sys.executable} {_START} "$_HANDLER" ""'
        bootstrap.write_text(f"#!/bin/sh\n{start}\n")
        bootstrap.chmod(bootstrap.stat().st_mode | stat.S_IXUSR)
        (self.folder / "token").write_text(token + "\n")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "samlet.agent", function.logical_id,
            "--runtime", f"127.0.0.1:{self.port}", "--token-file", str(self.folder / "token"),
            "--code", str(function.code), "--bootstrap", str(bootstrap), *options,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "local")},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.agents.append(process)
        return process

    async def end(self, process: asyncio.subprocess.Process, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; exit status and what was printed."""
        process.send_signal(how)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def end_all(self) -> None:
        for agent in self.agents:
            if agent.returncode is None:
                agent.kill()
            await agent.communicate()


@dataclass
class Runtime(Agents):
    """Functions whose sandboxes are at agents, and where those come in."""

    functions: Functions

    def sandboxes(self, function: Function) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.functions.status()[function.logical_id]["sandboxes"]
        return found

    async def attached(self, function: Function, number: int = 1) -> list[int]:
        """Wait until so many sandboxes can take events; their process ids."""

        def ready() -> bool:
            states = [sandbox["state"] for sandbox in self.sandboxes(function)]
            return len(states) == number and all(state in ("idle", "busy") for state in states)

        await eventually_async(ready, timeout=20)
        return [sandbox["pid"] for sandbox in self.sandboxes(function)]


type StartRuntime = Callable[..., AbstractAsyncContextManager[Runtime]]
# The other end of an agent's line, played by the test: told the line, its own end is the line's.
type Play = Callable[[Callable[[web.WebSocketResponse], Awaitable[None]]], AbstractAsyncContextManager[Agents]]
