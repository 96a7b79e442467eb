"""The event that a command is given: a file, or standard input; JSON, or it is refused at once."""

import json
import sys
from pathlib import Path

from samlet.errors import ProjectError


def read(source: str | None) -> bytes:
    """The event's bytes, `{}` where none is named."""
    if source is None:
        return b"{}"
    content = sys.stdin.buffer.read() if source == "-" else _read_file(source)
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        name = "standard input" if source == "-" else source
        raise ProjectError(f"the event in {name} is no JSON: {error}") from error
    return content


def _read_file(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise ProjectError(f"the event {source} cannot be read: {error.strerror}") from error
