"""The functions of one project: template, environments and sandboxes, and what happens when a file changes."""

import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aiohttp import web

from samlet.emulator.debugging import adapted, chosen, open_ports
from samlet.emulator.options import Options
from samlet.emulator.project_changes import differences, needs_restart
from samlet.emulator.reload import Reload
from samlet.emulator.template_loading import TemplateLoader
from samlet.errors import FunctionFailed, ProjectError, SamletError, missing_path
from samlet.log import say
from samlet.model import Unsupported
from samlet.processes import Reaper
from samlet.project import DOTENV, Project, fill, named_template, read, variables
from samlet.runtime import AgentsApi, Environments, Functions, InvokeApi, Observer, woken_by
from samlet.runtime.changes import Changes, NoChanges
from samlet.runtime.debugger import Debugger
from samlet.runtime.destination_client import DestinationClient
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.secret_files import read_one
from samlet.services import Moto
from samlet.settings import Settings
from samlet.template import SAMCONFIG_NAMES, Template

type Adopt = Callable[[Template], Awaitable[None]]


class FunctionHouse:
    """Loads a project's template and houses its functions."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        options: Options,
        state_folder: Path,
        reaper: Reaper,
        observer: Observer,
    ) -> None:
        self._project = self._started_with = project
        self._named_template = named_template(project)
        self._observer = observer
        self._settings = settings
        self._options = options
        self._folder = state_folder
        self._reaper = reaper
        self._loader = TemplateLoader(settings, options, state_folder)
        # Agents have the code and its packages with them.
        self._environments = None if settings.agent_port else self._make_environments()
        self._facts: dict[str, str] = {}
        self._template: Template | None = None
        self._reload = self._make_reload(self._environments) if self._environments and options.sources else None
        self._debugged: list[str] = []
        self._functions: Functions | None = None

    def _make_environments(self) -> Environments:
        folder = self._settings.cache_folder or self._folder
        options = self._options
        return Environments(folder, reaper=self._reaper, python_override=options.python, strict=options.strict)

    def _make_reload(self, environments: Environments) -> Reload:
        limit, by_stat = self._project.folder, self._settings.watch_by_stat
        return Reload(environments, files=self._files(), limit=limit, by_stat=by_stat)

    def _files(self) -> set[Path]:
        """The files that make the project what it is, functions apart."""
        project = self._project
        beside = {project.template.parent / name for name in SAMCONFIG_NAMES}
        named = {project.template, project.folder / DOTENV, *beside, *(self._template.files if self._template else ())}
        return named | ({project.source} if project.source else set())

    @property
    def changes(self) -> Changes:
        """What knows of saved files."""
        return self._reload or NoChanges()

    @property
    def aws(self) -> Moto | None:
        """Who makes the template's other resources, if anybody does."""
        return self._loader.aws

    @aws.setter
    def aws(self, moto: Moto | None) -> None:
        self._loader.aws = moto

    @property
    def urls(self) -> Callable[[str], str] | None:
        """Who knows the function URLs by logical id, where they are served."""
        return self._loader.urls

    @urls.setter
    def urls(self, urls: Callable[[str], str]) -> None:
        self._loader.urls = urls

    @property
    def template(self) -> Template:
        """The template, once `prepare` has read it."""
        assert self._template
        return self._template

    @property
    def read(self) -> bool:
        """Whether the template is read."""
        return self._template is not None

    @property
    def functions(self) -> Functions:
        """The functions, once `start` has been called."""
        assert self._functions
        return self._functions

    def status(self) -> Mapping[str, Any]:
        """Return each function with its sandboxes."""
        return self._functions.status() if self._functions else {}

    async def prepare(self, facts: Mapping[str, str]) -> None:
        """Read the template and build what its functions run in."""
        self._facts = dict(facts)
        self._template = await self._load(self._project)
        self._debugged = chosen(self._template.functions, self._options, self._project.on_start)
        if self._debugged and self._environments is None:
            raise ProjectError("--debug-port: functions run in agents (SAMLET_AGENT_PORT), which have no debugger")
        if self._environments:
            await self._environments.prepare(self._template.functions.values())

    async def _load(self, project: Project, told: Collection[Unsupported] = ()) -> Template:
        """Read the template, and once more if it names files that nobody followed: a save would go unnoticed."""
        template = await self._loader.load(project, self._known(project), told)
        if self._reload and self._reload.follow_also(template.files):
            template = await self._loader.load(project, self._known(project), (*told, *template.unsupported))
        return template

    async def start(self, stack: AsyncExitStack) -> None:
        """Open the functions; sandboxes are started when events come."""
        debuggers = await self._open_debuggers()
        settings = SandboxSettings(
            self._reaper,
            self.template.region,
            self.template.account,
            self._everywhere(self._project),
            self._folder / "logs",
            graceful=self._options.graceful,
            observer=self._observer,
            changes=self.changes,
            debuggers=debuggers,
        )
        self._functions = Functions(
            adapted(self.template.functions, self._debugged),
            settings,
            environments=self._environments,
            max_sandboxes=self._settings.max_sandboxes,
            destinations=DestinationClient(self.aws_url),
        )
        stack.push_async_callback(self._functions.stop)
        await self._functions.start()
        for debugger in debuggers.values():
            stack.push_async_callback(debugger.stop)
        if self._reload:
            self._reload.follow(self._files())
            self._reload.start(self._functions)
            stack.push_async_callback(self._reload.stop)

    async def _open_debuggers(self) -> dict[str, Debugger]:
        if not self._debugged or not self._environments or self._options.debug_port is None:
            return {}

        async def wake(name: str) -> None:
            await self.functions.warm(name)

        port, functions = self._options.debug_port, self.template.functions
        return await open_ports(functions, self._debugged, port, self._environments, wake)

    def _everywhere(self, project: Project) -> dict[str, str]:
        """What every function is told of where the services are."""
        return self._endpoints() | fill(project.environment, self._known(project))

    def aws_url(self) -> str | None:
        """Where the template's other resources are, if anything made them."""
        return self.aws.url if self.aws and self.aws.wanted else None

    def _endpoints(self) -> dict[str, str]:
        if self._settings.aws_endpoint_url:
            return {"AWS_ENDPOINT_URL": self._settings.aws_endpoint_url}
        if url := self.aws_url():
            # Functions are ours, and moto has none.
            return {"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_LAMBDA": self._facts["lambda.url"]}
        return {}

    def _known(self, project: Project) -> dict[str, str]:
        """What fills the placeholders of a project."""
        return self._facts | variables(project, os.environ)

    def agents_api(self) -> web.Application:
        """Return the door for the agents that run the functions."""
        file = self._settings.agent_token_file
        return AgentsApi(self.functions, read_one(file) if file else None).app

    def invoke_api(self) -> web.Application:
        """Return the Invoke API over the functions."""
        return InvokeApi(self.functions).app

    async def warm(self, names: Iterable[str]) -> None:
        """Load functions ahead of their first event; one that cannot load yet is loaded again by its event."""
        for name in names:
            await self.functions.warm(name)

    async def run_first(self, names: Iterable[str]) -> None:
        """Invoke what the project wants invoked before anything else, one after the other."""
        for name in names:
            with woken_by("start"):
                outcome = await self.functions.invoke(name, b"{}")
            if not outcome.ok:
                answer, tail = outcome.payload.decode(errors="replace"), outcome.log_tail.decode(errors="replace")
                raise FunctionFailed(name, answer, tail)

    def follow(self, adopt: Adopt) -> None:
        """Let changes of the project's own files count from now on; `adopt` is given each changed template.

        Agents have copies that don't change.
        """
        if self._reload:
            self._reload.take_over(lambda changed: self._take_over(changed, adopt))

    async def _take_over(self, changed: frozenset[Path], adopt: Adopt) -> bool:
        """Read the project anew; if that fails, all of it stays as it was, and False is returned."""
        what = ", ".join(sorted(path.name for path in changed))
        began = time.monotonic()
        try:
            project = self._read_again()
            template = await self._load(project, self.template.unsupported)
            everywhere = self._everywhere(project)
            if self._environments:
                await self._environments.prepare(template.functions.values())
        except SamletError as error:
            say("samlet", f"{what} changed, and what was before stays in force: {error}", level="error")
            if self._reload and (awaited := missing_path(error)):
                self._reload.follow({*self._files(), awaited})  # that it comes may be all that is missing
            return False
        told = differences(self.template, template)
        if everywhere != self.functions.settings.extra_environment:
            told += ", [environment]"
        self._project, self._template = project, template
        await self.functions.replace(adapted(template.functions, self._debugged), everywhere)
        if self._reload:
            self._reload.follow(self._files())
        await adopt(template)
        say("samlet", f"{what} changed: {told} taken over in {time.monotonic() - began:.2f} s")
        return True

    def _read_again(self) -> Project:
        """The project as its file is now. What cannot change while it runs is said, and left as it was."""
        if self._project.source is None:
            return self._project
        project = read(self._project.source, self._project.template)
        later = needs_restart(self._started_with, project)
        if named_template(project) != self._named_template:
            later = f"template, {later}".removesuffix(", ")
        if later:
            say("samlet", f"{self._project.source.name}: {later} will count when Samlet is restarted", level="warning")
        known = self._facts | variables(project, os.environ)
        for place in sorted(project.used_placeholders() - known.keys()):
            raise ProjectError(f"nothing fills {{{place}}} before Samlet is restarted")
        return project
