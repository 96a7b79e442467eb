"""Topics, groups, messages, produce and redrive, on a real Kafka."""

import asyncio
import uuid
from dataclasses import replace

import pytest
from kafka import KafkaConsumer
from kafka.admin import KafkaAdminClient, NewTopic

from console_stand import TEMPLATE, Client, Stand
from samlet.cluster import Record, Start
from samlet.console.correlation import Names
from samlet.console.topics import LARGEST_SHOWN, Topics, Wanted, told
from samlet.errors import KafkaFailed
from samlet.kafka_client import KafkaCluster, describe_topics, read_spans, read_topic
from samlet.kafka_client import topics as kafka_topics
from waiting import eventually


@pytest.fixture
def names(kafka_server: str) -> tuple[str, str]:
    """A topic of two partitions, and its dead one of one."""
    live = f"orders-{uuid.uuid4()}"
    dead = f"{live}.dead"
    admin = KafkaAdminClient(bootstrap_servers=kafka_server)
    admin.create_topics([NewTopic(live, 2, 1), NewTopic(dead, 1, 1)])
    admin.close()
    # That they are made doesn't say that somebody leads them yet; only who does so tells where they end.
    eventually(lambda: {live, dead} <= describe_topics(kafka_server).keys(), timeout=30)
    return live, dead


@pytest.fixture
def topics(kafka_server: str) -> Topics:
    return Topics(kafka_server)


def send(servers: str, topic: str, *records: tuple[bytes | None, bytes | None], **headers: str) -> None:
    encoded = tuple((name, text.encode()) for name, text in headers.items())
    made = [Record(topic, 0, 0, 0, key, value, encoded) for key, value in records]
    KafkaCluster(servers).send(topic, made)


def commit(servers: str, topic: str, group_id: str) -> None:
    """Commit offset 1 of each partition that has it."""
    group = KafkaCluster(servers).join(topic, group_id, Start(), lambda _: None)

    def settled() -> bool:
        group.poll(0.2)
        return bool(group.partitions())

    eventually(settled, timeout=30)
    group.commit({0: 1, 1: 1})
    group.close()


def test_topics_are_told_with_partitions_groups_and_lag(
    kafka_server: str, topics: Topics, names: tuple[str, str]
) -> None:
    live, _ = names
    send(kafka_server, live, *((str(number).encode(), b"{}") for number in range(20)))
    commit(kafka_server, live, f"readers-{live}")
    (found,) = [one for one in topics.overview() if one["name"] == live]
    assert found["messages"] == 20
    assert [one["partition"] for one in found["partitions"]] == [0, 1]
    (group,) = found["groups"]
    assert (group["group"], group["lag"]) == (f"readers-{live}", 18)
    assert [one["offset"] for one in group["partitions"]] == [1, 1]
    assert not [one for one in topics.overview() if one["name"].startswith("__")]


def test_messages_are_the_newest_by_partition_offset_or_text(
    kafka_server: str, topics: Topics, names: tuple[str, str]
) -> None:
    live, _ = names
    send(kafka_server, live, *((b"same", f'{{"n": {number}}}'.encode()) for number in range(10)), source="a-test")
    send(kafka_server, live, (b"same", b"needle"))
    newest = topics.messages(live, Wanted(limit=3))["messages"]
    assert [one["value"] for one in newest] == ["needle", '{"n": 9}', '{"n": 8}']
    partition = newest[0]["partition"]
    from_two = topics.messages(live, Wanted(partition=partition, offset=2, limit=2))["messages"]
    assert [one["offset"] for one in from_two] == [3, 2]
    found = topics.messages(live, Wanted(text="needle"))
    assert ([one["value"] for one in found["messages"]], found["searched"]) == (["needle"], 11)
    assert topics.messages(live, Wanted(text="a-test"))["found"] == 10
    assert topics.messages(live, Wanted(partition=1 - partition))["messages"] == []
    with pytest.raises(KafkaFailed, match="no partition 9"):
        topics.messages(live, Wanted(partition=9))


def test_a_message_is_told_as_json_text_hex_or_tombstone() -> None:
    record = Record("t", 1, 2, 3, b"\xff", b'{"a": 1}', (("h", b"v"), ("raw", b"\xfe")))
    shown = told(record)
    assert (shown["json"], shown["key"], shown["headers"]) == (True, "0xff", [["h", "v"], ["raw", "0xfe"]])
    assert (told(replace(record, value=b"\xff\x00"))["hex"], told(replace(record, value=b"\xff"))["value"]) == (
        "ff00",
        None,
    )
    assert told(replace(record, value=None))["size"] is None
    assert (told(replace(record, value=b"text"))["value"], told(replace(record, value=b"text"))["json"]) == (
        "text",
        False,
    )
    large = told(replace(record, value=b"x" + "é".encode() * LARGEST_SHOWN))
    assert (large["size"], len(large["value"].encode())) == (2 * LARGEST_SHOWN + 1, LARGEST_SHOWN - 1)


def test_what_is_produced_arrives_with_key_headers_and_tombstones(
    kafka_server: str, topics: Topics, names: tuple[str, str]
) -> None:
    live, _ = names
    topics.produce(live, "k", '{"a": 1}', {"x": "y"})
    topics.produce(live, "k", None, {})
    records = list(read_topic(kafka_server, live))
    assert [(one.key, one.value, one.headers) for one in records] == [
        (b"k", b'{"a": 1}', (("x", b"y"),)),
        (b"k", None, ()),
    ]
    with pytest.raises(KafkaFailed, match="there is no topic none"):
        topics.produce("none", None, "x", {})


