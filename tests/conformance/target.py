"""What the suite is pointed at: addresses, and nothing else that only one emulator would understand."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from servers import CHECKOUT
from waiting import eventually

PROJECT = Path(__file__).parent / "project"
_PARTS = ("API", "LAMBDA", "CONSOLE", "KAFKA", "SMTP", "WEB", "POSTGRES")


class NotOffered(AssertionError):
    """The target has no such door, so that it does nothing of what stands behind it."""


@dataclass(frozen=True)
class Target:
    """The doors of a running emulator, or of AWS; None is a door that it does not have.

    `api` and `invoke` are URLs; on AWS itself `invoke` is the regional endpoint of Lambda. `kafka` is `host:port`.
    `staged` is the API whose stage has a name, without that name; `issuer` is the one of the JWT authorizer, and where
    the suite answers in its place.
    """

    name: str
    api: str | None = None
    invoke: str | None = None
    kafka: str | None = None
    schedules: bool = False
    staged: str | None = None
    function_url: str | None = None
    issuer: str | None = None
    streaming_url: str | None = None

    def door(self, name: str) -> str:
        """The address of a door. Raises NotOffered."""
        address = getattr(self, name)
        if not address:
            raise NotOffered(f"{self.name} offers no {name}")
        return str(address)


def told(environment: Mapping[str, str]) -> Target | None:
    """The target that CONFORMANCE_… variables name; None without CONFORMANCE_TARGET."""
    name = environment.get("CONFORMANCE_TARGET")
    if not name:
        return None
    return Target(
        name,
        environment.get("CONFORMANCE_API_URL"),
        environment.get("CONFORMANCE_INVOKE_URL"),
        environment.get("CONFORMANCE_KAFKA"),
        environment.get("CONFORMANCE_SCHEDULES") == "1",
        environment.get("CONFORMANCE_STAGED_URL"),
        environment.get("CONFORMANCE_FUNCTION_URL"),
        environment.get("CONFORMANCE_ISSUER"),
        environment.get("CONFORMANCE_STREAMING_URL"),
    )


@contextlib.contextmanager
def samlet(issuer: str) -> Iterator[Target]:
    """Samlet on the suite's project, as a process of its own, with tokens of `issuer`."""
    with tempfile.TemporaryDirectory() as state:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SAMLET_")}
        variables |= {f"SAMLET_{part}_PORT": "0" for part in _PARTS}
        variables |= {"SAMLET_STATE_DIR": state, "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet")}
        command = ["start", "--template", str(PROJECT / "template.yaml"), "--parameter", f"Issuer={issuer}"]
        with (Path(state) / "output").open("w+b") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "samlet", *command], env=variables, stdout=output, stderr=output
            )
            try:
                running = eventually(lambda: _ready(process, Path(state), issuer), timeout=150)
                assert running
                yield running
            finally:
                process.terminate()
                process.wait(30)


def _ready(process: "subprocess.Popen[bytes]", state: Path, issuer: str) -> Target | None:
    assert process.poll() is None, (state / "output").read_text(errors="replace")
    running = state / "running.json"
    if not running.exists():
        return None
    addresses = json.loads(running.read_text())
    if "console" not in addresses:
        return None
    with contextlib.suppress(httpx.TransportError):
        health = httpx.get(f"{addresses['console']}/healthz")
        if health.status_code == 200:
            known = health.json()["addresses"]
            return Target(
                "samlet",
                known["api"],
                known["lambda"],
                known["kafka"],
                schedules=True,
                staged=known["api StagedApi"],
                function_url=known["url AtUrlUrl"],
                issuer=issuer,
                streaming_url=known["url StreamsUrl"],
            )
    return None
