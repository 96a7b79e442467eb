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
_START_API, _START_LAMBDA = "local_start_api", "local_start_lambda"
# Later ones win. What is for running locally is meant for us more than what is for deploying.
_COMMANDS = ("global", "deploy", _START_API)
_BUILT = (".aws-sam", "build")
_OVERRIDES = "parameter_overrides"
# What somebody would miss, and what to give instead; what else these tables hold is about containers and sam itself.
_INSTEAD = {
    "host": "SAMLET_HOST, which opens the console as well",
    "profile": "--profile",
    "debug_port": "--debug-port",
    "static_dir": "root of [web] in samlet.toml",
    "template": "--template",
    "template_file": "--template",
    "no_memory_limit": "MemorySize of the template",
    "add_host": "there are no containers",
    "container_env_vars": "--env-vars",
    "disable_authorizer": "authorizers count here",
}


@dataclass(frozen=True, slots=True)
class SamConfig:
    """The values of parameters, and what else `sam local` would take; `left_out` says what of it counts for sam alone.

    `ports` are those of the HTTP API, `api`, and of the Invoke API, `lambda`, where they are said.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    env_vars: Path | None = None
    left_out: tuple[str, ...] = ()


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
    return SamConfig(parameters, region, **_of_local(path, environment, chosen))


def _of_local(path: Path, environment: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What only matters where functions run; the other tables have been looked at."""
    said = {name: chosen.get(name, {}).get("parameters", {}) for name in ("global", _START_API)}
    invoke_api = chosen.get(_START_LAMBDA, {})
    own = invoke_api.get("parameters", {}) if isinstance(invoke_api, Mapping) else None
    if not isinstance(own, Mapping):
        raise ProjectError(f"{path}: {environment}.{_START_LAMBDA}.parameters: needs a table")
    ports = {
        part: _port(f"{path}: {environment}.{command}.parameters.port", table["port"])
        for part, command, table in (("api", _START_API, said[_START_API]), ("lambda", _START_LAMBDA, own))
        if "port" in table
    }
    env_vars = said[_START_API].get("env_vars", said["global"].get("env_vars"))
    if env_vars is not None and not isinstance(env_vars, str):
        raise ProjectError(f"{path}: {environment}.{_START_API}.parameters.env_vars: needs the name of a file")
    missed = [name for name in _INSTEAD if name in said[_START_API] or name in own]
    return {
        "ports": ports,
        "env_vars": path.parent / env_vars if env_vars else None,
        "left_out": tuple(f"{name} ({_INSTEAD[name]})" for name in missed),
    }


def _port(place: str, value: Any) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 65_535:
        raise ProjectError(f"{place}: needs a port, 1 to 65535, not {value!r}")
    return int(text)
