"""Spans, recorded with OpenTelemetry's SDK and sent to a collector over OTLP/HTTP. Loaded only where traces are wanted.

The SDK's own batch processor is no good in a sandbox that is frozen between two invocations: its flush waits as long
as the exporter likes, whatever time-out it is given. `Courier` waits for a moment, and after trouble not at all.
"""

import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Sequence

from aws_lambda_powertools import Logger
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from taskflow.logs import logger_for
from taskflow.settings import SettingError
from taskflow.traces import Attributes, Kind, Span, valid

# The SDK logs each failed attempt; the courier says once that there is trouble.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

LIMIT = 2048  # spans that wait; further ones are lost
BATCH = 512  # spans in one request to the collector
PAUSE = 1.0  # seconds that a span may wait for company
EXPORT_TIMEOUT = 2.0  # seconds for one request to the collector, its repetitions included
FLUSH_WAIT = 0.3  # seconds that an answer to a user is held up
QUIET = 30.0  # seconds after trouble in which nothing is tried and nobody waits


class OtlpRecorder:
    """A `traces.Recorder` over the SDK."""

    def __init__(self, service: str, endpoint: str, ratio: float) -> None:
        if not endpoint.startswith(("http://", "https://")):
            raise SettingError("TRACES_ENDPOINT", "must begin with http:// or https://")
        if ratio > 1:
            raise SettingError("TRACES_RATIO", "must not be above one")
        self._ratio = ratio
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT)
        self._courier = Courier(exporter, logger_for(service))
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create(_resource(service)),
            span_limits=SpanLimits(max_span_attribute_length=256),
            shutdown_on_exit=False,  # it would hold up the end of the process for the collector
        )
        provider.add_span_processor(self._courier)
        self._tracer = provider.get_tracer("taskflow", schema_url=Schemas.V1_44_0.value)

    def admit(self, traceparent: str) -> str:
        """Drawn by lot and not by the trace's id: who picks the id would pick the decision."""
        kept = random.random() < self._ratio  # noqa: S311 - no secret
        return f"{traceparent[:-2]}{'01' if kept else '00'}"

    def begin(
        self, name: str, kind: Kind, parent: str | None, links: Sequence[str], attributes: Attributes, since: int | None
    ) -> Span:
        """A span; a parent or a link that is no traceparent counts as none."""
        span = self._tracer.start_span(
            name,
            _context(parent),
            kind=SpanKind[kind.upper()],
            attributes=attributes,
            links=[trace.Link(context) for link in links if (context := _span_context(link))],
            start_time=since,
        )
        return _OtlpSpan(span)

    def flush(self) -> None:
        """Wait for the collector, but not for long."""
        self._courier.force_flush(int(FLUSH_WAIT * 1000))


class _OtlpSpan(Span):
    def __init__(self, span: trace.Span) -> None:
        context = span.get_span_context()
        super().__init__(f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}")
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, at: int | None = None) -> None:
        self._span.end(at)


class Courier(SpanProcessor):
    """Takes finished spans and sends them from a thread of its own; what can't be sent is counted and told of once."""

    def __init__(self, exporter: SpanExporter, log: Logger) -> None:
        self._exporter = exporter
        self._log = log
        self._changed = threading.Condition()
        self._waiting: deque[ReadableSpan] = deque()
        self._sending = False
        self._hurry = False
        self._no_trying_until = 0.0
        self._no_waiting_until = 0.0
        self._lost = 0
        self._told = False
        threading.Thread(target=self._run, name="traces", daemon=True).start()

    def on_end(self, span: ReadableSpan) -> None:
        """A span is over; the SDK calls this for recorded ones alone."""
        with self._changed:
            if len(self._waiting) >= LIMIT:
                self._lose(1)
                return
            self._waiting.append(span)
            if len(self._waiting) in (1, BATCH):
                self._changed.notify_all()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether everything was taken within the time; after trouble it is not even waited for."""
        with self._changed:
            if not self._idle() and time.monotonic() >= self._no_waiting_until:
                self._hurry = True
                self._changed.notify_all()
                if not self._changed.wait_for(self._idle, timeout_millis / 1000):
                    self._no_waiting_until = time.monotonic() + QUIET
            return self._idle()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            delivered = self._deliver(batch)
            with self._changed:
                self._sending = False
                self._hurry = self._hurry and bool(self._waiting)
                if delivered:
                    self._tell_of_the_end()
                else:
                    self._no_trying_until = self._no_waiting_until = time.monotonic() + QUIET
                    self._lose(len(batch))
                self._changed.notify_all()

    def _next_batch(self) -> list[ReadableSpan]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            self._changed.wait_for(lambda: self._hurry or len(self._waiting) >= BATCH, PAUSE)
            while (pause := self._no_trying_until - time.monotonic()) > 0:
                self._changed.wait(pause)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._sending = True
            return batch

    def _deliver(self, batch: list[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception:  # noqa: BLE001 - whatever it is, it must not end the thread
            return False

    def _lose(self, spans: int) -> None:
        self._lost += spans
        if not self._told:
            self._told = True
            self._log.warning("traces are lost: the collector is away or too slow")

    def _tell_of_the_end(self) -> None:
        if self._told and not self._waiting:
            self._log.info("traces are delivered again", spans_lost=self._lost)
            self._told = False
            self._lost = 0

    def _idle(self) -> bool:
        return not self._waiting and not self._sending


def _context(traceparent: str | None) -> Context:
    """The SDK's form of a parent; an empty one begins a new trace."""
    parent = _span_context(traceparent)
    return Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _span_context(traceparent: str | None) -> SpanContext | None:
    if valid(traceparent) is None:
        return None
    assert traceparent is not None
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _resource(service: str) -> dict[str, str]:
    facts = {
        "service.name": service,
        "service.namespace": "taskflow",
        "deployment.environment.name": os.environ.get("STAGE", ""),
        "cloud.region": os.environ.get("AWS_REGION", ""),
        "faas.name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        "faas.version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
        "faas.instance": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    }
    return {name: value for name, value in facts.items() if value}
