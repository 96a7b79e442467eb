"""What counts here of sam's own configuration, `samconfig.toml` or `samconfig.yaml` beside the template."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from samlet.errors import ProjectError
from samlet.template.parameter_files import overrides

SAMCONFIG_NAMES = ("samconfig.toml", "samconfig.yaml", "samconfig.yml")
# Later ones win. What is for running locally is meant for us more than what is for deploying.
_COMMANDS = ("global", "deploy", "local_start_api")
_BUILT = (".aws-sam", "build")
_OVERRIDES = "parameter_overrides"


@dataclass(frozen=True, slots=True)
class SamConfig:
    """The values of parameters, and the region, that sam would take."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None


def read_samconfig(folder: Path, environment: str | None = None) -> SamConfig:
    """The configuration of an environment, `default` if none is named; an empty one where there is no file.

    It lies where sam is called, so a template that `sam build` made has its project's. Raises ProjectError where an
    environment is named that no file has.
    """
    if folder.parts[-2:] == _BUILT:
        folder = folder.parents[1]
    path = next((folder / name for name in SAMCONFIG_NAMES if (folder / name).is_file()), None)
    if path is None:
        if environment is None:
            return SamConfig()
        raise ProjectError(f"--config-env {environment}: there is no {SAMCONFIG_NAMES[0]} in {folder}")
    content = _content(path)
    chosen = content.get(environment or "default")
    if chosen is None and environment:
        offered = ", ".join(sorted(name for name, value in content.items() if isinstance(value, Mapping)))
        raise ProjectError(f"{path}: no environment {environment}; there are {offered or 'none'}")
    return _config(path, environment or "default", chosen or {})


def _content(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ProjectError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        raise ProjectError(f"{path}: needs tables such as [default.deploy.parameters]")
    return content


def _config(path: Path, environment: str, chosen: Any) -> SamConfig:
    parameters: dict[str, str] = {}
    region = None
    for command in _COMMANDS:
        place = f"{path}: {environment}.{command}.parameters"
        table = chosen.get(command, {}) if isinstance(chosen, Mapping) else None
        said = table.get("parameters", {}) if isinstance(table, Mapping) else None
        if not isinstance(said, Mapping):
            raise ProjectError(f"{place}: needs a table")
        try:
            parameters |= overrides(said.get(_OVERRIDES, {}), path.parent)
        except ValueError as error:
            raise ProjectError(f"{place}.{_OVERRIDES}: {error}") from error
        region = said.get("region", region)
        if region is not None and not isinstance(region, str):
            raise ProjectError(f"{place}.region: needs text")
    return SamConfig(parameters, region)
