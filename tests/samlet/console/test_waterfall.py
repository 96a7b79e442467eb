"""What woke an invocation, which ids it names, and the waterfall that follows from them."""

import base64
import json
from typing import Any

import pytest

from console_stand import handled
from samlet.console.correlation import Ids, Message, Names, trace_of
from samlet.console.reading import read
from samlet.console.record import LARGEST_PAYLOAD, Invocation, Record
from samlet.console.waterfall import Mail, related, waterfall
from samlet.runtime import woken_by
from samlet.sources.queue_event import queue_event
from samlet.sources.s3_event import s3_events
from samlet.sources.sns_event import sns_event

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
NAMES = Names()
JOBS = "arn:aws:sqs:eu-central-1:000000000000:jobs"
SUBSCRIPTION = "arn:aws:sns:eu-central-1:000000000000:news:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55"
NEWS = {"MessageId": "m", "TopicArn": "t", "Message": "b", "Timestamp": "2026-01-01T00:00:00.000Z"}
UPLOAD = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "eu-central-1",
    "eventTime": "2026-01-01T00:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "s3": {
        "s3SchemaVersion": "1.0",
        "configurationId": "1",
        "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
        "object": {"key": "in%2Fa+b.txt", "size": 1, "eTag": "e"},
    },
}
MESSAGE = {"MessageId": "m", "ReceiptHandle": "r", "Body": "b", "MD5OfBody": "5"}


def http_event(**headers: str) -> dict[str, Any]:
    context = {"http": {"method": "POST", "path": "/tasks"}, "timeEpoch": 1_000_500, "requestId": "gateway"}
    return {
        "version": "2.0",
        "routeKey": "POST /tasks",
        "rawPath": "/tasks",
        "headers": headers,
        "requestContext": context,
    }


def kafka_event(offset: int = 7, count: int = 1, **headers: str) -> dict[str, Any]:
    entries = [
        {
            "topic": "orders",
            "partition": 3,
            "offset": offset + number,
            "timestamp": 1_002_000,
            "key": base64.b64encode(b"k").decode(),
            "value": base64.b64encode(b'{"correlationId": "in-the-value"}').decode(),
            "headers": [
                {name: [byte - 256 if byte > 127 else byte for byte in text.encode()]} for name, text in headers.items()
            ],
        }
        for number in range(count)
    ]
    return {"eventSource": "SelfManagedKafka", "bootstrapServers": "x", "records": {"orders-3": entries}}


def one(event: Any, answer: Any = None, *, lines: tuple[str, ...] = (), request_id: str = "r1") -> Invocation:
    record = Record(clock=lambda: 1_001.0)
    handled(
        record, request_id=request_id, event=json.dumps(event).encode(), answer=json.dumps(answer).encode(), lines=lines
    )
    found = record.find(request_id)
    assert found
    return found


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (http_event(), "http", "POST /tasks"),
        ({"httpMethod": "GET", "path": "/old", "requestContext": {"httpMethod": "GET"}}, "http", "GET /old"),
        (kafka_event(), "kafka", "orders-3@7"),
        (kafka_event(count=4), "kafka", "orders-3@7–10 (4)"),
        ({"source": "aws.events", "resources": ["arn:aws:events:x:1:rule/nightly"]}, "schedule", "nightly"),
        (json.loads(queue_event([MESSAGE, MESSAGE], JOBS)), "sqs", "jobs (2)"),
        (json.loads(queue_event([MESSAGE, MESSAGE | {"Body": "x" * LARGEST_PAYLOAD}], JOBS)), "sqs", "jobs (…)"),
        (json.loads(queue_event([MESSAGE | {"Body": "x" * LARGEST_PAYLOAD}], JOBS)), "sqs", "messages of a queue"),
        ({"Records": []}, "invoke", "Invoke API"),
        ({"Records": [{"eventSource": "aws:s3"}]}, "invoke", "Invoke API"),
        ({"Records": [{"eventSource": "aws:s3", "s3": {"bucket": "b"}}]}, "invoke", "Invoke API"),
        (json.loads(next(s3_events({"Records": [UPLOAD]}, 1.0))), "s3", "uploads/in/a b.txt ObjectCreated:Put"),
        (json.loads(sns_event(NEWS, SUBSCRIPTION)), "sns", "news"),
        (json.loads(sns_event(NEWS | {"Message": "x" * LARGEST_PAYLOAD}, SUBSCRIPTION)), "sns", "news"),
        ({"anything": 1}, "invoke", "Invoke API"),
        ([1, 2], "invoke", "Invoke API"),
        ({"eventSource": "aws:kafka", "records": "no"}, "invoke", "Invoke API"),
    ],
)
def test_the_event_says_what_woke_the_function(event: Any, kind: str, text: str) -> None:
    source = read(one(event), NAMES).source
    assert (source.kind, source.text) == (kind, text)


def test_a_schedule_with_an_input_of_its_own_is_known_by_name() -> None:
    record = Record()
    with woken_by("schedule", "nightly"):
        handled(record, event=b'{"anything": 1}')
    found = record.find("r1")
    assert found
    assert read(found, NAMES).source.text == "nightly"


