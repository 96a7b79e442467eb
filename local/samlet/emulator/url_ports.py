"""The ports of function URLs: known as soon as a template asks, since a function may be told its own URL."""

from socket import socket

from samlet.emulator.listeners import bind_free, url_of
from samlet.settings import Settings


class UrlPorts:
    """A port for each function URL, by logical id, that stays the same as long as the URL is there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._addresses: dict[str, str] = {}
        self._waiting: dict[str, socket] = {}  # nobody is answered before there is something to answer with

    def url(self, logical_id: str) -> str:
        """The URL, as `Fn::GetAtt` gives it."""
        if logical_id not in self._addresses:
            bound = self._waiting[logical_id] = bind_free(self._settings)
            self._addresses[logical_id] = url_of(bound)
        return f"{self._addresses[logical_id]}/"

    def take(self, logical_id: str) -> socket:
        """The bound port, which is the caller's from now on."""
        self.url(logical_id)
        return self._waiting.pop(logical_id)

    def forget(self, logical_id: str) -> None:
        """The URL is served no more; the next one of that name has another port."""
        del self._addresses[logical_id]

    def close(self) -> None:
        """Give back the ports of URLs that were asked for and never served."""
        for bound in self._waiting.values():
            bound.close()
