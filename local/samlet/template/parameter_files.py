"""Files that hold values of a template's parameters, in every form that AWS's own tools write or take."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from samlet.errors import ProjectError
from samlet.template.parameters import as_text

_FORMS = "a list of ParameterKey and ParameterValue, a map of names, or lines NAME=VALUE"
_LINE = re.compile(r"(?:export\s+)?([A-Za-z0-9]+)\s*=\s*(.*)")
_LEGACY = re.compile(r"ParameterKey=([^,]+),ParameterValue=(.*)", re.DOTALL)


def read_parameters(path: Path) -> dict[str, str]:
    """The values in a file; raises ProjectError with the file and, where there is one, the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"the parameter file {path} cannot be read: {error}") from error
    try:
        if path.suffix in (".yaml", ".yml"):
            # Every scalar is text, as it is written: 012 is no octal number and `yes` no truth.
            return _values(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 (the safest of all)
        if path.suffix == ".json" or text.lstrip().startswith(("{", "[")):
            return _values(json.loads(text, parse_int=str, parse_float=str))
        return _lines(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProjectError(f"{path}:{line}: {error.problem}") from error
    except json.JSONDecodeError as error:
        raise ProjectError(f"{path}:{error.lineno}: {error.msg}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ProjectError(f"{path}: {error}") from error


def overrides(value: Any, folder: Path) -> dict[str, str]:
    """What `parameter_overrides` of sam's configuration says: text, a list, or a map; `file://` names a file."""
    if isinstance(value, str):
        return _pairs(shlex.split(value), folder)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _pairs(value, folder)
    return _values(value)


def _pairs(items: Iterable[str], folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:
        if item.startswith("file://"):
            found |= read_parameters(folder / item.removeprefix("file://"))
            continue
        legacy = _LEGACY.fullmatch(item)
        name, equals, value = (legacy[1], "=", legacy[2]) if legacy else item.partition("=")
        if not name or not equals:
            raise ValueError(f"{item!r} is not NAME=VALUE")
        found[name] = _unquoted(value)
    return found


def _values(content: Any) -> dict[str, str]:
    if isinstance(content, Mapping) and isinstance(content.get("Parameters"), Mapping):
        content = content["Parameters"]  # as CodePipeline has it, beside tags and a policy
    if isinstance(content, list):
        if all(isinstance(item, str) for item in content):
            return _pairs(content, Path())
        if not all(isinstance(item, Mapping) and {"ParameterKey", "ParameterValue"} <= set(item) for item in content):
            raise ValueError(f"needs {_FORMS}")
        return {str(item["ParameterKey"]): _text(item["ParameterKey"], item["ParameterValue"]) for item in content}
    if not isinstance(content, Mapping):
        raise ValueError(f"needs {_FORMS}")
    return {str(name): _text(name, value) for name, value in content.items()}


def _text(name: Any, value: Any) -> str:
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ",".join(map(as_text, value))
    if value is None or isinstance(value, list | dict):
        raise ValueError(f"{name}: needs text, a number or a list of them")
    return as_text(value)


def _lines(text: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"line {number} is not NAME=VALUE")
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
