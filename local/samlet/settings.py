"""The settings of one run: ports, state folder, limits and the services that the user brings, from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samlet.errors import ProjectError

PORTS = {
    "api": ("SAMLET_API_PORT", 3000),
    "lambda": ("SAMLET_LAMBDA_PORT", 3001),
    "web": ("SAMLET_WEB_PORT", 8080),
    "console": ("SAMLET_CONSOLE_PORT", 9000),
    "smtp": ("SAMLET_SMTP_PORT", 1025),
    "postgres": ("SAMLET_POSTGRES_PORT", 54320),
    "kafka": ("SAMLET_KAFKA_PORT", 19092),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment may decide; `ports` is keyed like `PORTS`, 0 means any free one."""

    ports: Mapping[str, int] = field(default_factory=lambda: {part: port for part, (_, port) in PORTS.items()})
    state_folder: Path | None = None
    cache_folder: Path | None = None
    max_sandboxes: int | None = None
    database_admin_url: str | None = None
    kafka_bootstrap_servers: str | None = None
    smtp_url: str | None = None
    console_named: bool = False

    def state_beside(self, folder: Path) -> Path:
        """Return the state folder of a project that lies in `folder`."""
        return self.state_folder or folder / ".samlet"


def setting_of(part: str) -> str:
    """Return the name of the setting that chooses the port of `part`."""
    return PORTS[part][0]


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty value counts as none, a bad one is an error that names its setting."""
    state, cache = environ.get("SAMLET_STATE_DIR"), environ.get("SAMLET_CACHE_DIR")
    return Settings(
        ports={part: _number(environ, name, default, 0, 65_535) for part, (name, default) in PORTS.items()},
        state_folder=Path(state).expanduser().absolute() if state else None,
        cache_folder=Path(cache).expanduser().absolute() if cache else None,
        max_sandboxes=_number(environ, "SAMLET_MAX_SANDBOXES", 0, 1, 1_000) or None,
        database_admin_url=environ.get("DATABASE_ADMIN_URL") or None,
        kafka_bootstrap_servers=environ.get("KAFKA_BOOTSTRAP_SERVERS") or None,
        smtp_url=environ.get("SMTP_URL") or None,
        console_named=bool(environ.get(setting_of("console"))),
    )


def _number(environ: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise ProjectError(f"{name} must be a whole number from {lowest} to {highest}, not {text!r}")
    return int(text)
