"""SMTP, wrapped once: an envelope that may fail safely, then the one step that may not.

`open_envelope` does everything that leaves no trace on the server. Only then does the caller write down that it is
about to dispatch, and calls `deliver`, whose errors say exactly whether the message can have been taken.
"""

import re
import select
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress

from mail_sender.errors import AddressRefused, Deferred, MailError, Refused, ServerUnusable, Unanswered
from mail_sender.smtp_url import SmtpServer

COMMAND_TIMEOUT = 8.0  # seconds for each command, and less where the function has less time left
_LEAST_TIMEOUT = 0.1
_END_OF_MESSAGE = b".\r\n"
_LEADING_DOT = re.compile(rb"(?m)^\.")
_BAD_ADDRESS = {550, 551, 553}
_TOO_BIG = 552
_BROKEN = (smtplib.SMTPException, OSError)


class SmtpTransport:
    """A connection to one mail server, opened when needed and kept from mail to mail while all goes well."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        remaining: Callable[[], float],
        tls: ssl.SSLContext | None = None,
        command_timeout: float = COMMAND_TIMEOUT,
    ) -> None:
        self._server = server
        self._remaining = remaining
        self._tls = tls or ssl.create_default_context()
        self._command_timeout = command_timeout
        self._connection: smtplib.SMTP | None = None

    def open_envelope(self, sender: str, recipient: str) -> None:
        """Connects if need be and names sender and recipient; whatever fails here may safely be tried again."""
        try:
            connection = self._connection or self._connect()
            self._connection = connection
            self._expect_sender(connection, sender)
            self._expect_recipient(connection, recipient)
        except MailError:
            self.close()
            raise

    def deliver(self, content: bytes) -> None:
        """Sends the message of the open envelope; returns once the server has taken it."""
        try:
            assert self._connection is not None, "open_envelope comes first"
            self._send_body(self._connection, content)
            self._end_message(self._connection)
        except MailError:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the connection; an envelope that is open is forgotten by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def quit(self) -> None:
        """Takes leave of the server, politely where it still listens."""
        if self._connection is not None:
            with suppress(*_BROKEN):
                self._limit(self._connection)
                self._connection.quit()
        self.close()

    def _connect(self) -> smtplib.SMTP:
        connection: smtplib.SMTP | None = None
        # smtplib would look up this machine's name, which can take long; a literal is as good to a relay.
        name = "[127.0.0.1]"
        server, timeout = self._server, self._timeout()
        try:
            if server.security == "tls":
                connection = smtplib.SMTP_SSL(local_hostname=name, timeout=timeout, context=self._tls)
            else:
                connection = smtplib.SMTP(local_hostname=name, timeout=timeout)
            # The name for which the certificate is checked; smtplib sets it only when the constructor connects.
            connection._host = server.host  # type: ignore[attr-defined]
            self._introduce(connection)
        except _BROKEN as error:
            if connection is not None:
                connection.close()
            raise ServerUnusable(f"connect: {_describe(error)}") from error
        return connection

    def _introduce(self, connection: smtplib.SMTP) -> None:
        server = self._server
        code, _ = connection.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, "greeting")
        self._limit(connection)
        connection.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            self._limit(connection)
            connection.starttls(context=self._tls)
            connection.ehlo_or_helo_if_needed()
        if server.username is not None:
            self._limit(connection)
            connection.login(server.username, server.password)

    def _expect_sender(self, connection: smtplib.SMTP, sender: str) -> None:
        code = self._command(connection, "MAIL", lambda: connection.mail(sender))
        if code == _TOO_BIG:
            raise Refused(f"MAIL: {code}")
        if code >= 500:
            # The sender is ours and the same for all: this says nothing against the one mail at hand.
            raise ServerUnusable(f"MAIL: {code}")
        _expect(code, 250, "MAIL")

    def _expect_recipient(self, connection: smtplib.SMTP, recipient: str) -> None:
        code = self._command(connection, "RCPT", lambda: connection.rcpt(recipient))
        if code in _BAD_ADDRESS:
            raise AddressRefused(f"RCPT: {code}")
        if code != 251:
            _expect(code, 250, "RCPT")

    def _send_body(self, connection: smtplib.SMTP, content: bytes) -> None:
        _expect(self._command(connection, "DATA", lambda: connection.docmd("DATA")), 354, "DATA")
        body = _LEADING_DOT.sub(b"..", content)
        try:
            connection.send(body if body.endswith(b"\r\n") else body + b"\r\n")
            assert connection.sock is not None
            server_spoke = bool(select.select([connection.sock], [], [], 0)[0])
        except _BROKEN as error:
            raise Deferred(f"message: {_describe(error)}") from error
        if server_spoke:
            raise Deferred("message: the server broke off before its end")

    def _end_message(self, connection: smtplib.SMTP) -> None:
        assert connection.sock is not None
        try:
            self._limit(connection)
            connection.sock.sendall(_END_OF_MESSAGE)
        except ConnectionError as error:
            # The system refused these three bytes, so the server can't have seen them.
            raise Deferred(f"message: {_describe(error)}") from error
        except OSError as error:
            raise Unanswered(f"end of message: {_describe(error)}") from error
        try:
            code, _ = connection.getreply()
        except _BROKEN as error:
            raise Unanswered(f"end of message: {_describe(error)}") from error
        if not (200 <= code < 300 or 400 <= code < 600):
            raise Unanswered(f"end of message: {code}")
        if code >= 400:
            _expect(code, 250, "end of message")

    def _command(self, connection: smtplib.SMTP, name: str, command: Callable[[], tuple[int, bytes]]) -> int:
        """The code of the server's answer; a connection that breaks or a server that hangs defers the mail."""
        try:
            self._limit(connection)
            return command()[0]
        except (*_BROKEN, UnicodeError) as error:
            if isinstance(error, UnicodeError):
                raise Refused(f"{name}: the address is not ASCII") from error
            raise Deferred(f"{name}: {_describe(error)}") from error

    def _limit(self, connection: smtplib.SMTP) -> None:
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout())

    def _timeout(self) -> float:
        return max(_LEAST_TIMEOUT, min(self._command_timeout, self._remaining() / 2))


def _expect(code: int, wanted: int, step: str) -> None:
    if code == wanted:
        return
    if 500 <= code < 600 and code != 530:
        raise Refused(f"{step}: {code}")
    raise Deferred(f"{step}: {code}")


def _describe(error: BaseException) -> str:
    """The code or the kind of an error: the server's own words may hold an address."""
    code = getattr(error, "smtp_code", None)
    return str(code) if code is not None else type(error).__name__
