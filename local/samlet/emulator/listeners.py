"""The emulator's own ports: bound before anything is started, so that a taken one is told at once and all are known."""

import errno
import socket
from contextlib import AsyncExitStack

from aiohttp import web

from samlet.errors import PortTaken, ProjectError
from samlet.settings import LOOPBACK, Settings, setting_of

_TITLES = {"api": "the HTTP API", "lambda": "the Invoke API", "web": "the web page", "console": "the console"}
_BACKLOG = 1024
_PATIENCE = 0.3  # seconds that open requests have when their server stops


def bind(part: str, settings: Settings) -> socket.socket:
    """Bind the port of `part`; it accepts connections only once `serve` is called.

    Who reaches the Invoke API may run everything, which IAM would refuse. Among containers it is for this one alone.
    """
    host = LOOPBACK if part == "lambda" and settings.agent_port else settings.host
    return _bind(host, settings.ports[part], _TITLES[part], setting_of(part))


def bind_agents(settings: Settings) -> socket.socket:
    """Bind the port that agents dial; it has no default."""
    assert settings.agent_port
    return _bind(settings.host, settings.agent_port, "the agents", "SAMLET_AGENT_PORT", choosable=False)


def _bind(host: str, port: int, title: str, setting: str, *, choosable: bool = True) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        # Another listener with SO_REUSEADDR can share a bound port, never a listening one.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(title, port, setting, choosable=choosable) from error
        raise ProjectError(f"{host}:{port} (SAMLET_HOST, {setting}) can't be listened on: {error.strerror}") from error
    return bound


def bind_any(settings: Settings) -> socket.socket:
    """Bind any free port and take connections."""
    bound = bind_free(settings)
    bound.listen(_BACKLOG)
    return bound


def bind_free(settings: Settings) -> socket.socket:
    """Bind any free port; until it listens, it refuses connections."""
    bound = socket.socket()
    bound.bind((settings.host, 0))
    return bound


def url_of(bound: socket.socket) -> str:
    """Return where a bound socket is reached from this machine."""
    host, port = bound.getsockname()
    return f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - compared, not bound


async def serve(app: web.Application, bound: socket.socket, stack: AsyncExitStack) -> None:
    """Answer on a bound socket until the stack unwinds."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_PATIENCE, auto_decompress=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, bound, backlog=_BACKLOG).start()
