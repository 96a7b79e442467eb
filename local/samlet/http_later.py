"""An answer of the hand-made server that comes from elsewhere."""

from collections.abc import Callable

from samlet.http_response import HttpResponse


class Later:
    """An answer that is given from elsewhere, by calling `give` once; it is on its way when that returns."""

    def __init__(self) -> None:
        self._response: HttpResponse | None = None
        self._send: Callable[[HttpResponse], None] | None = None

    @property
    def given(self) -> bool:
        """Whether there is an answer."""
        return self._response is not None

    def to(self, send: Callable[[HttpResponse], None]) -> None:
        """Have it sent by `send`, which is at once if it was given before anybody took it."""
        self._send = send
        if self._response is not None:
            send(self._response)

    def give(self, response: HttpResponse) -> None:
        """Send it, unless the connection has gone."""
        self._response = response
        if self._send is not None:
            self._send(response)
