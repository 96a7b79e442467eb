"""What a project wants around its template: `samlet.toml`, read once and checked, so that the rest can trust it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samlet import dotenv
from samlet.errors import ProjectError

FILE_NAME = "samlet.toml"
TEMPLATE_NAMES = ("template.yaml", "template.yml", "template.json")

_PLACEHOLDER = re.compile(r"\{([a-z]+)\.([A-Za-z0-9_]+)\}")
DOTENV = ".env"
_KEYS = {
    "template", "on_start", "services", "web", "secrets", "parameters", "imports", "environment", "jwks", "console",
    "kafka_secrets",
}  # fmt: skip
_FACTS = {
    "postgres": ("host", "port", "database", "admin_url"),
    "kafka": ("bootstrap_servers",),
    "mail": ("url",),
    "api": ("url",),
    "web": ("url",),
}


@dataclass(frozen=True, slots=True)
class PostgresWanted:
    """An embedded PostgreSQL with one database made in it."""

    database: str


@dataclass(frozen=True, slots=True)
class Web:
    """A static web root; `config` is served as /config.json."""

    root: Path
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """One samlet.toml; without such a file, a template with nothing around it. All paths are absolute."""

    template: Path
    source: Path | None = None
    on_start: tuple[str, ...] = ()
    postgres: PostgresWanted | None = None
    kafka: bool = False
    mail: bool = False
    aws: bool = True
    web: Web | None = None
    secrets: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    jwks: Mapping[str, Path] = field(default_factory=dict)
    kafka_secrets: Mapping[str, Path] = field(default_factory=dict)
    correlation: tuple[str, ...] = ()  # names of headers and fields; none means the console's own

    @property
    def folder(self) -> Path:
        """The folder that the state folder lies in by default."""
        return (self.source or self.template).parent

    def placeholders(self) -> frozenset[str]:
        """Return the names that may stand in braces in this project's values."""
        wanted = {"api": True, "postgres": self.postgres, "kafka": self.kafka, "mail": self.mail, "web": self.web}
        facts = {f"{part}.{fact}" for part, names in _FACTS.items() if wanted[part] for fact in names}
        return frozenset(facts | {f"secrets.{name}" for name in self.secrets})

    def used_placeholders(self) -> frozenset[str]:
        """Return the names in braces that parameters and environment use."""
        texts = (*self.parameters.values(), *self.environment.values())
        offered = self.placeholders()
        used = (f"{match[1]}.{match[2]}" for text in texts for match in _PLACEHOLDER.finditer(text))
        return frozenset(name for name in used if name in offered or name.startswith("env."))


def find(*, template: Path | None = None, config: Path | None = None, folder: Path | None = None) -> Project:
    """Read the project: `config` if named, else the samlet.toml beside `template`, else the one in `folder`.

    A file that merely lies in the working directory never counts for a template elsewhere.
    """
    if config is not None:
        return read(config, template)
    home = template.resolve().parent if template else (folder or Path.cwd()).resolve()
    if (home / FILE_NAME).is_file():
        return read(home / FILE_NAME, template)
    if template is not None:
        return Project(template=_existing(template.resolve(), "the template"))
    for name in TEMPLATE_NAMES:
        if (home / name).is_file():
            return Project(template=home / name)
    raise ProjectError(f"no {FILE_NAME} and no {TEMPLATE_NAMES[0]} in {home}; name one with --template or --config")


def read(path: Path, template: Path | None = None) -> Project:
    """Read one samlet.toml; `template`, if given, counts instead of the one that the file names."""
    path = path.resolve()
    try:
        values = tomllib.loads(_existing(path, "the project file").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}: not valid TOML: {error}") from error
    reader = _Reader(path, values)
    project = reader.project(template)
    _check_placeholders(project, path)
    return project


