"""moto's server as a child process: an AWS of one's own for the resources that are no part of Samlet.

It keeps everything in memory, so each start begins with empty queues, tables and buckets.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from samlet.log import say
from samlet.processes import Reaper, spawn
from samlet.services import ports
from samlet.services.supervise import Supervised, end_leftover, open_log
from samlet.services.tool_environment import tool_environment

if TYPE_CHECKING:
    from samlet.services.moto_resources import MotoResources

REQUIREMENTS = Path(__file__).with_name("moto.txt")
_SERVER = Path(__file__).with_name("moto_server.py")
# What a server needs of the host's environment; the rest may hold somebody's real credentials.
_FROM_HOST = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class Moto:
    """One server of moto, which is started only when a template has something for it."""

    name = "aws"

    def __init__(self, state: Path, *, environments: Path, port: int, setting: str, reaper: Reaper) -> None:
        self._folder = state / "aws"
        self._environments = environments
        self._port = port
        self._setting = setting
        self._reaper = reaper
        self._python = Path()
        self._account = ""
        self._launches = 0
        self._filled = 0
        self._log = self._folder / "moto.log"
        self._resources: MotoResources | None = None
        self._child = Supervised(
            "moto", self._launch, self._probe, log=self._log, within=60, grace=1, stop_signal=signal.SIGTERM
        )

    @property
    def url(self) -> str:
        """What AWS clients talk to."""
        return f"http://{ports.HOST}:{self._port}"

    @property
    def wanted(self) -> bool:
        """Whether it was started for a template."""
        return self._resources is not None

    def status(self) -> dict[str, object]:
        """State, address, and what each resource is called, for the console."""
        names = dict(self._resources.names) if self._resources else {}
        return {**self._child.status(), "address": self.url, "resources": names}

    async def maker(self, region: str, account: str) -> "MotoResources":
        """Start the server if it is not running yet; what makes resources in it. Raises ServiceFailed."""
        # Not at the top: most templates need neither.
        from samlet.aws_calls import AwsCalls
        from samlet.services.moto_resources import MotoResources

        if self._resources is None:
            self._python = await tool_environment("moto", REQUIREMENTS, self._environments, self._reaper)
            self._port = ports.claim("AWS services (moto)", self._port, self._setting)
            self._folder.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(end_leftover, self._log)
            self._account = account
            await self._child.start()
            self._resources = MotoResources(AwsCalls(self.url, region), account)
        return self._resources

    async def start(self) -> None:
        """Do nothing yet: only a template's resources start it, see `maker`."""

    async def stop(self) -> None:
        """End the server, and with it all that it kept."""
        await self._child.stop()

    async def _launch(self) -> asyncio.subprocess.Process:
        self._launches += 1
        arguments: list[str | Path] = [self._python, "-P", _SERVER, "-H", ports.HOST, "-p", str(self._port)]
        with open_log(self._log) as log:
            return await spawn(
                arguments, reaper=self._reaper, env=self._environment(), stdout=log, stderr=subprocess.STDOUT, grace=1
            )

    def _environment(self) -> Mapping[str, str]:
        own = {name: os.environ[name] for name in _FROM_HOST if name in os.environ}
        # Else it lets the page of any site read all that it keeps, secrets included. What a bucket allows still counts.
        own["MOTO_DISABLE_GLOBAL_CORS"] = "1"
        return own | {"MOTO_ACCOUNT_ID": self._account, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

    async def _probe(self) -> bool:
        async with ports.connection(ports.HOST, self._port, within=2):
            pass
        if self._resources and self._filled != self._launches:
            say("moto", "has forgotten everything: making the template's resources again, empty", level="warning")
            await asyncio.to_thread(self._resources.make_again)
        self._filled = self._launches
        return True
