"""The stream of a topic's records, from a real Kafka."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer
from kafka.admin import KafkaAdminClient, NewTopic

from samlet.cluster import Record
from samlet.console.events import as_json, stream_events
from samlet.kafka_client import KafkaCluster

PATIENCE = ClientTimeout(30)


@dataclass
class Topic:
    servers: str
    name: str

    def send(self, *records: tuple[bytes | None, bytes | None]) -> None:
        made = [Record(self.name, 0, 0, 0, key, value, (("ce_type", b"a.b"),)) for key, value in records]
        KafkaCluster(self.servers).send(self.name, made)


@pytest.fixture
def topic(kafka_server: str) -> Topic:
    name = f"events-{uuid.uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_server)
    admin.create_topics([NewTopic(name, 2, 1)])
    admin.close()
    return Topic(kafka_server, name)


def server(servers: str, topic: str, *, follow: bool) -> TestServer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await stream_events(request, servers, topic, follow=follow)

    app = web.Application()
    app.router.add_get("/", answer)
    return TestServer(app)


async def lines(servers: str, topic: str) -> list[dict[str, Any]]:
    async with TestClient(server(servers, topic, follow=False)) as client:
        answer = await client.get("/", timeout=PATIENCE)
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_every_record_from_the_beginning_then_the_end(topic: Topic) -> None:
    await asyncio.to_thread(topic.send, (b"k", '{"title": "Café"}'.encode()), (b"k", b"not json"), (b"k", None))
    records = sorted(await lines(topic.servers, topic.name), key=lambda record: str(record["value"]))
    assert [record["value"] for record in records] == [None, "not json", {"title": "Café"}]
    found = records[-1]
    assert set(found) == {"topic", "partition", "offset", "timestamp", "key", "headers", "value"}
    assert (found["topic"], found["key"], found["headers"]) == (topic.name, "k", {"ce_type": "a.b"})
    assert found["timestamp"] > 1_700_000_000_000


async def test_an_empty_topic_and_none_at_all_are_no_records(topic: Topic) -> None:
    assert await lines(topic.servers, topic.name) == []
    assert await lines(topic.servers, "none") == []


async def test_following_shows_what_comes(topic: Topic) -> None:
    await asyncio.to_thread(topic.send, (b"k", b'{"n": 1}'))
    async with TestClient(server(topic.servers, topic.name, follow=True)) as client:
        answer = await client.get("/", timeout=PATIENCE)
        first = json.loads(await answer.content.readline())
        await asyncio.to_thread(topic.send, (b"k", b'{"n": 2}'))
        second = json.loads(await answer.content.readline())
        answer.close()
    assert [first["value"], second["value"]] == [{"n": 1}, {"n": 2}]


def test_a_value_that_nobody_can_read_is_shown_as_text() -> None:
    record = Record("t", 0, 5, 7, b"\xff", b"\xff{", ())
    assert as_json(record) | {"value": None, "key": None} == {
        "topic": "t", "partition": 0, "offset": 5, "timestamp": 7, "key": None, "headers": {}, "value": None,
    }  # fmt: skip
    assert as_json(record)["value"] == "\ufffd{"
