"""A collector as far as a sender can tell: takes OTLP over HTTP on loopback, decodes it, and can be slow or refuse.

`python -m otlp_collector 127.0.0.1:4318` prints each span that it takes, for who has no other way to look at them.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; ids in hexadecimal, `parent` empty for the first one of a trace."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: dict[str, Any]
    failed: bool
    milliseconds: float

    @property
    def place(self) -> tuple[str, str]:
        """What a link to it names."""
        return self.trace_id, self.span_id


class Collector:
    """`status` is what it answers; while it is `held`, it answers nothing."""

    def __init__(self, address: str = "127.0.0.1:0", watch: Callable[[Seen], None] = lambda span: None) -> None:
        self.status = 200
        self._watch = watch
        self.requests: list[bytes] = []
        self._open = threading.Event()
        self._open.set()
        host, port = address.split(":")
        self._server = ThreadingHTTPServer((host, int(port)), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[Seen]:
        """What it has taken so far, in the order of arrival."""
        return [span for request in self.requests for span in _decoded(request)]

    @contextmanager
    def held(self) -> Iterator[None]:
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                collector._open.wait()
                if collector.status == 200:
                    collector.requests.append(body)
                    for span in _decoded(body):
                        collector._watch(span)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(collector.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def _decoded(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    service,
                    span.name,
                    span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    _attributes(span.attributes),
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _line(span: Seen) -> str:
    linked = f"  because of {span.links[0][0]}" if span.links else ""
    failed = f"  {span.attributes.get('error.type')}" if span.failed else ""
    place = f"{span.trace_id}  {span.service:14}  {span.name:22}"
    return f"{place}  {span.kind:8}  {span.milliseconds:8.1f} ms{failed}{linked}\n"


if __name__ == "__main__":
    printing = Collector(sys.argv[1], lambda span: print(_line(span), end="", flush=True))  # noqa: T201
    with printing, suppress(KeyboardInterrupt):
        threading.Event().wait()
