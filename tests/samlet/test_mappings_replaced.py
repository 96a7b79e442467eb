"""A Kafka mapping whose template is saved again and again while records come: each is handled, in its order."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kafka_stage import FAILED, FakeFunctions, add_partitions, fill, make_topic, mapping, record
from samlet.emulator.clusters import Clusters
from samlet.emulator.listeners import bind_free
from samlet.emulator.metrics import Metrics
from samlet.emulator.sources import Sources
from samlet.emulator.url_ports import UrlPorts
from samlet.model import Function, KafkaMapping, Template
from samlet.runtime.outcome import Outcome
from samlet.settings import Settings
from samlet.sources.schedule_memory import ScheduleMemory
from waiting import eventually_async

PARTITIONS = 3
EACH = 60  # records a partition, written between two saves


class Sender(FakeFunctions):
    """One function, which a template knows."""

    def arn(self, logical_id: str) -> str:
        return f"arn:{logical_id}"

    def handled(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for number in self.values:
            found[number % PARTITIONS].append(number // PARTITIONS)
        return found


def template(*mappings: KafkaMapping) -> Template:
    functions = {"Sender": Function("Sender", "Sender", "python3.13", "app.handler", Path(), timeout=5)}
    return Template(Path("template.yaml"), "eu-central-1", "123456789012", functions, kafka_mappings=mappings)


@asynccontextmanager
async def serving(first: Template, functions: Any, servers: str) -> AsyncIterator[Sources]:
    settings = Settings()
    sources = Sources(
        first, functions, Clusters(servers), settings, Metrics(dict), url_ports=UrlPorts(settings),
        schedule_memory=ScheduleMemory(),
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        await sources.start(bind_free(settings), stack)
        yield sources


def states(sources: Sources) -> dict[str, str]:
    told = sources.status()["kafka_mappings"]["mappings"]
    return {name: source["state"] for name, source in told.items()}


@pytest.fixture
def reads(kafka: str) -> KafkaMapping:
    topic = f"saved-{uuid.uuid4().hex[:8]}"
    make_topic(kafka, topic, PARTITIONS)
    return mapping(topic=topic, group_id=topic)


async def test_no_record_is_lost_doubled_or_out_of_order_while_a_mapping_changes(
    kafka: str, reads: KafkaMapping
) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"batch_size": 7},
        {"batch_size": 7, "window": 0.1, "bisect": True},
        {"filters": ({"value": [{"exists": True}]},)},
        {"max_retries": 3, "min_pollers": 2, "partial_failures": True},
        {"enabled": False},
        {"batch_size": 10_000},
    ]

    async def slow(_: Any) -> None:
        await asyncio.sleep(0.1)

    functions = Sender(slow)
    async with serving(template(reads), functions, kafka) as sources:
        for turn, change in enumerate(changes):
            await sources.replace(template(replace(reads, **change)))
            numbers = range(turn * EACH, (turn + 1) * EACH)
            written = [record(PARTITIONS * number + part, part) for number in numbers for part in range(PARTITIONS)]
            under_way = len(functions.events) + change.get("enabled", True)
            await asyncio.to_thread(fill, kafka, reads.topic, written)
            await eventually_async(lambda wanted=under_way: len(functions.events) >= wanted, 30)  # type: ignore[misc]
        await eventually_async(lambda: len(functions.values) >= PARTITIONS * EACH * len(changes), 60)
        await eventually_async(lambda: states(sources) == {"Mapping": "ready"})
    assert functions.handled() == {part: list(range(EACH * len(changes))) for part in range(PARTITIONS)}


async def test_what_is_retried_while_the_template_is_saved_and_partitions_are_added_is_handled_afterwards(
    kafka: str, reads: KafkaMapping
) -> None:
    failing = True

    async def answer(_: Any) -> Outcome | None:
        return FAILED if failing else None

    functions = Sender(answer)
    names = {"topic": reads.topic, "group_id": reads.group_id}
    async with serving(template(reads), functions, kafka) as sources:
        await asyncio.to_thread(fill, kafka, reads.topic, [record(0), record(3), record(1, 1)])
        await eventually_async(lambda: functions.events, 30)
        await asyncio.to_thread(add_partitions, kafka, reads.topic, PARTITIONS + 1)
        await sources.replace(template(mapping(batch_size=1, filters=({"value": [4, 3, 0]},), **names)))
        await asyncio.to_thread(fill, kafka, reads.topic, [record(4, PARTITIONS)])
        seen = len(functions.events)
        await eventually_async(lambda: len(functions.events) > seen + 2, 30)
        failing, functions.events = False, []
        await eventually_async(lambda: len(functions.values) >= 3, 60)
        told = sources.status()["kafka_mappings"]["mappings"]["Mapping"]
        assert told["partitions"] == [0, 1, 2, 3]
    assert sorted(functions.values) == [0, 3, 4], "the new filter counts for what the old mapping had read"
    assert [number for number in functions.values if number != 4] == [0, 3]
