"""An answer of the hand-made server that comes from elsewhere."""

from collections.abc import Callable

from samlet.http_response import HttpResponse


class Later:
    """An answer that comes from elsewhere, by calling `send` once; it is on its way when that returns."""

    def __init__(self) -> None:
        self._response: HttpResponse | None = None
        self._taker: Callable[[HttpResponse], None] | None = None

    @property
    def given(self) -> bool:
        """Whether there is an answer."""
        return self._response is not None

    def to(self, taker: Callable[[HttpResponse], None]) -> None:
        """Have it given to `taker`, which is at once if it was there before anybody wanted it."""
        self._taker = taker
        if self._response is not None:
            taker(self._response)

    def send(self, response: HttpResponse) -> None:
        """Send it, unless the connection has gone."""
        self._response = response
        if self._taker is not None:
            self._taker(response)

    def lost(self) -> None:
        """Its connection has gone before it came."""
