"""One start of the containers for all tests here; it is what `docker compose up` does on a fresh clone."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from compose.containers import Containers


@pytest.fixture(scope="session")
def system() -> Iterator[Containers]:
    containers = Containers()
    try:
        yield containers.start()
    finally:
        containers.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the containers said meanwhile."""
    report = yield
    system: Any = getattr(item, "funcargs", {}).get("system")
    if report.failed and system is not None:
        report.sections.append(("the containers' last words", system.tail(40)))
    return report
