"""The services around the functions: which ones a project gets, embedded or the user's own, and their addresses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from samlet import services
from samlet.emulator.together import stopped, together
from samlet.errors import ProjectError
from samlet.processes import Reaper
from samlet.project import Project
from samlet.secret_files import read_one
from samlet.services import ports
from samlet.settings import Settings, setting_of


class Service(Protocol):
    """What every service offers, whether it is ours or the user's."""

    name: str

    async def start(self) -> None:
        """Bring it up; ServiceFailed when it does not come."""

    async def stop(self) -> None:
        """End it; harmless when it never started."""

    def status(self) -> dict[str, object]:
        """Return its state, with `ready` when it is."""


class ProjectServices:
    """A project's services; their addresses are known before they start."""

    def __init__(self, project: Project, settings: Settings, state_folder: Path, reaper: Reaper) -> None:
        self._project = project
        self._settings = settings
        self._folder = state_folder
        self._reaper = reaper
        self.postgres = self._postgres() if project.postgres else None
        self.kafka = self._kafka() if project.kafka else None
        self.mail = self._mail() if project.mail else None
        self.aws = self._aws()

    @property
    def all(self) -> tuple[Service, ...]:
        """The services that the project wants."""
        aws = self.aws if self.aws and self.aws.wanted else None
        return tuple(service for service in (self.postgres, self.kafka, self.mail, aws) if service is not None)

    @property
    def mails(self) -> services.MailSink | services.Mailpit | None:
        """Where mails can be read: our sink, or the Mailpit that the user's mail server is."""
        if isinstance(self.mail, services.ExternalMail) and self._settings.mailpit_url:
            return services.Mailpit(self._settings.mailpit_url)
        return self.mail if isinstance(self.mail, services.MailSink) else None

    def facts(self) -> dict[str, str]:
        """Return what fills the placeholders of samlet.toml."""
        facts: dict[str, str] = {}
        if self.postgres:
            facts["postgres.host"] = self.postgres.host
            facts["postgres.port"] = str(self.postgres.port)
            facts["postgres.database"] = self.postgres.database
            facts["postgres.admin_url"] = self.postgres.admin_url
        if self.kafka:
            facts["kafka.bootstrap_servers"] = self.kafka.bootstrap_servers
        if self.mail:
            facts["mail.url"] = self.mail.url
        return facts

    def addresses(self) -> dict[str, str]:
        """Return where the services listen, without passwords."""
        return {service.name: str(service.status()["address"]) for service in self.all}

    def status(self) -> Mapping[str, dict[str, object]]:
        """Return each service's state."""
        return {service.name: service.status() for service in self.all}

    async def start(self) -> None:
        """Start all at once; the first failure is raised when the others have been called off."""
        await together(*(service.start() for service in self.all))

    async def stop(self) -> None:
        """Stop all at once."""
        await stopped(*(service.stop() for service in self.all))

    def _aws(self) -> services.Moto | None:
        """What makes the template's other resources; functions in containers could not reach it."""
        if not self._project.aws or self._settings.aws_endpoint_url or self._settings.agent_port:
            return None
        cache = self._settings.cache_folder or self._folder
        port, setting = self._settings.ports["aws"], setting_of("aws")
        return services.Moto(
            self._folder, environments=cache / "environments", port=port, setting=setting, reaper=self._reaper
        )

    def _claim(self, part: str, title: str) -> int:
        return ports.claim(title, self._settings.ports[part], setting_of(part))

    def _postgres(self) -> services.Postgres | services.ExternalPostgres:
        assert self._project.postgres
        database = self._project.postgres.database
        if self._settings.database_admin_url:
            return services.ExternalPostgres(self._admin_url(self._settings.database_admin_url))
        port = self._claim("postgres", "PostgreSQL")
        return services.Postgres(self._folder, port=port, database=database, reaper=self._reaper)

    def _admin_url(self, url: str) -> str:
        """The URL with the password from its file, if it is kept in one."""
        file = self._settings.database_admin_password_file
        if file is None:
            return url
        parts = urlsplit(url)
        if parts.password or not parts.username:
            raise ProjectError("DATABASE_ADMIN_URL must name a user and no password, since there is a file with it")
        user, _, place = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}:{quote(read_one(file), safe='')}@{place}").geturl()

    def _kafka(self) -> services.Kafka | services.ExternalKafka:
        if self._settings.kafka_bootstrap_servers:
            return services.ExternalKafka(self._settings.kafka_bootstrap_servers)
        return services.Kafka(self._folder, port=self._claim("kafka", "Kafka"), reaper=self._reaper)

    def _mail(self) -> services.MailSink | services.ExternalMail:
        if self._settings.smtp_url:
            return services.ExternalMail(self._settings.smtp_url)
        return services.MailSink(self._folder, port=self._claim("smtp", "SMTP"))
