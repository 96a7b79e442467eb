"""One port of the gateway, and the API behind it, which can be exchanged while the port stays open."""

from socket import socket

from samlet.http_protocol import HttpServer
from samlet.http_request import Limits, RawRequest
from samlet.http_response import HttpResponse
from samlet.log import say
from samlet.runtime.changes import Changes, NoChanges
from samlet.sources.gateway import HttpGateway
from samlet.sources.response_v2 import error_response

_LIMITS = Limits(head=10_240, body=10 * 1024 * 1024)
_GRACE = 1.0  # seconds that open requests have when the port is closed


class GatewayPort:
    """Serves `gateway`, or 404s where there is none; a request that is under way stays with the one it came to.

    `changes` is asked before each request whether the template has changed.
    """

    def __init__(self, gateway: HttpGateway | None = None, changes: Changes | None = None) -> None:
        self.gateway = gateway
        self._changes = changes or NoChanges()
        self._server = HttpServer(self._handle, self._refuse, _LIMITS)

    async def serve(self, bound: socket | None = None) -> tuple[str, int]:
        """Answer on a bound socket, else on a free port; returns host and port."""
        return await self._server.listen(bound)

    async def stop(self) -> None:
        """Listen no more, and let go of who still waits."""
        await self._server.close(_GRACE)

    async def _handle(self, request: RawRequest) -> HttpResponse:
        """Answer by what the template says when the request comes, also if it was saved an instant before."""
        if (settling := self._changes.look()) is not None:
            await settling
        if self.gateway is None:
            return error_response(404, "Not Found")
        return await self.gateway.handle(request)

    def _refuse(self, status: int, words: str) -> HttpResponse:
        """Answer what is no request at all, or none that fits the limits."""
        say("gateway", f"a malformed request: {status} {words}", level="warning")
        if self.gateway:
            self.gateway.count_refused(status)
        return error_response(status, words)
