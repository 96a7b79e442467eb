"""SMTP_URL: where the mail server is, how the connection is secured, and who we are there."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

Security = Literal["none", "starttls", "tls"]
_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class InvalidSmtpUrl(ValueError):
    """The message never shows the URL, because it holds a password."""

    def __init__(self) -> None:
        super().__init__(f"SMTP_URL must be {' or '.join(f'{s}://[user:password@]host[:port]' for s in _SCHEMES)}")


@dataclass(frozen=True)
class SmtpServer:
    """A mail server as its URL names it."""

    host: str
    port: int
    security: Security = "none"
    username: str | None = None
    password: str = field(default="", repr=False)


def parse_smtp_url(url: str) -> SmtpServer:
    """Reads SMTP_URL; a password is never sent in the clear over a network, so `smtp://` with one means STARTTLS."""
    try:
        parts = urlsplit(url)
        security, default_port = _SCHEMES[parts.scheme]
        host, port = parts.hostname, parts.port or default_port
    except (ValueError, KeyError):
        raise InvalidSmtpUrl from None
    if not host:
        raise InvalidSmtpUrl
    if security == "none" and parts.password and host not in _LOOPBACK:
        security = "starttls"
    username = unquote(parts.username) if parts.username else None
    return SmtpServer(host, port, security, username, unquote(parts.password or ""))
