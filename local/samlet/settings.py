"""The settings of one run: ports, state folder, limits and the services that the user brings, from the environment."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from samlet.errors import ProjectError

PORTS = {
    "api": ("SAMLET_API_PORT", 3000),
    "lambda": ("SAMLET_LAMBDA_PORT", 3001),
    "web": ("SAMLET_WEB_PORT", 8080),
    "console": ("SAMLET_CONSOLE_PORT", 9000),
    "smtp": ("SAMLET_SMTP_PORT", 1025),
    "postgres": ("SAMLET_POSTGRES_PORT", 54320),
    "kafka": ("SAMLET_KAFKA_PORT", 19092),
    "aws": ("SAMLET_AWS_PORT", 4566),
}

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment may decide; `ports` is keyed like `PORTS`, 0 means any free one.

    With an `agent_port` functions run in agents that dial it. `api_url` and `web_url` are the origins that others reach
    us by; with a `web_url` somebody else serves the page.
    """

    ports: Mapping[str, int] = field(default_factory=lambda: {part: port for part, (_, port) in PORTS.items()})
    host: str = LOOPBACK
    agent_port: int | None = None
    agent_token_file: Path | None = None
    api_url: str | None = None
    web_url: str | None = None
    state_folder: Path | None = None
    secrets_folder: Path | None = None
    cache_folder: Path | None = None
    max_sandboxes: int | None = None
    database_admin_url: str | None = None
    database_admin_password_file: Path | None = None
    kafka_bootstrap_servers: str | None = None
    smtp_url: str | None = None
    mailpit_url: str | None = None
    aws_endpoint_url: str | None = None
    console_named: bool = False
    watch_by_stat: bool = False

    def state_beside(self, folder: Path) -> Path:
        """Return the state folder of a project that lies in `folder`."""
        return self.state_folder or folder / ".samlet"


def setting_of(part: str) -> str:
    """Return the name of the setting that chooses the port of `part`."""
    return PORTS[part][0]


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty value counts as none, a bad one is an error that names its setting."""
    settings = Settings(
        ports={part: _number(environ, name, default, 0, 65_535) for part, (name, default) in PORTS.items()},
        host=_address(environ, "SAMLET_HOST", LOOPBACK),
        agent_port=_number(environ, "SAMLET_AGENT_PORT", 0, 1, 65_535) or None,
        agent_token_file=_path(environ, "SAMLET_AGENT_TOKEN_FILE"),
        api_url=_origin(environ, "SAMLET_API_URL"),
        web_url=_origin(environ, "SAMLET_WEB_URL"),
        state_folder=_path(environ, "SAMLET_STATE_DIR"),
        secrets_folder=_path(environ, "SAMLET_SECRETS_DIR"),
        cache_folder=_path(environ, "SAMLET_CACHE_DIR"),
        max_sandboxes=_number(environ, "SAMLET_MAX_SANDBOXES", 0, 1, 1_000) or None,
        database_admin_url=environ.get("DATABASE_ADMIN_URL") or None,
        database_admin_password_file=_path(environ, "DATABASE_ADMIN_PASSWORD_FILE"),
        kafka_bootstrap_servers=environ.get("KAFKA_BOOTSTRAP_SERVERS") or None,
        smtp_url=environ.get("SMTP_URL") or None,
        mailpit_url=_origin(environ, "MAILPIT_URL"),
        aws_endpoint_url=_origin(environ, "AWS_ENDPOINT_URL"),
        console_named=bool(environ.get(setting_of("console"))),
        watch_by_stat=_one_of(environ, "SAMLET_WATCH", ("kernel", "stat")) == "stat",
    )
    if settings.agent_port and settings.host != LOOPBACK and settings.agent_token_file is None:
        raise ProjectError("SAMLET_AGENT_PORT on an address that others reach needs SAMLET_AGENT_TOKEN_FILE")
    return settings


def _number(environ: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise ProjectError(f"{name} must be a whole number from {lowest} to {highest}, not {text!r}")
    return int(text)


def _one_of(environ: Mapping[str, str], name: str, offered: tuple[str, ...]) -> str:
    text = environ.get(name, "").strip() or offered[0]
    if text not in offered:
        raise ProjectError(f"{name} must be {' or '.join(offered)}, not {text!r}")
    return text


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    return Path(text).expanduser().absolute() if text else None


def _address(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name, "").strip() or default
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ProjectError(f"{name} must be an IPv4 address such as 0.0.0.0, not {text!r}") from None


def _origin(environ: Mapping[str, str], name: str) -> str | None:
    """An origin without a path, as browsers compare it and clients extend it."""
    text = environ.get(name, "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        bare = parts.port != 0 and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:  # a port that is no number, an IPv6 address that does not end
        bare = False
    if not bare or parts.scheme not in ("http", "https"):
        raise ProjectError(f"{name} must look like http://host:port, not {text!r}")
    return text
