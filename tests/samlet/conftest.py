"""A whole Samlet on a toy project."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from samlet.services import reset
from toy import SERVICES, Toy


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    """A project without services; not started."""
    toy = Toy(tmp_path / "toy")
    yield toy
    toy.end()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """A project with PostgreSQL, Kafka and mail sink, started."""
    toy = Toy(tmp_path_factory.mktemp("whole") / "toy", SERVICES)
    toy.start()
    yield toy
    toy.end()
    reset(toy.folder / ".samlet")
