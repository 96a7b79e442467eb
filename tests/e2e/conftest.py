"""One running system for all end-to-end tests of a worker; tests keep apart by using accounts of their own."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.system import System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(tmp_path_factory.mktemp("system") / "state").start()
    yield running
    running.stop(signal.SIGINT)
    running.samlet("reset")


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[System]:
    """A system that the test may break: not started yet, ended and emptied in any case."""
    own = System(tmp_path / "state")
    yield own
    if own.process is not None and own.process.poll() is None:
        own.stop(signal.SIGINT)
    own.samlet("reset", check=False)
