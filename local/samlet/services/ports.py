"""Ports of the services: free ones, taken ones, and whether anybody answers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from samlet.errors import PortTaken

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def claim(part: str, port: int, setting: str) -> int:
    """Return `port`, or a free one for 0; raises PortTaken, which names `setting`, when somebody else has it."""
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        # As the servers do: a port whose last connections are only waiting out their time is not taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(part, port, setting) from error
    return port


@contextlib.asynccontextmanager
async def connection(
    host: str, port: int, *, within: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection for one question; the whole block has `within` seconds, else TimeoutError."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
