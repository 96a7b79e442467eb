"""Reads `.env` files: one `NAME=value` a line, as shells and Docker Compose have them, with nothing filled in."""

import re
from pathlib import Path

from samlet.errors import ProjectError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_SINGLE = re.compile(r"'([^']*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file, none where there is no file. Raises ProjectError that names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            name, value = _parsed(stripped, path, number)
            found[name] = value
    return found


def _parsed(line: str, path: Path, number: int) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if not match:
        raise ProjectError(f"{path}, line {number}: is not NAME=value")
    name, raw = match[1], match[2].strip()
    if raw[:1] in {"'", '"'}:
        quoted = (_SINGLE if raw[0] == "'" else _DOUBLE).fullmatch(raw)
        if not quoted:
            raise ProjectError(f"{path}, line {number}: the value of {name} has a quote that does not end")
        value = quoted[1] if raw[0] == "'" else re.sub(r"\\(.)", lambda at: _ESCAPES.get(at[1], at[1]), quoted[1])
        return name, value
    return name, re.split(r"\s+#|^#", raw)[0]
