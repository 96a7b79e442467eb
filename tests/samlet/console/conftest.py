"""The console over a stand-in for the emulator."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from console_stand import Client, Stand
from samlet.console import console


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
async def client(stand: Stand) -> AsyncIterator[Client]:
    async with TestClient(TestServer(console(stand))) as client:
        yield client
