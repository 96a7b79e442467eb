"""What every test may use: the real PostgreSQL and the real Kafka, one of each a test run."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from servers import CHECKOUT, PostgresServer, shared_server

_OF_THE_RUNTIME = tuple(CHECKOUT / "tests" / name for name in ("samlet", "conformance"))
_CACHE = CHECKOUT / ".samlet"

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Save time: what takes longest begins first, and the runtime's tests, whose code nobody measures, go untraced."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _OF_THE_RUNTIME):
            item.add_marker("no_cover")
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install moto for those that want it before the clock of any test runs: it takes minutes where much else runs."""
    wanted = any(cache_with_moto.__name__ in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and not session.config.option.collectonly:
        asyncio.run(_install_moto())


async def _install_moto() -> None:
    from samlet.processes import Reaper
    from samlet.services.moto import REQUIREMENTS
    from samlet.services.tool_environment import tool_environment

    with Reaper() as reaper:  # several workers at once: one installs, the others wait for it
        await tool_environment("moto", REQUIREMENTS, _CACHE / "environments", reaper)


@pytest.fixture(scope="session")
def cache_with_moto() -> Path:
    """The folder that all test runs share with `make run`, with moto in its `environments`."""
    return _CACHE


@pytest.fixture(scope="session")
def downloads() -> Path:
    """The downloads that all test runs share with `make run`."""
    from samlet.services.maven import downloads_folder

    return downloads_folder(_CACHE)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The servers' folder, which all workers of this run share, and a run within the run (TEST_SERVERS) too."""
    if "TEST_SERVERS" in os.environ:
        return Path(os.environ["TEST_SERVERS"])
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "servers"


@pytest.fixture(scope="session")
def postgres_server(run_folder: Path) -> Iterator[PostgresServer]:
    """A real PostgreSQL, shared: make a database of your own in it."""
    with shared_server("postgres", run_folder / "postgres") as facts:
        yield PostgresServer(**facts)


@pytest.fixture(scope="session")
def kafka_server(run_folder: Path) -> Iterator[str]:
    """The bootstrap servers of a real Kafka, shared: make topics of your own in it."""
    with shared_server("kafka", run_folder / "kafka") as facts:
        yield facts["bootstrap_servers"]


@pytest.fixture(scope="session")
def kafka(kafka_server: str) -> str:
    """The same under a shorter name."""
    return kafka_server
