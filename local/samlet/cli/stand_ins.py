"""A project's template where nothing runs yet: what only a running Samlet knows is stood in for."""

import base64
import os
from collections.abc import Mapping
from dataclasses import replace

from samlet.model import DEFAULT_REGION, Template
from samlet.project import Project, fill, variables
from samlet.settings import LOOPBACK, Settings

_SECRET = base64.b64encode(bytes(32)).decode()


def template(
    project: Project, settings: Settings, given: Mapping[str, str] | None = None, config_env: str | None = None
) -> Template:
    """The template as `start` would read it, `given` parameters last.

    Raises TemplateError, and ProjectError where samconfig has no environment of that name or nothing fills an
    `{env.NAME}` of samlet.toml.
    """
    from samlet.cli.rehearsal import Rehearsal  # not at the top: see up.py
    from samlet.template import counts_elsewhere, load, read_samconfig

    sam = read_samconfig(project.template.parent, config_env)
    known = facts(project, settings) | variables(project, os.environ)
    own = fill(project.parameters, known) | dict(given or {})
    read = load(
        project.template,
        dict(sam.parameters) | own,
        region=sam.region or DEFAULT_REGION,
        imports=project.imports,
        maker=Rehearsal() if makes_others(project, settings) else None,
    )
    if not settings.aws_endpoint_url:
        return read
    return replace(read, unsupported=tuple(part for part in read.unsupported if counts_elsewhere(part, read.others)))


def makes_others(project: Project, settings: Settings) -> bool:
    """Whether `start` would make resources that are no part of Samlet."""
    return project.aws and not settings.aws_endpoint_url and not settings.agent_port


def facts(project: Project, settings: Settings) -> dict[str, str]:
    """A value of the right shape for every placeholder of samlet.toml."""
    database = project.postgres.database if project.postgres else ""
    ports = {part: port or 1 for part, port in settings.ports.items()}
    known = {
        "postgres.host": LOOPBACK,
        "postgres.port": str(ports["postgres"]),
        "postgres.database": database,
        "postgres.admin_url": f"postgresql://samlet_admin:password@{LOOPBACK}:{ports['postgres']}/{database}",
        "kafka.bootstrap_servers": f"{LOOPBACK}:{ports['kafka']}",
        "mail.url": f"smtp://{LOOPBACK}:{ports['smtp']}",
        "api.url": settings.api_url or f"http://{LOOPBACK}:{ports['api']}",
        "web.url": settings.web_url or f"http://{LOOPBACK}:{ports['web']}",
    }
    return {name: known.get(name, _SECRET) for name in project.placeholders()}
