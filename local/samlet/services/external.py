"""Services that the user brings by URL: nothing is started, but a start tells at once when one cannot be reached."""

import asyncio
import contextlib
import ssl
from urllib.parse import unquote, urlsplit

from samlet.errors import ProjectError, ServiceFailed
from samlet.services import ports
from samlet.services.kafka import answers
from samlet.services.postgres import accepts_clients

_TRIES = 20
_PAUSE = 0.5  # seconds; compose may still be starting what we are pointed at
_SMTP_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class _External:
    """What the three have in common: an address, a check, and nothing to stop."""

    name = ""
    setting = ""

    def __init__(self, url: str, *, tries: int = _TRIES) -> None:
        self.url = url
        self._tries = tries
        self._reached = False

    @property
    def address(self) -> str:
        """Where the service is, without any password."""
        raise NotImplementedError

    async def _answers(self) -> bool:
        raise NotImplementedError

    async def start(self) -> None:
        """Wait until the service answers; raises ServiceFailed with the setting's name when it doesn't."""
        problem = "it does not answer as it should"
        for attempt in range(self._tries):
            if attempt:
                await asyncio.sleep(_PAUSE)
            try:
                if await self._answers():
                    self._reached = True
                    return
            except (OSError, EOFError, TimeoutError) as error:
                problem = str(error) or "it does not answer"
        raise ServiceFailed(f"{self.setting} names {self.name} at {self.address}, which cannot be reached: {problem}")

    async def stop(self) -> None:
        """Leave it running: it is not ours."""
        self._reached = False

    def status(self) -> dict[str, object]:
        """State and address, for the console; there is no process of ours."""
        state = "ready" if self._reached else "stopped"
        return {"state": state, "pid": None, "restarts": 0, "address": self.address, "external": True}


class ExternalPostgres(_External):
    """The PostgreSQL of DATABASE_ADMIN_URL."""

    name = "postgres"
    setting = "DATABASE_ADMIN_URL"

    def __init__(self, url: str, *, tries: int = _TRIES) -> None:
        super().__init__(url, tries=tries)
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.username:
            raise ProjectError(f"{self.setting} must look like postgresql://user:password@host:port/database")
        self.host = parts.hostname
        self.port = parts.port or 5432
        self.database = unquote(parts.path.lstrip("/")) or "postgres"
        self.admin_url = url
        self._user = unquote(parts.username)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    async def _answers(self) -> bool:
        return await accepts_clients(self.host, self.port, user=self._user, database=self.database)


class ExternalKafka(_External):
    """The Kafka of KAFKA_BOOTSTRAP_SERVERS; reachable as soon as one of the servers is."""

    name = "kafka"
    setting = "KAFKA_BOOTSTRAP_SERVERS"

    def __init__(self, bootstrap_servers: str, *, tries: int = _TRIES) -> None:
        super().__init__(bootstrap_servers, tries=tries)
        self.bootstrap_servers = bootstrap_servers
        self._servers = [_host_and_port(server.strip(), self.setting) for server in bootstrap_servers.split(",")]

    @property
    def address(self) -> str:
        """The servers as they were given."""
        return self.bootstrap_servers

    async def _answers(self) -> bool:
        problem: Exception | None = None
        for host, port in self._servers:
            try:
                if await answers(host, port):
                    return True
            except (OSError, EOFError, TimeoutError) as error:
                if await _speaks_tls(host, port):
                    return True  # how to come in is known to the mappings
                problem = error
        if problem:
            raise problem
        return False


class ExternalMail(_External):
    """The mail server of SMTP_URL; what it was sent cannot be listed from here."""

    name = "mail"
    setting = "SMTP_URL"

    def __init__(self, url: str, *, tries: int = _TRIES) -> None:
        super().__init__(url, tries=tries)
        parts = urlsplit(url)
        if parts.scheme not in _SMTP_PORTS or not parts.hostname:
            raise ProjectError(
                f"{self.setting} must look like smtp://user:password@host:port, smtp+starttls://… or smtps://…"
            )
        self.host = parts.hostname
        self.port = parts.port or _SMTP_PORTS[parts.scheme]

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    async def _answers(self) -> bool:
        async with ports.connection(self.host, self.port, within=3):
            return True


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether anybody shows a certificate there, whoever has signed it: nothing is told to them."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError, EOFError, TimeoutError):  # nobody there, or who speaks something else
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.close()
            return True
    return False


def _host_and_port(server: str, setting: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    if not host or not port.isdigit():
        raise ProjectError(f"{setting} must be host:port, several separated by commas, not {server!r}")
    return host.strip("[]"), int(port)
