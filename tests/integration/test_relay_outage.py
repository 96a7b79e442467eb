"""G2 while the broker itself dies: a Kafka of this test's own is killed in the middle."""

import asyncio
import os
import signal
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine

from integration.databases import Database
from integration.event_log import EventLog, first_copies
from integration.relaying import start_relay, task_created, unpublished, write_events
from samlet.processes import Reaper
from samlet.services import Kafka
from taskflow.kafka import ensure_topics
from taskflow.settings import KafkaSettings
from waiting import eventually_async


async def test_g2_a_broker_that_dies_in_the_middle_costs_no_event_and_no_order(
    database: Database, tmp_path: Path, downloads: Path
) -> None:
    writer, user = database.admin_engine(), uuid4()
    with Reaper() as reaper:
        broker = Kafka(tmp_path, port=0, reaper=reaper, downloads=downloads)
        await broker.start()
        address = broker.bootstrap_servers
        await asyncio.to_thread(ensure_topics, KafkaSettings((address,)), replication=1)
        log = await asyncio.to_thread(EventLog, address)
        relay = start_relay(database, address, seconds=150)
        try:
            ids = await asyncio.to_thread(_write, writer, user, 10)
            await eventually_async(lambda: unpublished(writer) < 10, timeout=30)
            os.kill(int(str(broker.status()["pid"])), signal.SIGKILL)
            ids += await asyncio.to_thread(_write, writer, user, 10)  # committed while there is no Kafka
            await eventually_async(lambda: unpublished(writer) == 0, timeout=90)
            arrived = await asyncio.to_thread(log.ids, str(user))
        finally:
            relay.kill()
            relay.wait()
            log.close()
            await broker.stop()
    assert first_copies(arrived) == ids


def _write(writer: Engine, user: UUID, count: int) -> list[UUID]:
    return write_events(writer, [task_created(user, f"{n}") for n in range(count)])
