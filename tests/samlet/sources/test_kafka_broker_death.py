"""A broker that dies and comes back, with the real client: nothing is lost, and stopping never hangs on it."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from samlet.cluster import Record
from samlet.kafka_client import KafkaCluster
from samlet.model import KafkaMapping
from samlet.processes import Reaper
from samlet.runtime.outcome import Outcome
from samlet.services import Kafka, reset
from samlet.sources.kafka import KafkaSource
from waiting import eventually_async


class CountingFunctions:
    def __init__(self) -> None:
        self.invocations = 0

    async def invoke(self, name: str, payload: bytes) -> Outcome:
        self.invocations += 1
        return Outcome("id", b"null")

    async def invoke_event(self, name: str, payload: bytes) -> str:
        raise NotImplementedError


def send(bootstrap: str, value: bytes) -> None:
    KafkaCluster(bootstrap).send("events", [Record("", 0, 0, 0, None, value)])


async def test_a_killed_broker_costs_two_lines_and_no_record(
    tmp_path: Path, downloads: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reaper() as reaper:
        broker = Kafka(tmp_path / "state", port=0, reaper=reaper, downloads=downloads)
        await broker.start()
        try:
            await survive(broker, capsys)
        finally:
            await broker.stop()
            reset(tmp_path / "state")


async def survive(broker: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    functions = CountingFunctions()
    mapping = KafkaMapping("Mapping", "Sender", "events", "group", window=0.0)
    source = KafkaSource(mapping, functions, broker.bootstrap_servers)
    await source.start()
    await eventually_async(lambda: source.status()["state"] == "waiting for the topic", 30)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic("events", 1, 1)])
    admin.close()
    send(broker.bootstrap_servers, b"1")
    await eventually_async(lambda: functions.invocations == 1, 30)

    pid: Any = broker.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    await eventually_async(lambda: source.status()["state"] == "lost", 30)
    await eventually_async(lambda: source.status()["state"] == "ready", 60)
    send(broker.bootstrap_servers, b"2")
    await eventually_async(lambda: functions.invocations == 2, 30)
    said = capsys.readouterr().err
    assert (said.count("lost Kafka"), said.count("is back")) == (1, 1)

    await broker.stop()
    await eventually_async(lambda: source.status()["state"] == "lost", 30)
    began = time.monotonic()
    await source.stop()
    assert time.monotonic() - began < 2.0
