"""The functions of one project: template, environments and sandboxes, and what happens when a file changes."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web
from watchfiles import awatch

from samlet.emulator.metrics import Metrics
from samlet.emulator.options import Options
from samlet.emulator.reload import Reload
from samlet.errors import FunctionFailed, SamletError, ServiceFailed, TemplateError
from samlet.log import say
from samlet.processes import Reaper
from samlet.project import Project, fill
from samlet.runtime import AgentsApi, Environments, Functions, InvokeApi, Observer, woken_by
from samlet.secret_files import read_one
from samlet.services import Moto
from samlet.settings import Settings
from samlet.template import Maker, SamConfig, Template, load, notice, read_samconfig

_REGION = "eu-central-1"


class FunctionHouse:
    """Loads a project's template and houses its functions."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        options: Options,
        state_folder: Path,
        reaper: Reaper,
        metrics: Metrics,
        observer: Observer | None = None,
    ) -> None:
        self._project = project
        self._metrics = metrics
        self._observer = observer
        self._settings = settings
        self._options = options
        self._folder = state_folder
        self._reaper = reaper
        # Agents have the code and its packages with them.
        self._environments = None if settings.agent_port else self._make_environments()
        self._sam = SamConfig()
        self.aws: Moto | None = None  # makes the template's other resources, if anything does
        self._parameters: dict[str, str] = {}
        self._template: Template | None = None
        self._functions: Functions | None = None

    def _make_environments(self) -> Environments:
        folder = self._settings.cache_folder or self._folder
        options = self._options
        return Environments(folder, reaper=self._reaper, python_override=options.python, strict=options.strict)

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
        self._sam = read_samconfig(self._project.template.parent, self._options.config_env)
        own = fill(self._project.parameters, facts) | dict(self._options.parameters)
        self._parameters = dict(self._sam.parameters) | own
        self._template = await self._load()
        if self._environments:
            await self._environments.prepare(self._template.functions.values())

    async def start(self, stack: AsyncExitStack, facts: Mapping[str, str]) -> None:
        """Open the functions; sandboxes are started when events come."""
        self._functions = Functions(
            self.template.functions,
            environments=self._environments,
            reaper=self._reaper,
            max_sandboxes=self._settings.max_sandboxes,
            extra_environment=self._everywhere(facts) | fill(self._project.environment, facts),
            log_path=self._folder / "logs",
            region=self.template.region,
            account=self.template.account,
            output=self._metrics.printed,
            finished=self._metrics.finished,
            throttled=self._metrics.throttled,
            observer=self._observer,
            graceful=self._options.graceful,
        )
        stack.push_async_callback(self._functions.stop)
        await self._functions.start()

    def _everywhere(self, facts: Mapping[str, str]) -> dict[str, str]:
        """What every sandbox is told about its surroundings."""
        if self._settings.aws_endpoint_url:
            return {"AWS_ENDPOINT_URL": self._settings.aws_endpoint_url}
        if self.aws and self.aws.wanted:
            # Functions are ours, and moto has none.
            return {"AWS_ENDPOINT_URL": self.aws.url, "AWS_ENDPOINT_URL_LAMBDA": facts["lambda.url"]}
        return {}

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

    async def watch(self, stack: AsyncExitStack) -> None:
        """Follow changes of code and template until the stack unwinds; agents have copies that don't change."""
        if self._environments is None:
            return
        reload = Reload(self.functions, self._environments)
        await reload.start()
        stack.push_async_callback(reload.stop)
        following = asyncio.create_task(self._follow_template(reload))
        stack.callback(following.cancel)

    async def _load(self) -> Template:
        template = await self._read()
        if template.others and self.aws:
            try:
                maker = await self.aws.maker(template.region, template.account)
                template = await self._read(maker)
            except ServiceFailed as failure:
                say("samlet", f"the template's other resources are not made: {failure}", level="warning")
        if template.others and self._settings.aws_endpoint_url:
            template = _left_to_the_users_aws(template)
        template = self._overridden(template)
        for part in template.unsupported:
            text = f"not run here: {notice(template, part)}"
            say("samlet", text, level="error" if self._options.strict else "warning")
        if template.unsupported and self._options.strict:
            names = ", ".join(part.logical_id for part in template.unsupported)
            raise TemplateError(f"{template.path}: these parts cannot be run here, and --strict was given: {names}")
        return template

    async def _read(self, maker: Maker | None = None) -> Template:
        return await asyncio.to_thread(
            load,
            self._project.template,
            self._parameters,
            region=self._options.region or self._sam.region or _REGION,
            imports=self._project.imports,
            cache=(self._settings.cache_folder or self._folder) / "templates",
            unpacked=self._folder / "code",
            maker=maker,
        )

    def _overridden(self, template: Template) -> Template:
        """The template with the variables that the command line sets."""
        overrides = self._options.overrides
        for name in overrides.strangers(template.functions.values()):
            say("samlet", f"--env-vars: the template has no function {name}", level="warning")
        functions = {
            logical_id: replace(function, overrides=overrides.of(function))
            for logical_id, function in template.functions.items()
        }
        return replace(template, functions=functions)

    async def _follow_template(self, reload: Reload) -> None:
        files = {path for path in (self._project.template, self._project.source) if path}
        folders = {path.parent for path in files}
        async for changes in awatch(*folders, watch_filter=lambda _, path: Path(path) in files, recursive=False):
            changed = {Path(path) for _, path in changes}
            if self._project.source in changed:
                say("samlet", f"{self._project.source.name} changed: restart Samlet to let that count", level="warning")
            if self._project.template in changed:
                await self._take_over_template(reload)

    async def _take_over_template(self, reload: Reload) -> None:
        old, name = self.template, self._project.template.name
        try:
            new = await self._load()
            await reload.prepare(new.functions.values())
        except SamletError as error:
            say("samlet", f"{name} changed, and the old one stays in force: {error}", level="error")
            return
        self._template = new
        await self.functions.replace(new.functions)
        await reload.restart()
        say("samlet", f"{name} changed: its functions were taken over")
        before = (old.apis, old.function_urls, old.schedules, old.kafka_mappings, old.queue_mappings)
        if before != (new.apis, new.function_urls, new.schedules, new.kafka_mappings, new.queue_mappings):
            say("samlet", "routes, schedules or mappings changed: restart Samlet to let that count", level="warning")


def _left_to_the_users_aws(template: Template) -> Template:
    """The template, with nothing said against what the user's own AWS has, or should have."""
    say("samlet", f"{', '.join(sorted(template.others))} are expected at AWS_ENDPOINT_URL; nothing is made there")
    left = tuple(part for part in template.unsupported if part.logical_id not in template.others)
    return replace(template, unsupported=left)
