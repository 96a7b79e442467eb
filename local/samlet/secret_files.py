"""Secrets as files, one each and named like it, the way containers are given them."""

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from samlet.errors import ProjectError
from samlet.state import new_secret

_READABLE = 0o440  # by its owner and by a group that the container of a reader is in


def read(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The secrets of these names; ProjectError names the file that is missing or empty."""
    return {name: read_one(folder / name) for name in names}


def read_one(path: Path) -> str:
    """The secret in a file, without the line's end."""
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"no secret can be read from {path}: {_reason(error)}; `samlet secrets {path.parent} {path.name}` makes it"
        ) from error
    if not content:
        raise ProjectError(f"{path} is empty, and a secret must not be")
    return content


def make_missing(folder: Path, names: Iterable[str]) -> list[str]:
    """Make a file for each name that has none, whole or not at all; returns the names of those that were made."""
    folder.mkdir(parents=True, exist_ok=True)
    return [name for name in names if _make(folder / name, new_secret())]


def token_of(shared: str, function: str) -> str:
    """The token that lets in agents of one function, a logical id, where `shared` lets in those of all."""
    return hmac.new(shared.encode(), function.encode(), hashlib.sha256).hexdigest()


def make_tokens(folder: Path, name: str, functions: Iterable[str]) -> list[str]:
    """Make `<function>/<name>` with the token of each function, out of the secret `name`; returns whose were made.

    A file that was made of another secret is made anew.
    """
    shared, made = read_one(folder / name), []
    for function in functions:
        path, token = folder / function / name, token_of(shared, function)
        if path.is_file() and path.read_text("utf-8") == token:
            continue
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        _make(path, token)
        made.append(function)
    return made


def _make(path: Path, secret: str) -> bool:
    # Not named after the process: in containers everybody has the same process id.
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(secret)
        draft.flush()
        os.fchmod(draft.fileno(), _READABLE)
        os.fsync(draft.fileno())
        try:
            os.link(draft.name, path)  # unlike a rename it never replaces what another one has made meanwhile
        except FileExistsError:
            return False
    return True


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is no text"
