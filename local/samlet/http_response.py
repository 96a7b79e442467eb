"""An HTTP response, and how its head is written: never so that a header could begin another line."""

from dataclasses import dataclass, field
from http import HTTPStatus

BODILESS = frozenset({204, 304})
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class HttpResponse:
    """A response ready for the wire; `headers` in order. Length, date and connection are added when it is sent."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def head_of(response: HttpResponse, version: str, date: str, *, keep_alive: bool) -> bytes | None:
    """Return the head of a response; None where a header would end its line and begin one of its own."""
    lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if response.status not in BODILESS:
        lines.append(f"content-length: {len(response.body)}")
    lines.append(f"date: {date}")
    if not keep_alive or version == "1.0":
        lines.append(f"connection: {'keep-alive' if keep_alive else 'close'}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        return None
    return text.encode("utf-8", "replace") + b"\r\n\r\n"
