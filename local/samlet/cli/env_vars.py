"""`--env-vars FILE`: variables for the functions, in the form that `sam local` has.

A function's own stand under its logical id or name, those of all functions under `Parameters`. Unlike there, variables
that the template does not declare are set, too.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samlet.errors import ProjectError

EVERYWHERE = "Parameters"


def read(path: Path) -> dict[str, dict[str, str]]:
    """The variables by function; those of all functions stand under `EVERYWHERE`."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ProjectError(f"--env-vars {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"--env-vars {path} is no UTF-8 text") from error
    except ValueError as error:
        raise ProjectError(f"--env-vars {path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f'--env-vars {path} needs an object such as {{"Function": {{"NAME": "value"}}}}')
    return {name: _variables(path, name, variables) for name, variables in content.items()}


def _variables(path: Path, function: str, variables: Any) -> dict[str, str]:
    if not isinstance(variables, Mapping):
        raise ProjectError(f'--env-vars {path}: {function} needs an object such as {{"NAME": "value"}}')
    return {name: _text(f"{path}: {function}.{name}", value) for name, value in variables.items()}


def _text(place: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise ProjectError(f"--env-vars {place} needs a text, a number or a truth value")
