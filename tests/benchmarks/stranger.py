"""Samlet on a project that is none of ours: a process of its own, on free ports, in a folder that goes again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.peers.installed import PROJECT
from benchmarks.peers.servers import end
from e2e.system import CHECKOUT, PARTS
from waiting import eventually


@dataclass
class Stranger:
    """`samlet start` on a template in `folder`."""

    folder: Path
    template: str = "template.yaml"
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    python: Path = Path(sys.executable)

    @property
    def state(self) -> Path:
        """Its data; beside the code, since a log that changed there would count as code."""
        return self.folder.with_name(f"{self.folder.name}.state")

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @contextmanager
    def running(self) -> Iterator["Stranger"]:
        """Ready for requests, until the end of the block."""
        variables = {
            # Without PYTHONDONTWRITEBYTECODE and the like: elsewhere, Python keeps what it has compiled.
            **{name: value for name, value in os.environ.items() if not name.startswith(("SAMLET_", "PYTHON"))},
            **{f"SAMLET_{part}_PORT": "0" for part in PARTS},
            "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet"),
            "SAMLET_STATE_DIR": str(self.state),
            **self.environment,
        }
        command: list[str | Path] = [self.python, "-m", "samlet", "start", "--template", self.template, *self.arguments]
        with self.log.open("ab") as log:
            self.process = psutil.Popen(
                command, cwd=self.folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            eventually(self._ready, timeout=180, every=0.01)
            yield self
        finally:
            end(self.process.pid)
            self.process.wait()

    def _ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        told = self.state / "running.json"
        if not told.exists():
            return False
        self.addresses: dict[str, Any] = json.loads(told.read_text() or "{}")
        if self.addresses.get("pid") != self.process.pid or "console" not in self.addresses:
            return False
        try:
            return httpx.get(f"{self.addresses['console']}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def api(self) -> str:
        """Where its HTTP API is."""
        return str(self.addresses["api"])

    def parts(self) -> Any:
        """What the console tells of each part."""
        return httpx.get(f"{self.addresses['console']}/healthz", timeout=5).json()["parts"]

    def sandbox(self, function: str) -> psutil.Process:
        """The process of a function that has been used."""
        return psutil.Process(next(it["pid"] for it in self.parts()["functions"][function]["sandboxes"] if it["pid"]))


def project(folder: Path) -> Path:
    """A copy of the project that all peers run."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