@pytest.mark.parametrize("name", ["X-Correlation-Id", "correlation_id", "correlationId", "CORRELATION-ID"])
def test_a_name_counts_however_it_is_spelled(name: str) -> None:
    assert NAMES.of([(name, "abcd")]).shared == {"abcd"}


def test_other_names_count_where_the_project_says_so() -> None:
    assert Names(["order_no"]).of([("X-Order-No", "4711"), ("correlation_id", "abcd")]).shared == {"4711"}


@pytest.mark.parametrize(
    ("value", "shared"),
    [
        (TRACEPARENT, TRACE),
        ("Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8", "1-67891233-abcdef012345678912345678"),
        ("plain", "plain"),
    ],
)
def test_of_a_trace_header_the_part_counts_that_all_steps_share(value: str, shared: str) -> None:
    assert trace_of(value) == shared


def test_ids_are_found_in_headers_of_request_and_answer_in_log_lines_and_in_records() -> None:
    line = json.dumps({"message": "x", "correlation_id": "from-the-log"})
    answer = {"statusCode": 201, "headers": {"x-request-id": "from-the-answer"}}
    reading = read(one(http_event(traceparent=TRACEPARENT), answer, lines=(line, "plain", '{"broken')), NAMES)
    assert reading.correlations == {TRACE, "from-the-answer", "from-the-log", "r1"}
    assert reading.status == 201
    batch = read(one(kafka_event(traceparent=TRACEPARENT, request_id="Zoë-1")), NAMES)
    assert batch.correlations == {TRACE, "Zoë-1", "in-the-value", "r1"}


def test_ids_of_an_event_that_is_cut_are_found_in_its_beginning() -> None:
    event = http_event(**{"x-correlation-id": "abcdef"}) | {"body": "x" * LARGEST_PAYLOAD}
    reading = read(one(event), NAMES)
    assert "abcdef" in reading.correlations
    assert reading.source.text == "POST /tasks"


def test_a_batch_that_is_cut_is_known_by_its_first_record() -> None:
    assert read(one(kafka_event(count=800)), NAMES).source.text == "orders-3@7–…"


def test_what_one_line_names_together_belongs_together_and_so_on() -> None:
    items = [
        Ids(frozenset({"a", "b"})),
        Ids(frozenset({"c", "d"})),
        Ids(frozenset({"b", "c"})),
        Ids(frozenset({"x", "y"})),
    ]
    assert related("a", items) == {"a", "b", "c", "d"}


def test_one_id_is_followed_from_the_request_over_outbox_and_topic_to_the_mail() -> None:
    line = json.dumps({"request_id": "request-1", "correlation_id": TRACE})
    request = one(http_event(), {"statusCode": 201}, lines=(line,), request_id="request-1")
    reader = one(kafka_event(traceparent=TRACEPARENT, ce_id="event-1"), request_id="r2")
    stranger = one(http_event(), {"statusCode": 200}, request_id="r3")
    request.began, request.ended = 1_000.6, 1_001.0
    reader.began, reader.ended = 1_002.5, 1_003.0
    reads = [(invocation, read(invocation, NAMES)) for invocation in (request, reader, stranger)]
    mails = [
        Mail("m1", 1_002.9, "Hello", "a@b.c", "<event-1@example.org>"),
        Mail("m2", 1_002.9, "No", "x@y.z", "other"),
    ]
    made = Ids(frozenset({TRACE}), frozenset({"event-1"}))
    messages = [Message("orders", 3, 7, 1_002.0, made, "1970-01-01T00:16:40.800+00:00")]

    for wanted in (TRACE, "request-1"):
        found = waterfall(wanted, reads, messages, mails, 2_000.0)
        steps = [(bar["kind"], bar["label"], round(bar["start"], 3), round(bar["end"], 3)) for bar in found["bars"]]
        assert steps == [
            ("request", "POST /tasks → 201", 1_000.5, 1_001.0),
            ("invocation", "Tick", 1_000.6, 1_001.0),
            ("outbox", "waits to be produced", 1_000.8, 1_002.0),
            ("topic", "orders-3@7", 1_002.0, 1_002.5),
            ("invocation", "Tick", 1_002.5, 1_003.0),
            ("mail", "Hello", 1_002.9, 1_002.9),
        ]
        assert found["bars"][1]["marks"]


def test_without_a_time_of_its_own_an_event_waits_since_the_answer_before_it() -> None:
    request = one(http_event(traceparent=TRACEPARENT), {"statusCode": 201})
    request.began, request.ended = 1_000.6, 1_001.0
    message = Message("orders", 0, 0, 1_004.0, Ids(frozenset({TRACE})), None)
    (bar,) = [
        bar
        for bar in waterfall(TRACE, [(request, read(request, NAMES))], [message], [], 0)["bars"]
        if bar["kind"] == "outbox"
    ]
    assert (bar["start"], bar["end"], bar["detail"]) == (1_001.0, 1_004.0, "since the answer before it")


def test_an_id_that_nobody_names_has_no_steps() -> None:
    reads = [(invocation, read(invocation, NAMES)) for invocation in [one(http_event())]]
    assert waterfall("nobody", reads, [], [], 0) == {"id": "nobody", "ids": ["nobody"], "bars": []}
