"""Starts the parts of one project in their order, and stops them in the opposite one."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from socket import socket
from typing import Any

from samlet import log, secret_files
from samlet.console import Names, Record, console
from samlet.emulator.clusters import Clusters
from samlet.emulator.functions import FunctionHouse
from samlet.emulator.listeners import bind, bind_agents, serve, url_of
from samlet.emulator.metrics import Metrics
from samlet.emulator.options import Options
from samlet.emulator.project_services import ProjectServices
from samlet.emulator.sources import Sources
from samlet.emulator.together import together
from samlet.emulator.url_ports import UrlPorts
from samlet.kafka_access import Bootstrap
from samlet.log import say
from samlet.processes import Reaper
from samlet.project import Project, fill, variables
from samlet.runtime import Observers, Outcome
from samlet.services import Kafka, Mailpit, MailSink
from samlet.settings import Settings
from samlet.sources import Schedules
from samlet.sources.schedule_memory import ScheduleMemory
from samlet.state import State
from samlet.template import Template
from samlet.web import static_site


class Emulator:
    """One project, which runs between entering and leaving `running()`; the console watches it."""

    def __init__(self, project: Project, settings: Settings, options: Options | None = None) -> None:
        self._project = project
        self._settings = settings
        self._options = options or Options()
        self._state = State(settings.state_beside(project.folder))
        self._addresses: dict[str, str] = {}
        self._services: ProjectServices | None = None
        self._house: FunctionHouse | None = None
        self._sources: Sources | None = None
        self._url_ports = UrlPorts(settings)
        self._metrics = Metrics(self.parts)
        self.record = Record()
        self.names = Names(project.correlation)
        self._started = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything; on leaving, or when anything fails, stop what was started, in the opposite order."""
        since = time.monotonic()
        async with AsyncExitStack() as stack:
            stack.enter_context(self._state.lock())
            log.keep(self._state.log)
            stack.callback(log.keep_no_more)
            reaper = stack.enter_context(Reaper())
            await self._start(stack, reaper)
            self._started = True
            self._announce(time.monotonic() - since)
            try:
                yield
            finally:
                self._started = False
                say("samlet", "stopping")

    @property
    def ready(self) -> bool:
        """Whether everything was started and no service is down just now."""
        services = self._services.status().values() if self._services else ()
        return self._started and all(service["state"] == "ready" for service in services)

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where the parts listen."""
        return self._addresses

    @property
    def state_folder(self) -> Path:
        """The folder by which a command finds this Samlet."""
        return self._state.folder

    @property
    def template(self) -> Template | None:
        """The template, once it is read."""
        return self._house.template if self._house and self._house.read else None

    @property
    def mails(self) -> MailSink | Mailpit | None:
        """Where the project's mails can be read."""
        return self._services.mails if self._services else None

    @property
    def schedules(self) -> Schedules | None:
        """The schedules, once they run."""
        return self._sources.schedules if self._sources else None

    @property
    def kafka_servers(self) -> Bootstrap | None:
        """The project's Kafka; without one, that of the template's mappings."""
        mappings = self.template.kafka_mappings if self.template else ()
        return self._clusters.shown(mappings, self.template.region if self.template else "")

    @property
    def _clusters(self) -> Clusters:
        kafka = self._services.kafka if self._services else None
        return Clusters(
            kafka.bootstrap_servers if kafka else None,
            embedded=isinstance(kafka, Kafka),
            secrets=self._project.kafka_secrets,
            aws_url=self._house.aws_url if self._house else lambda: None,
        )

    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the state of each part, with the processes that it consists of."""
        parts: dict[str, Mapping[str, Any]] = {"samlet": {"state": self._own_state, "pid": os.getpid()}}
        if self._services:
            parts |= self._services.status()
        parts["functions"] = self.functions()
        if self._sources:
            parts |= self._sources.status()
        return parts

    def functions(self) -> Mapping[str, Any]:
        """Return each function with its sandboxes."""
        return self._house.status() if self._house else {}

    def metrics(self) -> bytes:
        """Return what was counted, in Prometheus's text format."""
        return self._metrics.page()

    async def invoke(self, function: str, payload: bytes) -> Outcome:
        """Run a function once."""
        assert self._house
        return await self._house.functions.invoke(function, payload)

    @property
    def _on_start(self) -> tuple[str, ...]:
        """What is invoked first; where functions run in agents, an agent that comes first does it (--invoke)."""
        return () if self._settings.agent_port else self._project.on_start

    @property
    def _own_state(self) -> str:
        return "ready" if self._started else "starting"

    async def _start(self, stack: AsyncExitStack, reaper: Reaper) -> None:
        sockets = self._bind(stack)
        self._services = ProjectServices(self._project, self._settings, self._state.folder, reaper)
        self._addresses |= self._services.addresses()
        await serve(console(self), sockets["console"], stack)
        self._state.publish(self._addresses)
        stack.push_async_callback(self._services.stop)
        facts = self._facts() | variables(self._project, os.environ)
        house = FunctionHouse(
            self._project,
            self._settings,
            self._options,
            self._state.folder,
            reaper,
            Observers(self._metrics, self.record),
        )
        house.aws = self._services.aws
        if self._options.sources:
            house.urls = self._url_ports.url
            stack.callback(self._url_ports.close)
        self._house = house
        await together(self._services.start(), self._open(house, facts, stack))
        self._addresses |= self._services.addresses()
        await serve(house.invoke_api(), sockets["lambda"], stack)
        if "agents" in sockets:
            await serve(house.agents_api(), sockets["agents"], stack)
        await house.run_first(self._on_start)
        if self._options.sources:
            await self._start_sources(house, sockets, stack)
        if self._project.web and "web" in sockets:
            config = fill(self._project.web.config, facts)
            await serve(static_site(self._project.web, config, facts["web.url"]), sockets["web"], stack)
        if self._options.sources:
            house.follow(self._adopt)

    async def _open(self, house: FunctionHouse, facts: Mapping[str, str], stack: AsyncExitStack) -> None:
        """Open the functions while the services come up, and load those that are needed first."""
        await house.prepare(facts)
        await house.start(stack)
        await house.warm(self._on_start)

    def _bind(self, stack: AsyncExitStack) -> dict[str, socket]:
        """Bind our own ports before anything is started, so that a taken one is told at once and all are known."""
        served_here = self._project.web and not self._settings.web_url
        parts = ["console", "lambda", "api", *(["web"] if served_here else [])]
        sockets = {part: stack.enter_context(bind(part, self._settings)) for part in parts}
        self._addresses = {part: url_of(bound) for part, bound in sockets.items()} | self._public()
        if self._settings.agent_port:
            sockets["agents"] = stack.enter_context(bind_agents(self._settings))
        return sockets

    def _public(self) -> dict[str, str]:
        """The addresses that others know us by, where they differ from what we listen on."""
        urls = {"api": self._settings.api_url, "web": self._settings.web_url if self._project.web else None}
        return {part: url for part, url in urls.items() if url}

    async def _start_sources(self, house: FunctionHouse, sockets: dict[str, socket], stack: AsyncExitStack) -> None:
        self._sources = Sources(
            house.template,
            house.functions,
            self._clusters,
            self._settings,
            self._metrics,
            url_ports=self._url_ports,
            schedule_memory=ScheduleMemory(self._state.folder / "schedules.json"),
            catch_up=self._options.catch_up,
            jwks=self._project.jwks,
            aws_url=house.aws_url,
            changes=house.changes,
        )
        await self._sources.start(sockets["api"], stack)
        self._addresses |= self._sources.addresses
        self._state.publish(self._addresses)

    async def _adopt(self, template: Template) -> None:
        """Let a changed template wake the functions, and tell where its new APIs are."""
        assert self._sources
        before = self._sources.addresses
        await self._sources.replace(template)
        after = self._sources.addresses
        self._addresses = {part: url for part, url in self._addresses.items() if part not in before} | after
        self._state.publish(self._addresses)
        for part in after.keys() - before.keys():
            say("samlet", f"  {part:<12} {after[part]}")

    def _facts(self) -> dict[str, str]:
        assert self._services
        parts = ("api", "web", "lambda")
        facts = {f"{part}.url": self._addresses[part] for part in parts if part in self._addresses}
        folder, names = self._settings.secrets_folder, self._project.secrets
        secrets = secret_files.read(folder, names) if folder else self._state.secrets(names)
        return facts | self._services.facts() | {f"secrets.{name}": value for name, value in secrets.items()}

    def _announce(self, seconds: float) -> None:
        say("samlet", f"ready in {seconds:.1f} s; Ctrl-C stops everything")
        titles = {"web": "web page", "api": "HTTP API", "lambda": "Invoke API", "console": "console"}
        width = max(12, *map(len, self._addresses))
        for part in sorted(self._addresses, key=lambda part: (list(titles).index(part) if part in titles else 9, part)):
            say("samlet", f"  {titles.get(part, part):<{width}} {self._addresses[part]}")
