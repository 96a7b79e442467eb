"""The mail sink: takes every message over SMTP, delivers none, and keeps all of them for the console."""

import asyncio
import contextlib
import os
import re
import secrets
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samlet.errors import PortTaken
from samlet.services import ports

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

    from samlet.services.smtp import Connection

_FROM, _TO, _AT = "X-Samlet-From", "X-Samlet-To", "X-Samlet-Received"
_NAME = re.compile(r"\d{20}-[0-9a-f]{8}")


class MailSink:
    """An SMTP server in our own event loop; messages are `.eml` files in the state folder."""

    name = "mail"

    def __init__(self, state: Path, *, port: int) -> None:
        self.host = ports.HOST
        self.port = port
        self._folder = state / "mail"
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    @property
    def url(self) -> str:
        """`smtp://host:port`."""
        return f"smtp://{self.address}"

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def status(self) -> dict[str, object]:
        """State, pid (our own) and address, for the console."""
        state = "ready" if self._server else "stopped"
        return {"state": state, "pid": os.getpid() if self._server else None, "restarts": 0, "address": self.address}

    async def start(self) -> None:
        """Listen; raises PortTaken."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = ports.claim("mail", self.port, "SAMLET_SMTP_PORT")
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connection, self.host, self.port)
        except OSError as error:
            raise PortTaken("mail", self.port, "SAMLET_SMTP_PORT") from error

    async def stop(self) -> None:
        """Stop listening and hang up on whoever is connected."""
        if self._server:
            self._server.close()
            for connection in list(self._connections):
                connection.hang_up()
            await self._server.wait_closed()
            self._server = None

    def list(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The messages, newest first, decoded: `{id, received_at, from, to, subject, text, html}`; at most `limit`."""
        return [_told(file) for file in sorted(self._folder.glob("*.eml"), reverse=True)[:limit]]

    def source(self, mail: str) -> bytes | None:
        """One message as it came, below our own three headers; None where there is none."""
        file = self._folder / f"{mail}.eml"
        return file.read_bytes() if _NAME.fullmatch(mail) and file.is_file() else None

    def mark(self) -> str:
        """Another text whenever a message came or went."""
        return str(self._folder.stat().st_mtime_ns if self._folder.is_dir() else 0)

    def clear(self) -> int:
        """Delete every message and return how many there were."""
        files = [*self._folder.glob("*.eml")]
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    async def handle_DATA(self, server: "SMTP", session: "Session", envelope: "Envelope") -> str:  # noqa: ARG002, N802 - aiosmtpd's
        """Keep a message; only when it is on disk does the client hear 250."""
        content = envelope.original_content or b""
        recipients = ", ".join(envelope.rcpt_tos)
        marks = {_FROM: envelope.mail_from or "", _TO: recipients, _AT: datetime.now(UTC).isoformat()}
        head = "".join(f"{name}: {value}\r\n" for name, value in marks.items())
        await asyncio.to_thread(_store, self._folder, head.encode() + content)
        return "250 kept"

    def _connection(self) -> "Connection":
        from samlet.services.smtp import Connection  # not at the top: most projects have no mail sink

        return Connection(self, self._connections)


def _store(folder: Path, content: bytes) -> None:
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    draft = folder / f"{name}.part"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / f"{name}.eml")
    with contextlib.closing(_Folder(folder)) as opened:
        os.fsync(opened.number)


class _Folder:
    """A folder opened for fsync, which makes a new name in it durable."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.number)


def _told(file: Path) -> dict[str, Any]:
    message: EmailMessage = message_from_bytes(file.read_bytes(), policy=policy.default)
    sender = parseaddr(str(message["From"] or ""))[1] or str(message[_FROM] or "")
    recipients = [address.strip() for address in str(message[_TO] or "").split(",") if address.strip()]
    return {
        "id": file.stem,
        "received_at": str(message[_AT] or ""),
        "from": sender,
        "to": recipients,
        "subject": str(message["Subject"] or ""),
        "text": _body(message, "plain"),
        "html": _body(message, "html"),
    }


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, ValueError):  # an encoding that nobody knows: shown as well as it can be
        raw = part.get_payload(decode=True)
        return raw.decode("utf-8", errors="replace") if isinstance(raw, bytes) else str(raw)