def test_a_redrive_writes_copies_in_order_and_takes_nothing_out(
    kafka_server: str, topics: Topics, names: tuple[str, str]
) -> None:
    live, dead = names
    send(kafka_server, dead, *((b"k", str(number).encode()) for number in range(5)), why="failed")
    assert topics.redrive(dead, live, [(0, 3), (0, 1)]) == 2
    assert [(one.value, one.key, one.headers) for one in read_topic(kafka_server, live)] == [
        (b"1", b"k", (("why", b"failed"),)),
        (b"3", b"k", (("why", b"failed"),)),
    ]
    assert [topics.redrive(dead, live, None) for _ in range(2)] == [5, 0]
    assert len(list(read_topic(kafka_server, live))) == 7
    assert topics.redrive(dead, live, [(0, 2)]) == 1  # whoever names one gets it
    assert len(list(read_topic(kafka_server, dead))) == 5
    with pytest.raises(KafkaFailed, match="no message 9"):
        topics.redrive(dead, live, [(0, 9)])
    with pytest.raises(KafkaFailed, match="into itself"):
        topics.redrive(dead, dead, None)


def test_a_single_message_counts_as_redriven_where_it_was_the_next(
    kafka_server: str, topics: Topics, names: tuple[str, str]
) -> None:
    live, dead = names
    send(kafka_server, dead, *((b"k", str(number).encode()) for number in range(5)))
    assert topics.redrive(dead, live, [(0, 1), (0, 0), (0, 3)]) == 3
    assert [one["waiting"] for one in topics.overview() if one["name"] == dead] == [{live: 3}]
    assert topics.redrive(dead, live, None) == 3
    assert [one.value for one in read_topic(kafka_server, live)] == [b"0", b"1", b"3", b"2", b"3", b"4"]


def test_a_search_by_id_finds_it_in_headers_and_values_since_a_time(
    kafka_server: str, topics: Topics, names: tuple[str, str]
) -> None:
    live, dead = names
    wanted = str(uuid.uuid4())
    send(kafka_server, live, (b"k", b"{}"), correlation_id=wanted, ce_time="2026-01-01T00:00:00Z")
    send(kafka_server, dead, (b"k", f'{{"correlationId": "{wanted}"}}'.encode()), (b"k", b"other"))
    found = topics.search(Names(), 0, lambda one: wanted in one.ids.shared)
    assert {(one.topic, one.made) for one in found} == {(live, "2026-01-01T00:00:00Z"), (dead, None)}
    # Of our topics alone: other tests' records are younger than ours.
    later = max(one.timestamp for one in found) + 60
    assert topics.search(Names(), later, lambda one: one.topic in names) == []


def delete(servers: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.delete_topics([topic])
    admin.close()


@pytest.mark.parametrize("look", ["search", "overview"])
def test_a_topic_that_is_deleted_while_all_are_looked_at_is_left_out(
    kafka_server: str, topics: Topics, names: tuple[str, str], monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    live, dead = names
    send(kafka_server, live, (b"k", b"{}"), correlation_id=str(uuid.uuid4()))
    listed, deletes = kafka_topics._topics, [dead]

    def list_and_delete(consumer: KafkaConsumer) -> set[str]:
        found = listed(consumer)
        while deletes:
            delete(kafka_server, deletes.pop())
        return found

    monkeypatch.setattr(kafka_topics, "_topics", list_and_delete)
    searched = topics.search(Names(), 0, lambda _: True) if look == "search" else []
    found = {one.topic for one in searched} or {one["name"] for one in topics.overview()}
    assert (live in found, dead in found, deletes) == (True, False, [])


def test_a_topic_that_is_deleted_while_it_is_read_is_read_no_further(kafka_server: str, names: tuple[str, str]) -> None:
    _, dead = names
    send(kafka_server, dead, (b"k", b"1"), (b"k", b"2"))
    reading = read_spans(kafka_server, dead, {0: (0, 5)})
    assert [next(reading).value, next(reading).value] == [b"1", b"2"]
    delete(kafka_server, dead)
    assert list(reading) == []


async def test_over_http_a_dead_topic_knows_its_source(
    client: Client, stand: Stand, kafka_server: str, names: tuple[str, str]
) -> None:
    live, dead = names
    assert stand.template
    mapping = replace(TEMPLATE.kafka_mappings[0], topic=live, on_failure=f"kafka://{dead}")
    stand.template, stand.kafka_servers = replace(TEMPLATE, kafka_mappings=(mapping,)), kafka_server
    await asyncio.to_thread(send, kafka_server, dead, (b"k", b"{}"))
    rows = {one["name"]: one["dead_of"] for one in await (await client.get("/api/topics")).json()}
    assert (rows[live], rows[dead]) == (None, live)
    answer = await client.post(f"/api/topics/{dead}/redrive", json={"messages": [{"partition": 0, "offset": 0}]})
    assert await answer.json() == {"redriven": 1, "to": live}
    body = await (await client.get(f"/api/topics/{live}/messages")).json()
    (message,) = body["messages"]
    one = await (await client.get(f"/api/topics/{live}/messages/{message['partition']}/0")).json()
    assert (one["key"], one["value"], one["json"]) == ("k", "{}", True)
    for place in ("0/99", "9/0", "x/0", "0/" + "9" * 40):
        assert (await client.get(f"/api/topics/{live}/messages/{place}")).status == 404
    for body in ({"messages": [1]}, {"messages": {}}, {"messages": [{"partition": "0", "offset": 0}]}):
        assert (await client.post(f"/api/topics/{dead}/redrive", json=body)).status == 400
    assert (await client.post(f"/api/topics/{live}/redrive", json={})).status == 400
    assert (await client.get("/api/topics/none/messages")).status == 502
