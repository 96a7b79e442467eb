"""A request as the hand-made server gets it, and what of its head is refused though the parser understands it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask of a server; sizes in bytes, times in seconds."""

    head: int
    body: int
    head_seconds: float = 10.0  # from the first byte of a head to its last
    idle_seconds: float = 75.0  # between two requests of a connection
    stall_seconds: float = 30.0  # without a byte more of a body, or without one taken of an answer


@dataclass(slots=True)
class RawRequest:
    """A request as it came off the wire, names of headers in lower case; `body` is None where it is over the limit."""

    method: str
    target: str
    version: str
    headers: list[tuple[bytes, bytes]]
    client: str
    body: bytes | None = b""
    keep_alive: bool = True

    def header(self, name: bytes) -> str | None:
        """The first header of that name, which is given in lower case."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None


class Refused(Exception):
    """Raised out of the parser's callbacks too: nothing more of this connection is read."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def head_too_large() -> Refused:
    """The refusal of headers that are too long, or have no end."""
    return Refused(431, "Request Header Fields Too Large")


def check_head(request: RawRequest, known: Mapping[bytes, bytes]) -> None:
    """Refuse another version and any number of hosts but one; `known` are the headers by name."""
    once = len(known) == len(request.headers)
    hosts = int(b"host" in known) if once else sum(name == b"host" for name, _ in request.headers)
    wrong_host = hosts > 1 or (hosts == 0 and request.version != "1.0")
    if wrong_host or request.version not in {"1.1", "1.0"}:
        raise Refused(400, "Bad Request")


def check_size(request: RawRequest, limit: int) -> None:
    """Refuse a head of more than `limit` bytes."""
    line = len(request.method) + len(request.target) + len(" HTTP/1.1 \r\n")
    if line > limit:
        raise Refused(414, "Request-URI Too Long")
    if line + sum(len(name) + len(value) + 4 for name, value in request.headers) > limit:
        raise head_too_large()
