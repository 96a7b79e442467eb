"""What a record costs the Kafka mapping: a backlog, drained in this very process, whose CPU is counted.

For whoever works on the mapping: on a busy machine CPU is the steadier figure. How many records a second go through a
whole Samlet, as its users have it, is measured from outside by `mapping`, for the page on performance.

PYTHONPATH=local:tests python -m benchmarks.mapping_cpu [--partitions N] [--alone]
"""

import argparse
import asyncio
import json
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from samlet.model import Function, KafkaMapping
from samlet.processes import Reaper
from samlet.runtime import Environments, Functions
from samlet.runtime.outcome import Outcome
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.services import Kafka
from samlet.services.maven import downloads_folder
from samlet.sources import KafkaSource
from samlet.sources.invoker import Invoker
from servers import CHECKOUT
from waiting import eventually_async

_CACHE = CHECKOUT / ".samlet"
_EVERY = 0.01  # seconds between looks at the count
_WITHIN = 60.0  # seconds


@dataclass(frozen=True)
class Measured:
    """Records a second, and the microseconds of CPU that the mapping's process spends on each."""

    rate: float
    cpu: float


class Nothing:
    """A function in this very process: what is left is the mapping itself."""

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        return Outcome("id", b"null")

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError


def measure(
    records: int = 40_000, *, partitions: int = 1, batch_size: int = 100, value_bytes: int = 200, alone: bool = False
) -> Measured:
    """Drain a backlog of `records`; `alone` leaves the function's process out."""
    return asyncio.run(_measure(records, partitions, batch_size, value_bytes, alone=alone))


async def _measure(records: int, partitions: int, batch_size: int, value_bytes: int, *, alone: bool) -> Measured:
    with tempfile.TemporaryDirectory() as folder, Reaper() as reaper:
        broker = Kafka(Path(folder) / "state", port=0, reaper=reaper, downloads=downloads_folder(_CACHE))
        await broker.start()
        try:
            await asyncio.to_thread(_fill, broker.bootstrap_servers, records, partitions, value_bytes)
            async with _nothing(Path(folder), reaper, alone=alone) as functions:
                return await _drain(functions, broker.bootstrap_servers, records, batch_size)
        finally:
            await broker.stop()


def _fill(bootstrap: str, records: int, partitions: int, value_bytes: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic("events", partitions, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=50, batch_size=64 * 1024)
    for number in range(records):
        value = json.dumps({"id": number, "type": "bench"}).encode().ljust(value_bytes)
        producer.send("events", value, key=b"%d" % number, headers=[("id", b"1")], partition=number % partitions)
    producer.flush()
    producer.close()


@asynccontextmanager
async def _nothing(folder: Path, reaper: Reaper, *, alone: bool) -> AsyncIterator[Invoker]:
    if alone:
        yield Nothing()
        return
    code = folder / "code"
    code.mkdir()
    (code / "app.py").write_text("def handler(event, context):\n    return None\n")
    function = Function("Nothing", "nothing", "python3.13", "app.handler", code)
    environments = Environments(_CACHE / "test-environments", reaper=reaper)
    functions = Functions({"Nothing": function}, SandboxSettings(reaper), environments=environments)
    await functions.start()
    try:
        yield functions
    finally:
        await functions.stop()


async def _drain(functions: Invoker, bootstrap: str, records: int, batch_size: int) -> Measured:
    mapping = KafkaMapping("Bench", "Nothing", "events", uuid.uuid4().hex, batch_size=batch_size)
    source = KafkaSource(mapping, functions, bootstrap)
    await source.start()
    clock = asyncio.get_running_loop().time
    try:
        first = await eventually_async(lambda: source.status()["delivered"], _WITHIN, _EVERY)
        began, cpu = clock(), time.process_time()
        await eventually_async(lambda: source.status()["delivered"] >= records, _WITHIN, _EVERY)
        drained = records - first
        return Measured(drained / (clock() - began), (time.process_time() - cpu) / drained * 1e6)
    finally:
        await source.stop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mapping_cpu", description=__doc__)
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--alone", action="store_true", help="leave the function's process out")
    given = parser.parse_args()
    found = measure(given.records, partitions=given.partitions, batch_size=given.batch_size, alone=given.alone)
    load = f"{given.records} records, {given.partitions} partitions, batch {given.batch_size}"
    print(f"{found.rate:.0f} records/s, {found.cpu:.0f} µs of CPU each ({load})")


if __name__ == "__main__":
    main()
