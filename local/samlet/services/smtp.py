"""One SMTP conversation, by aiosmtpd, which is loaded only where mails are taken."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP

_LARGEST = 32 * 1024 * 1024  # bytes


class Connection(SMTP):
    """A conversation that we can end; the server alone would wait for its client for ever."""

    def __init__(self, handler: Any, connections: set["Connection"]) -> None:
        super().__init__(handler, hostname="localhost", ident="Samlet", enable_SMTPUTF8=True, data_size_limit=_LARGEST)
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note that it is open."""
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Note that it is over."""
        self._connections.discard(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Close the connection, whatever it is in the middle of."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
