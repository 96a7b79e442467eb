"""A stage for schedules, which run on a clock that tests wind; a Kafka in memory for mappings."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from samlet.memory_kafka import MemoryCluster
from samlet.model import Schedule
from samlet.sources.schedules import Schedules
from schedule_stage import Clock, Recorder, Start


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def started(clock: Clock, recorder: Recorder) -> Start:
    @contextlib.asynccontextmanager
    async def start(*schedules: Schedule, **options: Any) -> AsyncIterator[Schedules]:
        source = Schedules(schedules, recorder, now=clock, sleep=clock.sleep, **options)
        await source.start()
        try:
            yield source
        finally:
            await source.stop()

    return start


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster({"events": 3, "dead": 1})
