"""Functions made on the spot, run in real processes; their environment is built once and kept between test runs."""

import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.processes import Reaper
from samlet.runtime import Environments, Functions
from samlet.template.model import Function
from servers import CHECKOUT

ENVIRONMENTS = CHECKOUT / ".samlet" / "test-environments"


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    with Reaper() as reaper:
        yield reaper


@pytest.fixture
def environments(reaper: Reaper) -> Environments:
    return Environments(ENVIRONMENTS, reaper=reaper)


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
def running(environments: Environments, reaper: Reaper) -> Running:
    """Functions that are started, and stopped at the end of the block."""

    @asynccontextmanager
    async def run(*functions: Function, **settings: Any) -> AsyncIterator[Functions]:
        settings.setdefault("max_sandboxes", 4)
        by_id = {function.logical_id: function for function in functions}
        made = Functions(by_id, environments=environments, reaper=reaper, **settings)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()

    return run
