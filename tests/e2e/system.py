"""The whole system as a user has it: started by `samlet up` in a process of its own, spoken to from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from sqlalchemy import Connection, NullPool, create_engine

from waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ("API", "LAMBDA", "WEB", "CONSOLE", "SMTP", "POSTGRES", "KAFKA")


@dataclass
class System:
    """`samlet up` on free ports, with a state folder of its own and the checkout's downloads."""

    state: Path
    project: Path = CHECKOUT
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    addresses: dict[str, Any] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.state.with_name(f"{self.state.name}.log")

    def surroundings(self) -> dict[str, str]:
        ports = {f"SAMLET_{part}_PORT": "0" for part in PARTS}
        folders = {"SAMLET_STATE_DIR": str(self.state), "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet")}
        return {**os.environ, "PYTHONPATH": "", **ports, **folders, **self.environment}

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "samlet", "up"],
                cwd=self.project,
                env=self.surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            eventually(self.ready, timeout=150)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        return self

    def ready(self) -> bool:
        process = self.process
        assert process is not None
        assert process.poll() is None, f"samlet up ended with {process.returncode}:\n{self.tail()}"
        running = self.state / "running.json"
        if not running.exists():
            return False
        self.addresses = json.loads(running.read_text())
        if self.addresses.get("pid") != process.pid or "console" not in self.addresses:
            return False
        try:
            return httpx.get(f"{self.addresses['console']}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, how: signal.Signals = signal.SIGINT, timeout: float = 20) -> int:
        """Send `how` and wait for the end; returns the exit status."""
        assert self.process is not None
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        return self.process.wait(timeout)

    def samlet(self, *arguments: str, check: bool = True, stdin: str | None = None) -> str:
        """Run a command of the runtime against this system; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "samlet", *arguments],
            cwd=self.project,
            env=self.surroundings(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}\n{self.tail()}"
        return done.stdout

    def api(self, token: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.addresses["api"], headers=headers, timeout=30)
        self.clients.append(client)
        return client

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """A transaction of the administrator, who owns the tables."""
        password = (self.state / "postgres" / "admin.password").read_text().strip()
        url = f"postgresql+pg8000://samlet_admin:{password}@{self.addresses['postgres']}/taskflow"
        with create_engine(url, poolclass=NullPool).begin() as connection:
            yield connection

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.addresses['console']}/healthz", timeout=30).json()["parts"]
        return answer

    def sandboxes(self, function: str) -> list[int]:
        sandboxes = self.health()["functions"][function]["sandboxes"]
        return [sandbox["pid"] for sandbox in sandboxes if sandbox["pid"]]

    def kill(self, function: str) -> None:
        """`kill -9` every sandbox of a function."""
        for pid in self.sandboxes(function):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def mails(self, to: str) -> list[dict[str, Any]]:
        return [mail for mail in json.loads(self.samlet("mails", "--json")) if to in mail["to"]]

    def events(self, user_id: str | None = None) -> Iterator[dict[str, Any]]:
        for record in json.loads(self.samlet("events", "--json")):
            if user_id in (None, record["key"]):
                yield record

    def schedule(self, word: str) -> str:
        """The name of the one schedule whose name contains `word`."""
        names = [line.split()[0] for line in self.samlet("schedule", "list").splitlines() if word in line.split()[0]]
        assert len(names) == 1, names
        return names[0]
