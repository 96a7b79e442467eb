"""A whole Samlet on a toy project, and functions made on the spot."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction
from samlet import batches
from samlet.model import Function
from samlet.services import reset
from template_shape import Shape
from toy import SERVICES, Toy


@pytest.fixture(autouse=True)
def _log_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are held back for no moment, so that a test finds what was just said."""
    monkeypatch.setattr(batches, "PAUSE", 0.0)


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


@pytest.fixture
def make(tmp_path: Path) -> MakeFunction:
    def make_function(source: str, name: str = "Echo", **properties: Any) -> Function:
        code = tmp_path / name.lower()
        code.mkdir(exist_ok=True)
        (code / "app.py").write_text(textwrap.dedent(source))
        settings: dict[str, Any] = {
            "runtime": "python3.13",
            "handler": "app.handler",
            "timeout": 10,
            "memory": 256,
        } | properties
        return Function(logical_id=name, name=f"test-{name.lower()}", code=code, **settings)

    return make_function


@pytest.fixture
def shape(tmp_path: Path) -> Shape:
    return Shape(tmp_path)
