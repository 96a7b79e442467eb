"""The state folder of one Samlet: who runs on it, where that one listens, and the secrets generated for it."""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from samlet.errors import StateInUse

# `reset` deletes data; what was only fetched or installed can be had again for nothing but time.
KEPT_BY_RESET = frozenset({"lock", "downloads", "environments"})

_LOCK_PATIENCE = 0.5  # seconds; a command that only looks whether somebody runs holds the lock for a moment


@dataclass(frozen=True, slots=True)
class Running:
    """What is known of the Samlet that runs on a state folder: `addresses` by part, as URLs or host:port."""

    pid: int
    addresses: dict[str, str]


class State:
    """One state folder; `with state.lock():` makes it ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "samlet.log"

    def lock(self) -> "Lock":
        """Take the folder for this process or raise StateInUse; the lock ends with the process, whatever ends it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + _LOCK_PATIENCE
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StateInUse(self._in_use())
            time.sleep(0.02)
        self._running_file.unlink(missing_ok=True)
        _write(self._running_file, {"pid": os.getpid()})
        return Lock(self, descriptor)

    def publish(self, addresses: dict[str, str]) -> None:
        """Write down where this Samlet listens, for the commands that talk to it."""
        _write(self._running_file, {"pid": os.getpid(), **addresses})

    def running(self) -> Running | None:
        """Return who runs on this folder, or None; a file left by one that died does not count."""
        with contextlib.suppress(OSError):  # nobody has ever run here
            descriptor = os.open(self.folder / "lock", os.O_RDONLY)
            try:
                return None if _try_lock(descriptor, shared=True) else self._read_running()
            finally:
                os.close(descriptor)
        return None

    def secrets(self, names: Iterable[str]) -> dict[str, str]:
        """Return a secret for each name; each is generated once and kept in a file that only its owner can read."""
        path = self.folder / "secrets.json"
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = list(names)
        missing = [name for name in wanted if name not in kept]
        if missing:
            kept |= {name: new_secret() for name in missing}
            _write(path, kept)
        return {name: kept[name] for name in wanted}

    def reset(self) -> None:
        """Delete the data in the folder; downloads and installed environments stay. The caller holds the lock."""
        for entry in self.folder.iterdir():
            if entry.name in KEPT_BY_RESET:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    @property
    def _running_file(self) -> Path:
        return self.folder / "running.json"

    def _read_running(self) -> Running | None:
        with contextlib.suppress(OSError, ValueError, KeyError):  # it is just being started, or has just ended
            content: dict[str, Any] = json.loads(self._running_file.read_text())
            return Running(content.pop("pid"), content)
        return None

    def _in_use(self) -> str:
        other = self._read_running()
        who = "another Samlet"
        if other:
            console = other.addresses.get("console")
            who += f" (pid {other.pid}{f', console {console}' if console else ''})"
        return f"{who} already runs on {self.folder}; stop it, or set SAMLET_STATE_DIR to another folder"


class Lock:
    """The right to use a state folder; a context manager that gives it back."""

    def __init__(self, state: State, descriptor: int) -> None:
        self._state = state
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        """Do nothing more: the lock is held since it was made."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Give the folder back."""
        (self._state.folder / "running.json").unlink(missing_ok=True)
        os.close(self._descriptor)


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def new_secret() -> str:
    """Return 32 random bytes in base64 that reads the same in both alphabets and needs no escaping in a URL."""
    candidates: Iterator[str] = iter(lambda: base64.b64encode(secrets.token_bytes(32)).decode(), "")
    return next(text for text in candidates if "+" not in text and "/" not in text)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write the file whole or not at all, readable by its owner alone."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
