"""One trace from the request, or from a user's digest, over outbox, relay and a real Kafka to the mail server."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from integration.api import Api
from integration.databases import Database
from integration.event_log import Arrived, EventLog
from integration.mailing import LATER, postman_for
from integration.people import register
from integration.relaying import task_created, write_events
from integration.scripted_smtp import Reply, ScriptedSmtp
from mail_sender.kafka_event import handle_batch
from nightly_digest import handler as digest_door
from otlp_collector import Collector, Seen
from outbox_relay.turn import take_one
from taskflow import traces
from taskflow.clock import utc_now
from taskflow.kafka import KafkaPublisher
from taskflow.memory_kafka import MemoryPublisher
from taskflow.settings import Environment, KafkaSettings
from taskflow.tables import Outbox
from waiting import eventually

NIGHT = datetime(2026, 6, 2, tzinfo=UTC)
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        traces.start("test", Environment({"TRACES_ENDPOINT": collector.url}))
        yield collector
        traces.start("test", Environment({}))


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as server:
        yield server


def relay(database: Database, broker: str) -> None:
    """One turn of the relay."""
    publisher, engine = KafkaPublisher(KafkaSettings((broker,))), database.engine("outbox_relay")
    publisher.connect()
    try:
        turn = take_one(engine, publisher, utc_now, batch=100, kafka_timeout=5)
    finally:
        publisher.close()
        engine.dispose()
    assert turn.published == turn.seen > 0


def fire_the_digest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = database.engine("nightly_digest")
    monkeypatch.setattr(digest_door, "_engine", lambda: engine)

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 300_000

    digest_door.handler({"slot": NIGHT.isoformat()}, Context())  # type: ignore[arg-type]
    engine.dispose()


def as_the_mapping_gives_it(record: Arrived) -> dict[str, Any]:
    entry = {
        "topic": "events",
        "partition": record.partition,
        "offset": record.offset,
        "key": b64encode(record.key.encode()).decode(),
        "value": b64encode(record.value).decode(),
        "headers": [{name: list(value)} for name, value in record.headers.items()],
    }
    return {"eventSource": "SelfManagedKafka", "records": {f"events-{record.partition}": [entry]}}


def seen(collector: Collector, count: int) -> list[Seen]:
    traces.flush()
    return eventually(lambda: collector.spans() if len(collector.spans()) >= count else [])


def named(spans: list[Seen], name: str) -> Seen:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_a_tasks_trace_goes_from_the_request_to_kafka(
    api: Api, database: Database, broker: str, arrived: EventLog, collector: Collector
) -> None:
    account = api.account()
    collector.requests.clear()
    made = api.tasks.post("/tasks", json={"title": "milk"}, headers=account.headers | {"traceparent": THEIRS})
    assert made.status_code == 201
    relay(database, broker)
    (record,) = [record for record in arrived.read({account.id}) if record.headers["ce_type"] == b"task.created"]

    spans = [span for span in seen(collector, 5) if span.trace_id == traces.trace_id(THEIRS)]
    request, create, send = (named(spans, name) for name in ("POST /tasks", "create events", "send events"))
    assert [request.parent, create.parent, send.parent] == [THEIRS.split("-")[2], request.span_id, create.span_id]
    assert [request.kind, create.kind, send.kind] == ["server", "producer", "client"]
    assert record.headers["traceparent"].decode() == f"00-{create.trace_id}-{create.span_id}-01"
    assert create.attributes["cloudevents.event_type"] == "task.created"
    assert create.attributes["messaging.message.id"] == record.headers["ce_id"].decode()


def test_a_digests_trace_goes_from_the_schedule_to_the_mail_server(
    database: Database,
    broker: str,
    arrived: EventLog,
    server: ScriptedSmtp,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = [register(database, NIGHT - timedelta(hours=5), email=f"user{n}@example.com") for n in range(2)]
    fire_the_digest(database, monkeypatch)
    relay(database, broker)
    with postman_for(database, server) as postman:
        for record in arrived.read({str(person.id) for person in people}):
            assert handle_batch(as_the_mapping_gives_it(record), postman.take_record) == {"batchItemFailures": []}
    assert len(server.taken) == 2

    spans = seen(collector, 9)
    run = named(spans, "nightly_digest")
    assert (run.kind, run.attributes["taskflow.digests"]) == ("server", 2)
    creates = [span for span in spans if span.name == "create events"]
    assert len({run.trace_id, *(create.trace_id for create in creates)}) == 3, "each user's digest has its own trace"
    for create in creates:
        assert (create.parent, create.links) == ("", (run.place,))
        steps = [span for span in spans if span.trace_id == create.trace_id]
        send, process, mail = (named(steps, name) for name in ("send events", "process events", "send mail"))
        assert [send.parent, process.parent, mail.parent] == [create.span_id, create.span_id, process.span_id]
        assert [process.kind, mail.kind] == ["consumer", "client"]
        assert len(steps) == 4
    sent = b"".join(collector.requests)
    assert b"example.com" not in sent
    assert not any(str(person.id).encode() in sent for person in people)


def test_a_mail_that_is_refused_and_an_event_that_is_not_sent_are_failed_spans(
    database: Database, server: ScriptedSmtp, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database, NIGHT - timedelta(hours=5))
    fire_the_digest(database, monkeypatch)
    publisher, engine = MemoryPublisher(), database.engine("outbox_relay")
    publisher.connect()
    publisher.down = True
    assert take_one(engine, publisher, utc_now, batch=100, kafka_timeout=5).outage
    publisher.down = False
    publisher.connect()
    assert take_one(engine, publisher, utc_now, batch=100, kafka_timeout=5).published == 1
    engine.dispose()
    (record,) = publisher.log
    headers = {name: value.encode() for name, value in record.headers.items()}
    server.script("MAIL", Reply("452 later"))
    with postman_for(database, server) as postman:
        given = as_the_mapping_gives_it(Arrived(record.key, 0, 0, record.value, headers))
        handle_batch(given, postman.take_record)
    with postman_for(database, server, later=LATER) as postman:
        assert postman.sweep() == 1

    spans = seen(collector, 7)
    first, second = [span for span in spans if span.name == "send events"]
    assert (first.failed, first.attributes["error.type"], second.failed) == (True, "BrokerUnavailable", False)
    refused, again = [span for span in spans if span.name == "send mail"]
    assert (refused.failed, refused.attributes["error.type"], again.failed) == (True, "Deferred", False)
    assert refused.attributes["cloudevents.event_id"] == again.attributes["cloudevents.event_id"]


def test_an_event_that_was_held_back_was_not_sent(database: Database, collector: Collector) -> None:
    user, writer = uuid4(), database.admin_engine()
    write_events(writer, [task_created(user), task_created(user)])
    publisher, engine = MemoryPublisher(), database.engine("outbox_relay")
    publisher.connect()
    publisher.failing_keys = {str(user)}
    assert take_one(engine, publisher, utc_now, batch=100, kafka_timeout=5).seen == 2
    engine.dispose()
    assert [span.name for span in seen(collector, 3)] == ["create events", "create events", "send events"]


def test_without_a_collector_every_event_still_has_a_trace_of_its_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        register(database, NIGHT - timedelta(hours=5))
    fire_the_digest(database, monkeypatch)
    with database.admin_engine().begin() as connection:
        found = [headers["traceparent"] for headers in connection.scalars(select(Outbox.headers))]
    assert len({traces.trace_id(traceparent) for traceparent in found}) == 2
    assert all(traces.valid(traceparent) for traceparent in found)