def fill(values: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """Replace every `{part.fact}` in `values`; what is no placeholder (a JSON object, say) stays as it is."""
    return {key: _PLACEHOLDER.sub(lambda match: facts[match[0][1:-1]], value) for key, value in values.items()}


def variables(project: Project, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what fills the project's `{env.NAME}`: `environ`, else the `.env` beside it. Raises ProjectError."""
    web = project.web.config if project.web else {}
    texts = (*project.parameters.values(), *project.environment.values(), *web.values())
    wanted = {match[2] for text in texts for match in _PLACEHOLDER.finditer(text) if match[1] == "env"}
    if not wanted:
        return {}
    known = dotenv.read(project.folder / DOTENV) | {name: environ[name] for name in wanted if name in environ}
    for name in sorted(wanted - known.keys()):
        raise ProjectError(f"nothing fills {{env.{name}}} of {project.source}: {project.folder / DOTENV} has no {name}")
    return {f"env.{name}": known[name] for name in wanted}


def named_template(project: Project) -> str:
    """The template that the project's file names, whichever one is run."""
    if project.source is None:
        return TEMPLATE_NAMES[0]
    try:
        return str(tomllib.loads(project.source.read_text(encoding="utf-8")).get("template", TEMPLATE_NAMES[0]))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{project.source} cannot be read: {error}") from error


def _existing(path: Path, what: str) -> Path:
    if not path.is_file():
        raise ProjectError(f"{what} {path} does not exist")
    return path


def _check_placeholders(project: Project, path: Path) -> None:
    sections = {"parameters": project.parameters, "environment": project.environment}
    if project.web:
        sections["web.config"] = project.web.config
    known = project.placeholders()
    for section, values in sections.items():
        for key, value in values.items():
            for match in _PLACEHOLDER.finditer(value):
                if match[0][1:-1] not in known and match[1] != "env":
                    offered = ", ".join([*sorted(known), "env.NAME"])
                    raise ProjectError(f"{path}: {section}.{key}: nothing fills {match[0]}; there are {offered}")


class _Reader:
    """Takes values out of the parsed file, each checked; an error names file and key."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self._path = path
        self._values = values

    def project(self, template: Path | None) -> Project:
        self._only(self._values, _KEYS, "")
        services = self._table(self._values, "services", {"postgres", "kafka", "mail", "aws"})
        named = self._string(self._values, "template", "", default=TEMPLATE_NAMES[0])
        return Project(
            template=_existing((template or self._path.parent / named).resolve(), f"{self._path}: template:"),
            source=self._path,
            on_start=self._strings(self._values, "on_start", ""),
            postgres=self._postgres(services),
            kafka=self._switch(services, "kafka"),
            mail=self._switch(services, "mail"),
            aws=self._unless_off(services, "aws"),
            web=self._web(),
            secrets=self._strings(self._table(self._values, "secrets", {"names"}), "names", "secrets."),
            parameters=self._texts(self._values, "parameters", ""),
            imports=self._texts(self._values, "imports", ""),
            environment=self._texts(self._values, "environment", ""),
            jwks=self._files("jwks"),
            kafka_secrets=self._files("kafka_secrets"),
            correlation=self._strings(self._table(self._values, "console", {"correlation"}), "correlation", "console."),
        )

    def _postgres(self, services: dict[str, Any]) -> PostgresWanted | None:
        if "postgres" not in services:
            return None
        table = self._table(services, "postgres", {"database"}, "services.")
        return PostgresWanted(self._string(table, "database", "services.postgres.", default="postgres"))

    def _switch(self, services: dict[str, Any], name: str) -> bool:
        self._table(services, name, set(), "services.")
        return name in services

    def _unless_off(self, services: dict[str, Any], name: str) -> bool:
        """A service that is there unless the file says `false`."""
        if isinstance(services.get(name), bool):
            return bool(services[name])
        self._table(services, name, set(), "services.")
        return True

    def _web(self) -> Web | None:
        if "web" not in self._values:
            return None
        table = self._table(self._values, "web", {"root", "config"})
        root = (self._path.parent / self._string(table, "root", "web.")).resolve()
        if not root.is_dir():
            raise self._error("web.root", f"{root} is no folder")
        return Web(root, self._texts(table, "config", "web."))

    def _files(self, key: str) -> dict[str, Path]:
        """Return a table of files, which have to be there; relative ones lie beside the project file."""
        table = self._table(self._values, key, None)
        found = {name: (self._path.parent / self._string(table, name, f"{key}.")).resolve() for name in table}
        for name, file in found.items():
            _existing(file, f"{self._path}: {key}.{name}:")
        return found

    def _only(self, table: dict[str, Any], known: set[str], prefix: str) -> None:
        for key in table:
            if key not in known:
                offered = ", ".join(sorted(known)) or "none"
                raise self._error(prefix + key, f"unknown key; known here: {offered}")

    def _table(self, parent: dict[str, Any], key: str, known: set[str] | None, prefix: str = "") -> dict[str, Any]:
        table = parent.get(key, {})
        if not isinstance(table, dict):
            raise self._error(prefix + key, f"must be a table, not {_kind(table)}")
        if known is not None:
            self._only(table, known, f"{prefix}{key}.")
        return table

    def _string(self, table: dict[str, Any], key: str, prefix: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if value is None:
            raise self._error(prefix + key, "is missing")
        if not isinstance(value, str) or not value:
            raise self._error(prefix + key, f"must be a non-empty string, not {_kind(value)}")
        return value

    def _strings(self, table: dict[str, Any], key: str, prefix: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self._error(prefix + key, "must be a list of strings")
        return tuple(value)

    def _texts(self, parent: dict[str, Any], key: str, prefix: str) -> dict[str, str]:
        """Return a table of strings; numbers are written out, because parameters and variables are texts."""
        table = self._table(parent, key, None, prefix)
        for name, value in table.items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise self._error(f"{prefix}{key}.{name}", f"must be a string or a number, not {_kind(value)}")
        return {name: str(value) for name, value in table.items()}

    def _error(self, key: str, text: str) -> ProjectError:
        return ProjectError(f"{self._path}: {key}: {text}")


def _kind(value: object) -> str:
    names: dict[type, str] = {
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "a boolean",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), type(value).__name__) if value != "" else "an empty one"
