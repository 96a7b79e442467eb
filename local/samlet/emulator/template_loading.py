"""Loads the template of a project: its parameters, what moto makes of it, and what is said of parts that aren't run."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from samlet.emulator.options import Options
from samlet.errors import ServiceFailed, TemplateError
from samlet.log import say
from samlet.model import DEFAULT_REGION, Unsupported
from samlet.project import Project, fill
from samlet.services import Moto
from samlet.settings import Settings
from samlet.template import Maker, Template, counts_elsewhere, load, notice, read_samconfig


class TemplateLoader:
    """Reads the template as it is now; `folder` is the state folder. `aws`, if there is one, makes other resources.

    `urls` knows where function URLs are served, by logical id.
    """

    def __init__(self, settings: Settings, options: Options, folder: Path) -> None:
        self._settings = settings
        self._options = options
        self._folder = folder
        self.aws: Moto | None = None
        self.urls: Callable[[str], str] | None = None

    async def load(self, project: Project, facts: Mapping[str, str], told: Collection[Unsupported] = ()) -> Template:
        """The project's template, `facts` filled in; says what isn't run, but for what was `told` before.

        Raises TemplateError, with --strict for what isn't run, too.
        """
        template = await self._made(project, facts)
        if template.others and self._settings.aws_endpoint_url:
            template = _left_to_the_users_aws(template)
        template = self._overridden(template)
        for part in template.unsupported:
            if part not in told:
                text = f"not run here: {notice(template, part)}"
                say("samlet", text, level="error" if self._options.strict else "warning")
        if template.unsupported and not template.functions and not told:
            say("samlet", f"no function of {template.path.name} can be run here, so nothing answers", level="error")
        if template.unsupported and self._options.strict:
            names = ", ".join(part.logical_id for part in template.unsupported)
            raise TemplateError(f"{template.path}: these parts cannot be run here, and --strict was given: {names}")
        return template

    async def _made(self, project: Project, facts: Mapping[str, str]) -> Template:
        """The template, with its other resources made if anything makes them."""
        template = await self._read(project, facts, None)
        if not template.others or self.aws is None:
            return template
        try:
            maker = await self.aws.maker(template.region, template.account)
            return await self._read(project, facts, maker)
        except ServiceFailed as failure:
            say("samlet", f"the template's other resources are not made: {failure}", level="warning")
            return template

    async def _read(self, project: Project, facts: Mapping[str, str], maker: Maker | None) -> Template:
        sam = read_samconfig(project.template.parent, self._options.config_env)
        own = fill(project.parameters, facts) | dict(self._options.parameters)
        return await asyncio.to_thread(
            load,
            project.template,
            dict(sam.parameters) | own,
            region=self._options.region or sam.region or DEFAULT_REGION,
            imports=project.imports,
            cache=self._folder / "templates",  # they hold parameters, so they go with the state and are not shared
            unpacked=self._folder / "code",
            maker=maker,
            urls=self.urls,
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


def _left_to_the_users_aws(template: Template) -> Template:
    """The template, with nothing said against what the user's own AWS has, or should have."""
    say("samlet", f"{', '.join(sorted(template.others))} are expected at AWS_ENDPOINT_URL; nothing is made there")
    left = tuple(part for part in template.unsupported if counts_elsewhere(part, template.others))
    there = tuple((logical_id, kind, "elsewhere") for logical_id, kind in template.others.items())
    return replace(template, unsupported=left, resources=(*template.resources, *there))
