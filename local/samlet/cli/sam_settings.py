"""What of sam's own configuration decides a start: what the command line and the environment say wins over it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from samlet.log import say
from samlet.project import Project
from samlet.settings import Settings, setting_of

if TYPE_CHECKING:
    from samlet.template import SamConfig


def read(project: Project, config_env: str | None) -> "SamConfig":
    """The configuration that belongs to a project's template."""
    from samlet.template import read_samconfig  # not at the top: it takes a while to load

    return read_samconfig(project.template.parent, config_env)


def with_ports(settings: Settings, sam: "SamConfig", environ: Mapping[str, str]) -> Settings:
    """The settings with sam's ports, where the environment says none."""
    free = {part: port for part, port in sam.ports.items() if not environ.get(setting_of(part), "").strip()}
    return replace(settings, ports={**settings.ports, **free})


def say_left_out(sam: "SamConfig") -> None:
    """Name what is not taken over, in one line."""
    if sam.left_out:
        say("samlet", f"samconfig counts for sam alone in these: {'; '.join(sam.left_out)}", level="warning")
