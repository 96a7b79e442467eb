"""One start of the containers for all tests here; it is what `docker compose up` does on a fresh clone."""

from collections.abc import Iterator

import pytest

from compose.containers import Containers


@pytest.fixture(scope="session")
def system() -> Iterator[Containers]:
    containers = Containers()
    try:
        yield containers.start()
    finally:
        containers.end()
