"""What the services' tests share: a reaper, a state folder, and servers that only one test has."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moto_stage import ACCOUNT, REGION
from samlet.processes import Reaper
from samlet.services import Kafka, Moto, Postgres, reset
from samlet.services.moto_resources import MotoResources


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    with Reaper() as reaper:
        yield reaper


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder
    reset(folder)


@pytest.fixture
async def postgres(state: Path, reaper: Reaper, downloads: Path) -> AsyncIterator[Postgres]:
    server = Postgres(state, port=0, database="shop", reaper=reaper, downloads=downloads)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def broker(state: Path, reaper: Reaper, downloads: Path) -> AsyncIterator[Kafka]:
    server = Kafka(state, port=0, reaper=reaper, downloads=downloads)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def moto(state: Path, reaper: Reaper, cache_with_moto: Path) -> AsyncIterator[Moto]:
    environments = cache_with_moto / "environments"
    server = Moto(state, environments=environments, port=0, setting="SAMLET_AWS_PORT", reaper=reaper)
    yield server
    await server.stop()


@pytest.fixture
async def resources(moto: Moto) -> MotoResources:
    return await moto.maker(REGION, ACCOUNT)
