"""Traces: what is recorded, what never is, and what happens when nobody takes them."""

import io
import json
import logging
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry import semconv

from mail_sender.kafka_event import KafkaRecord, handle_batch
from otlp_collector import Collector, Seen
from taskflow import collector as collector_module
from taskflow import traces
from taskflow.logs import logger_for
from taskflow.settings import Environment, SettingError
from taskflow.web import entry_point, make_app
from waiting import eventually

THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BROKEN = [
    "nonsense",
    "",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
    f"{THEIRS},{THEIRS}",
    f"{THEIRS}-extra",
]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def record_to() -> Iterator[Callable[..., None]]:
    """Records spans from now on; off again after the test."""

    def start(endpoint: str, **settings: str) -> None:
        traces.start("shop", Environment({"TRACES_ENDPOINT": endpoint, **settings}))

    yield start
    traces.start("shop", Environment({}))


@pytest.fixture
def told() -> Iterator[Callable[[], list[str]]]:
    """The messages that the service's log was given."""
    logger = logger_for("shop")
    stream = io.StringIO()
    handler = logger.logger_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    yield lambda: [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    handler.setStream(before or handler.stream)


def shop() -> TestClient:
    app = make_app("shop", logger_for("shop"))

    @app.get("/things/{name}")
    async def thing(name: str) -> str:
        if name == "broken":
            raise LookupError("nobody@example.com")
        return name

    return TestClient(app)


def arrived(collector: Collector, count: int = 1) -> list[Seen]:
    traces.flush()
    return eventually(lambda: collector.spans() if len(collector.spans()) >= count else [])


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_request_is_a_server_span_named_by_its_route(collector: Collector, record_to: Callable[..., None]) -> None:
    record_to(collector.url)
    shop().get("/things/milk")
    (span,) = arrived(collector)
    assert (span.service, span.name, span.kind, span.parent, span.failed) == (
        "shop", "GET /things/{name}", "server", "", False,
    )  # fmt: skip
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.route"] == "/things/{name}"


def test_what_people_type_send_or_are_told_is_in_no_span(collector: Collector, record_to: Callable[..., None]) -> None:
    record_to(collector.url)
    client = shop()
    secret = {"authorization": "Bearer s3cret", "cookie": "s3cret", "traceparent": "s3cret", "user-agent": "s3cret"}
    for path in ("/things/ann@example.com?q=s3cret", "/s3cret/ann@example.com", "/things/broken"):
        client.get(path, headers=secret)
    spans = arrived(collector, 3)
    assert [(span.name, span.attributes["http.response.status_code"]) for span in spans] == [
        ("GET /things/{name}", 200),
        ("HTTP", 404),
        ("GET /things/{name}", 500),
    ]
    assert [span.failed for span in spans] == [False, False, True]
    sent = b"".join(collector.requests)
    assert b"s3cret" not in sent
    assert b"example.com" not in sent


def test_a_callers_trace_goes_on(collector: Collector, record_to: Callable[..., None]) -> None:
    record_to(collector.url)
    shop().get("/things/milk", headers={"traceparent": THEIRS})
    (span,) = arrived(collector)
    assert (span.trace_id, span.parent) == tuple(THEIRS.split("-")[1:3])


@pytest.mark.parametrize("header", BROKEN)
def test_a_broken_traceparent_is_ignored_and_a_new_trace_begins(
    header: str, collector: Collector, record_to: Callable[..., None]
) -> None:
    assert traces.from_outside(header) is None
    record_to(collector.url)
    assert shop().get("/things/milk", headers={"traceparent": header}).status_code == 200
    (span,) = arrived(collector)
    assert span.parent == ""
    assert span.trace_id not in header


def test_whether_a_request_is_recorded_is_not_the_callers_choice(
    collector: Collector, record_to: Callable[..., None]
) -> None:
    record_to(nobody_listens(), TRACES_RATIO="1e-300")
    assert traces.from_outside(THEIRS) == f"{THEIRS[:-2]}00"
    record_to(collector.url, TRACES_RATIO="1")
    assert traces.from_outside(f"{THEIRS[:-2]}00") == THEIRS
    assert traces.from_outside(None) is None


def test_what_follows_a_step_that_is_not_kept_is_not_kept(collector: Collector, record_to: Callable[..., None]) -> None:
    record_to(collector.url)
    with traces.span("a", "internal", parent=f"{THEIRS[:-2]}00") as skipped:
        assert traces.current() == skipped.traceparent
        with traces.span("b", "internal", parent=traces.current()):
            pass
    with traces.span("c", "internal", parent=None):
        pass
    assert [span.name for span in arrived(collector)] == ["c"]
    assert skipped.traceparent is not None
    assert skipped.traceparent.endswith("-00")
    assert traces.trace_id(skipped.traceparent) == traces.trace_id(THEIRS)


def test_without_a_collector_a_span_is_the_context_that_it_was_given() -> None:
    with traces.span("a", "internal", parent=THEIRS) as span:
        assert span.traceparent == THEIRS
        assert traces.current() is None
    assert traces.from_outside(THEIRS) == THEIRS


def test_an_error_marks_its_span_by_its_kind_alone(collector: Collector, record_to: Callable[..., None]) -> None:
    record_to(collector.url)
    with pytest.raises(LookupError), traces.span("a", "internal", parent=None):
        raise LookupError("ann@example.com")
    (span,) = arrived(collector)
    assert (span.failed, span.attributes) == (True, {"error.type": "LookupError"})
    assert b"example.com" not in collector.requests[0]


def test_every_attribute_has_a_name_of_opentelemetrys(collector: Collector, record_to: Callable[..., None]) -> None:
    sources = Path(semconv.__path__[0]).rglob("*_attributes.py")
    known = {name for source in sources for name in re.findall(r'^[A-Z_]+: Final = "(.+)"', source.read_text(), re.M)}
    record_to(collector.url)
    shop().get("/things/milk")
    handle_batch(one_record([{"ce_id": list(b"7")}]), lambda record: None)
    with traces.span("a", "internal", parent=None, attributes=traces.message_attributes("create", "events", "7")):
        pass
    for span in arrived(collector, 3):
        assert set(span.attributes) <= known


def one_record(headers: Any) -> dict[str, Any]:
    record = {"topic": "events", "partition": 2, "offset": 5, "key": None, "value": "e30=", "headers": headers}
    return {"records": {"events-2": [record]}}


def test_a_record_goes_on_with_the_trace_in_its_headers(collector: Collector, record_to: Callable[..., None]) -> None:
    record_to(collector.url)
    seen: list[KafkaRecord] = []
    headers = [{"ce_id": list(b"77")}, {"traceparent": list(THEIRS.encode())}]
    handle_batch(one_record(headers), seen.append)
    assert (seen[0].event_id, seen[0].traceparent) == ("77", THEIRS)
    (span,) = arrived(collector)
    assert (span.name, span.kind, span.trace_id) == ("process events", "consumer", traces.trace_id(THEIRS))
    assert span.attributes["messaging.message.id"] == "77"
    assert span.attributes["messaging.destination.partition.id"] == "2"


@pytest.mark.parametrize(
    "headers", [None, [], [{"traceparent": None}], [{"traceparent": [-61, -92, 0]}], [{"traceparent": list(b"00-x")}]]
)
def test_headers_of_any_shape_cost_no_record(headers: Any) -> None:
    seen: list[KafkaRecord] = []
    assert handle_batch(one_record(headers), seen.append) == {"batchItemFailures": []}
    assert seen[0].traceparent is None


def handler_of_the_shop() -> Callable[[], int]:
    """The way in from Lambda: it returns only after the spans have had their chance to leave."""
    app = make_app("shop", logger_for("shop"))

    @app.get("/things")
    async def things() -> str:
        return "milk"

    asked = {
        "version": "2.0", "routeKey": "$default", "rawPath": "/things", "rawQueryString": "", "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/things", "sourceIp": "192.0.2.1"}, "stage": "$default"},
    }  # fmt: skip

    class Context:
        function_name = invoked_function_arn = aws_request_id = "x"
        memory_limit_in_mb = 128

    door = entry_point(app, logger_for("shop"))
    return lambda: door(asked, Context())["statusCode"]


