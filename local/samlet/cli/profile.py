"""`--profile NAME`: the developer's own credentials for the functions, from AWS's two files; they are never shown."""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from samlet.errors import ProjectError

_KEYS = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}
_ELSEWHERE = ("sso_session", "sso_start_url", "role_arn", "credential_process", "login_session")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile says: variables with credentials, and its region if it has one."""

    variables: Mapping[str, str] = field(repr=False)
    region: str | None = None


def read(name: str, environ: Mapping[str, str], home: Path) -> Profile:
    """The profile's keys; an empty session token stands for none. ProjectError where there are no keys in the files."""
    files = {
        "credentials": Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials").expanduser(),
        "config": Path(environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config").expanduser(),
    }
    section = "default" if name == "default" else f"profile {name}"
    settings = _section(files["config"], section) | _section(files["credentials"], name)
    if not settings:
        raise ProjectError(f"there is no profile {name} in {files['credentials']} or {files['config']}")
    if not all(settings.get(key) for key in ("aws_access_key_id", "aws_secret_access_key")):
        raise ProjectError(_without_keys(name, settings))
    variables = {variable: settings.get(key, "") for key, variable in _KEYS.items()}
    return Profile(variables, settings.get("region"))


def _section(file: Path, name: str) -> dict[str, str]:
    # No interpolation: a secret may have a percent sign. No default section: [default] is a profile like others.
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        parser.read(file, "utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        # Its text may quote a line with a secret.
        raise ProjectError(f"{file} cannot be read as a file of AWS profiles ({type(error).__name__})") from None
    return dict(parser[name]) if parser.has_section(name) else {}


def _without_keys(name: str, settings: Mapping[str, str]) -> str:
    other = next((key for key in _ELSEWHERE if key in settings), None)
    if other is None:
        return f"profile {name} has no aws_access_key_id and aws_secret_access_key"
    return (
        f"profile {name} gets its credentials by {other}, which is not done here; run "
        f"`aws configure export-credentials --profile {name}` and keep the keys as a profile of their own"
    )
