"""Writes the list of files that the services are made of: `python -m samlet.services.lock`.

To take a newer Kafka or PostgreSQL, change its version, run this, and read the difference.
"""

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from samlet.log import say
from samlet.services.maven import PINS, POSTGRES_VERSION, TIMEOUT

_KAFKA_VERSION = "4.1.0"
_SLF4J_VERSION = "1.7.36"  # the line that Kafka's own jars log through
_PLATFORMS = ("linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8")
_ROOTS = {
    "kafka": (
        f"org.apache.kafka:kafka_2.13:{_KAFKA_VERSION}",
        f"org.apache.kafka:kafka-server:{_KAFKA_VERSION}",
        f"org.slf4j:slf4j-simple:{_SLF4J_VERSION}",
    ),
    **{
        f"postgres-{platform}": (f"io.zonky.test.postgres:embedded-postgres-binaries-{platform}:{POSTGRES_VERSION}",)
        for platform in _PLATFORMS
    },
}


def lock() -> None:
    """Resolve every bundle's dependencies and write down what Maven has."""
    lines = ["# Written by `python -m samlet.services.lock`; nothing that differs from it is ever used."]
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=TIMEOUT)
        for bundle, roots in _ROOTS.items():
            say("downloads", f"locking {bundle}")
            inputs, others = context.resolver.resolve([context.create_dependency(root) for root in roots])
            found = {f"{d.groupId}:{d.artifactId}:{d.version}": Path(d.artifact.resolve()) for d in inputs + others}
            lines += ["", f"[{bundle}]", "files = [", *(_pin(*each) for each in sorted(found.items())), "]"]
    PINS.write_text("\n".join(lines) + "\n", "utf-8")


def _pin(coordinate: str, file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f'    {{ coordinate = "{coordinate}", sha256 = "{digest}", size = {file.stat().st_size} }},'


if __name__ == "__main__":
    lock()
