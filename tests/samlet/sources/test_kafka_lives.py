"""Random lives of a mapping, on a Kafka in memory: what the function has handled is what was written, in its order."""

import asyncio
import base64
import json
import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from kafka_stage import FAILED, committed, failure, record, running
from samlet.errors import Throttled
from samlet.memory_kafka import MemoryCluster
from samlet.runtime.outcome import Outcome
from waiting import eventually_async

LIVES = 10
STEPS = 30


class Life:
    """One mapping, with a function that is slow, busy or fails as chance has it, until `calm`."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.cluster = MemoryCluster({"events": self.chance.randint(1, 4)})
        self.settings: dict[str, Any] = {
            "batch_size": self.chance.choice([1, 2, 5, 100]),
            "window": self.chance.choice([0.0, 0.0, 0.02]),
            "bisect": self.chance.random() < 0.5,
            "partial_failures": self.chance.random() < 0.5,
        }
        self.written: dict[int, list[int]] = defaultdict(list)
        self.handled: dict[int, list[int]] = defaultdict(list)
        self.under_way: Counter[int] = Counter()
        self.at_once = 0
        self.calm = False

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        entries = [entry for part in json.loads(payload)["records"].values() for entry in part]
        partitions = {entry["partition"] for entry in entries}
        self.under_way.update(partitions)
        self.at_once = max(self.at_once, *self.under_way.values())
        try:
            await asyncio.sleep(self.chance.choice([0, 0.001, 0.01]))
            return self.answer(entries)
        finally:
            self.under_way.subtract(partitions)

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError

    def answer(self, entries: list[Any]) -> Outcome:
        fate, reported = 1.0 if self.calm else self.chance.random(), None
        if fate < 0.1:
            raise Throttled("reason", "text")
        if fate < 0.35:
            return FAILED
        if fate < 0.5 and self.settings["partial_failures"]:
            bad = self.chance.choice(entries)
            entries = [one for one in entries if one["partition"] != bad["partition"] or one["offset"] < bad["offset"]]
            reported = failure(bad["offset"], f"events-{bad['partition']}")
        for entry in entries:
            self.handled[entry["partition"]].append(json.loads(base64.b64decode(entry["value"])))
        return Outcome("id", json.dumps(reported).encode())

    def write(self) -> None:
        for _ in range(self.chance.randint(1, 20)):
            partition = self.chance.randrange(len(self.cluster.topics["events"]))
            number = len(self.written[partition])
            self.cluster.append("events", record(number, partition))
            self.written[partition].append(number)

    async def happen(self, source: Any) -> None:
        what = self.chance.random()
        if what < 0.6:
            self.write()
        elif what < 0.85:
            source._pollers.scale(self.chance.randint(1, 4))
        elif what < 0.92:
            with self.cluster.lock:
                self.cluster.topics["events"].append([])
        else:
            self.cluster.up = False
            await asyncio.sleep(0.005)
            self.cluster.up = True
        await asyncio.sleep(self.chance.choice([0, 0.005, 0.02]))

    async def run(self) -> None:
        async with running(self, self.cluster, **self.settings) as source:  # type: ignore[arg-type]  # as good as
            for _ in range(STEPS):
                await self.happen(source)
            self.calm = True
            await eventually_async(
                lambda: all(committed(self.cluster, part) == len(own) for part, own in self.written.items())
            )


@pytest.mark.parametrize("first", [0, 100])
async def test_every_record_is_handled_once_in_order_and_no_partition_twice_at_a_time(first: int) -> None:
    lives = [Life(seed) for seed in range(first, first + LIVES)]
    await asyncio.gather(*(life.run() for life in lives))
    for seed, life in enumerate(lives, first):
        assert {part: own for part, own in life.handled.items() if own} == dict(life.written), (seed, life.settings)
        assert life.at_once == 1, (seed, life.settings)
