"""Functions made on the spot, run in real processes; their environment is built once and kept between test runs."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running, functions_of
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Environments, Functions
from servers import CHECKOUT
from streaming_bootstrap import write_bootstrap

from .asking import ask
from .reloading import Reloading, following

# Said, not found out: a machine that should have Go and has lost it is told by failing tests.
collect_ignore = ["test_go.py"] if os.environ.get("SAMLET_TESTS_WITHOUT_GO") == "1" else []
ENVIRONMENTS = CHECKOUT / ".samlet" / "test-environments"


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    with Reaper() as reaper:
        yield reaper


@pytest.fixture
def environments(reaper: Reaper) -> Environments:
    return Environments(ENVIRONMENTS, reaper=reaper)


@pytest.fixture
def running(environments: Environments, reaper: Reaper) -> Running:
    """Functions that are started, and stopped at the end of the block."""

    @asynccontextmanager
    async def run(*functions: Function, **settings: Any) -> AsyncIterator[Functions]:
        settings.setdefault("max_sandboxes", 4)
        made = functions_of(*functions, environments=environments, reaper=reaper, **settings)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()

    return run


@pytest.fixture
def streaming(make: MakeFunction) -> Callable[..., Function]:
    """Makes functions that stream their answers, as streaming_bootstrap has it."""

    def make_streaming(**properties: Any) -> Function:
        function = make("", "Echo", **{"runtime": "provided.al2023", "memory": 512} | properties)
        write_bootstrap(function.code)
        return function

    return make_streaming


@pytest.fixture
def asked(make: MakeFunction, running: Running) -> Callable[..., Any]:
    """Runs `work(client)` in a thread, with a boto3 client of an API that serves one function."""

    async def ask_one(work: Callable[[Any], Any], source: str, **properties: Any) -> Any:
        async with running(make(source, **properties)) as functions:
            return await ask(functions, work)

    return ask_one


@pytest.fixture
def reloading(environments: Environments, reaper: Reaper) -> Reloading:
    """Functions whose files are followed."""
    return following(environments, reaper)
