"""The unmodified docker-compose.yml, started under a project name and on ports of its own."""

import json
import os
import random
import secrets
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, NullPool, create_engine

from e2e.system import CHECKOUT, System
from waiting import eventually

_PORTS = ("API_PORT", "WEB_PORT", "CONSOLE_PORT", "MAILPIT_PORT", "POSTGRES_PORT", "KAFKA_PORT", "MAILPIT_SMTP_PORT")

_NOBODYS = range(20_000, 32_000)  # Linux gives away those from 32768 on


def free_ports(names: tuple[str, ...] = (*_PORTS, "MOTO_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")) -> dict[str, str]:
    """A free port for each name, all different; none that the kernel gives to whoever asks for just any.

    A container that is killed lets go of its port, and what else runs on the machine must not get it meanwhile.
    """
    candidates = (port for port in random.SystemRandom().sample(_NOBODYS, len(_NOBODYS)) if _is_free(port))
    return {name: str(port) for name, port in zip(names, candidates, strict=False)}


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@dataclass
class Containers(System):
    """A `System` whose parts are containers; what a test of the laptop asks of it, it answers as well."""

    state: Path = CHECKOUT / ".samlet"
    name: str = field(default_factory=lambda: f"taskflow-test-{secrets.token_hex(3)}")
    ports: dict[str, str] = field(default_factory=free_ports)

    def surroundings(self) -> dict[str, str]:
        """What compose, make and the runtime's commands need in order to mean these containers."""
        return {
            **os.environ,
            "PYTHONPATH": "",
            "COMPOSE_PROJECT_NAME": self.name,
            "SAMLET_STATE_DIR": str(self.state / self.name),  # not that of a system on the host
            "SAMLET_CONSOLE_PORT": self.ports["CONSOLE_PORT"],
            **self.ports,
            **self.environment,
        }

    def compose(self, *arguments: str, check: bool = True, stdin: str | None = None, timeout: float = 420) -> str:
        """Run a compose command on this project; its output."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=self.project,
            env=self.surroundings(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"compose {arguments}: {done.stderr[-4000:]}\n{self.tail()}"
        return done.stdout

    def start(self) -> Self:
        self.compose("build", "--quiet")
        self.compose("up", "--detach", "--wait", "--wait-timeout", "300")
        for part, port in (("api", "API_PORT"), ("web", "WEB_PORT"), ("console", "CONSOLE_PORT")):
            self.addresses[part] = f"http://127.0.0.1:{self.ports[port]}"
        return self

    def end(self) -> None:
        """Remove everything of this project, its data as well."""
        for client in self.clients:
            client.close()
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5")

    def tail(self, lines: int = 80) -> str:
        command = ["docker", "compose", "logs", "--no-color", "--tail", str(lines)]
        done = subprocess.run(
            command, cwd=self.project, env=self.surroundings(), capture_output=True, text=True, check=False
        )
        return done.stdout[-12000:]

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """A transaction of the administrator."""
        password = self.compose("exec", "-T", "postgres", "cat", "/run/postgres/postgres_password").strip()
        url = f"postgresql+pg8000://postgres:{password}@{self.container_address('postgres')}:5432/taskflow"
        with create_engine(url, poolclass=NullPool).begin() as connection:
            yield connection

    def container_address(self, service: str) -> str:
        """The address of a service's container on its network, which the host reaches under Linux."""
        [facts] = self._inspect(self.container_ids(service))
        [network] = facts["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def container_ids(self, service: str) -> list[str]:
        """The service's containers, running or not."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def status(self, service: str) -> list[str]:
        """What each of the service's containers is doing: running, exited …"""
        return [facts["State"]["Status"] for facts in self._inspect(self.container_ids(service))]

    def kill_container(self, service: str) -> None:
        """`kill -9` one container of a service, and wait until it is gone."""
        victim = self.container_ids(service)[0]
        subprocess.run(["docker", "kill", "--signal", "KILL", victim], check=True, capture_output=True)
        eventually(lambda: self._inspect([victim])[0]["State"]["Status"] == "exited", timeout=20)

    def revive(self, service: str) -> None:
        """Start what was killed, as its restart policy does after a crash, and wait until it is healthy."""
        subprocess.run(["docker", "start", *self.container_ids(service)], check=True, capture_output=True)
        eventually(lambda: self._healthy(service), timeout=240, every=0.5)

    def attached(self) -> Counter[str]:
        """How many sandboxes each function has at agents just now."""
        return Counter({name: len(facts["sandboxes"]) for name, facts in self.health()["functions"].items()})

    def _healthy(self, service: str) -> bool:
        states = [facts["State"] for facts in self._inspect(self.container_ids(service))]
        return all(state["Running"] and state.get("Health", {}).get("Status") == "healthy" for state in states)

    def inspect(self, service: str) -> list[dict[str, Any]]:
        """What Docker knows of a service's containers."""
        return self._inspect(self.container_ids(service))

    @staticmethod
    def _inspect(ids: list[str]) -> list[dict[str, Any]]:
        done = subprocess.run(["docker", "inspect", *ids], check=True, capture_output=True, text=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found