def test_the_spans_of_a_request_have_left_when_its_handler_returns(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, record_to: Callable[..., None]
) -> None:
    monkeypatch.setenv("TRACES_ENDPOINT", collector.url)
    monkeypatch.setattr(collector_module, "FLUSH_WAIT", 60.0)
    ask = handler_of_the_shop()
    assert ask() == 200
    assert [span.name for span in collector.spans()] == ["GET /things"]


def test_a_collector_that_does_not_answer_holds_up_no_answer_and_loses_nothing(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, record_to: Callable[..., None]
) -> None:
    monkeypatch.setenv("TRACES_ENDPOINT", collector.url)
    monkeypatch.setattr(collector_module, "EXPORT_TIMEOUT", 60.0)
    ask = handler_of_the_shop()
    with collector.held():
        assert [ask(), ask(), ask()] == [200, 200, 200]
        assert collector.spans() == []
    eventually(lambda: len(collector.spans()) == 3)


def test_no_collector_is_told_of_once_and_so_is_its_return(
    told: Callable[[], list[str]],
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    record_to: Callable[..., None],
) -> None:
    monkeypatch.setenv("TRACES_ENDPOINT", collector.url)
    monkeypatch.setattr(collector_module, "QUIET", 0.0)
    collector.status = 400
    ask = handler_of_the_shop()

    def messages() -> list[str]:
        return [message for message in told() if message.startswith("traces")]

    for _ in range(3):
        assert ask() == 200
    eventually(messages)
    collector.status = 200

    def answered_and_delivered() -> bool:
        assert ask() == 200
        return len(messages()) > 1

    eventually(answered_and_delivered)
    assert messages() == ["traces are lost: the collector is away or too slow", "traces are delivered again"]


def test_nobody_at_the_address_fails_no_request(
    told: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, record_to: Callable[..., None]
) -> None:
    monkeypatch.setenv("TRACES_ENDPOINT", nobody_listens())
    ask = handler_of_the_shop()
    assert [ask() for _ in range(5)] == [200] * 5
    eventually(lambda: [message for message in told() if message.startswith("traces")])


def test_more_spans_than_may_wait_are_counted(
    told: Callable[[], list[str]], collector: Collector, monkeypatch: pytest.MonkeyPatch, record_to: Callable[..., None]
) -> None:
    monkeypatch.setattr(collector_module, "LIMIT", 3)
    monkeypatch.setattr(collector_module, "PAUSE", 60.0)
    record_to(collector.url)
    for number in range(5):
        with traces.span(str(number), "internal", parent=None):
            pass
    assert [span.name for span in arrived(collector, 3)] == ["0", "1", "2"]
    eventually(lambda: "traces are delivered again" in told())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"TRACES_ENDPOINT": "collector:4318"}, "TRACES_ENDPOINT"),
        ({"TRACES_ENDPOINT": "http://x", "TRACES_RATIO": "2"}, "TRACES_RATIO"),
        ({"TRACES_ENDPOINT": "http://x", "TRACES_RATIO": "0"}, "TRACES_RATIO"),
        ({"TRACES_ENDPOINT": "http://x", "TRACES_RATIO": "all"}, "TRACES_RATIO"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], name: str) -> None:
    with pytest.raises(SettingError, match=name):
        traces.start("shop", Environment(settings))
