"""What is counted while a project runs, for Prometheus: the console serves it as `/metrics`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from samlet.emulator.embedded_metrics import EmbeddedMetrics
from samlet.emulator.series import Counts, Histograms
from samlet.runtime import Observer, Outcome

# Seconds: from a warm handler's millisecond to API Gateway's limit.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Parts = Callable[[], Mapping[str, Mapping[str, Any]]]


class Metrics(Observer):
    """Counts what functions do; `parts` tells the state of everything when it is asked for.

    Functions are named by logical id; times are in seconds and sizes in bytes.
    """

    def __init__(self, parts: Parts) -> None:
        self._registry = CollectorRegistry()
        self._invocations = self._counts("invocations", "Invocations that ended, ok or error.", "function", "result")
        self._throttled = self._counts("throttles", "Events that no sandbox was free for.", "function")
        self._durations = self._histograms("invocation_duration_seconds", "Duration, as in REPORT.", "function")
        self._inits = self._histograms("init_duration_seconds", "Init Duration, as in REPORT.", "function")
        self._memory: dict[str, int] = {}  # by function, in MB
        self._requests = self._counts("http_requests", "Requests that were answered.", "api", "route", "status")
        self._latencies = self._histograms(
            "http_request_duration_seconds", "From a request to its answer.", "api", "route"
        )
        self._embedded = EmbeddedMetrics()
        self._registry.register(self._embedded)
        self._registry.register(_State(parts, self._memory))
        ProcessCollector(registry=self._registry)

    def printed(self, function: str, request_id: str, line: str) -> None:  # noqa: ARG002 - the observer's signature
        """See `Observer.printed`."""
        self._embedded.printed(function, line)

    def ended(self, function: str, outcome: Outcome) -> None:
        """See `Observer.ended`."""
        self._invocations.add(function, "ok" if outcome.ok else "error")
        self._durations.observe(outcome.duration_ms / 1000, function)
        if outcome.init_ms is not None:
            self._inits.observe(outcome.init_ms / 1000, function)
        if outcome.memory_used:
            self._memory[function] = outcome.memory_used

    def refused(self, function: str, request_id: str, payload: bytes, reason: str) -> None:  # noqa: ARG002 - the observer's
        """See `Observer.refused`."""
        self._throttled.add(function)

    def answered(self, api: str, route: str, status: int, seconds: float) -> None:
        """Hear of a request; `route` is the route's key, or `none` where no route fits."""
        self._requests.add(api, route, str(status))
        self._latencies.observe(seconds, api, route)

    def page(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)

    def _counts(self, name: str, text: str, *labels: str) -> Counts:
        return self._registered(Counts(f"samlet_{name}", text, *labels))

    def _histograms(self, name: str, text: str, *labels: str) -> Histograms:
        return self._registered(Histograms(f"samlet_{name}", text, _BUCKETS, *labels))

    def _registered[C: Collector](self, collector: C) -> C:
        self._registry.register(collector)
        return collector


class _State(Collector):
    """How the parts are at the moment that somebody asks."""

    def __init__(self, parts: Parts, memory: Mapping[str, int]) -> None:
        self._parts = parts
        self._memory = memory

    def describe(self) -> Iterator[Metric]:
        """Return nothing: there are no parts yet when this is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the gauges."""
        parts = dict(self._parts())
        functions = parts.pop("functions", {})
        mappings = parts.get("kafka_mappings", {}).get("mappings", {})
        ready = Metric("samlet_part_ready", "1 where a part is ready.", "gauge")
        for name, part in parts.items():
            ready.add_sample(ready.name, {"part": name}, float(part["state"] == "ready"))
        yield ready
        sandboxes = Metric("samlet_sandboxes", "Sandboxes that there are.", "gauge")
        for name, function in functions.items():
            sandboxes.add_sample(sandboxes.name, {"function": name}, len(function["sandboxes"]))
        yield sandboxes
        memory = Metric("samlet_memory_used_bytes", "Max Memory Used of the newest invocation.", "gauge")
        for name, megabytes in self._memory.items():
            memory.add_sample(memory.name, {"function": name}, megabytes * 1024 * 1024)
        yield memory
        lag = Metric("samlet_kafka_lag", "Records that a mapping has not finished.", "gauge")
        records = Metric("samlet_kafka_records", "What became of a mapping's records.", "counter")
        for name, mapping in mappings.items():
            labels = {"mapping": name, "topic": mapping["topic"], "group": mapping["group"]}
            lag.add_sample(lag.name, labels, mapping["lag"])
            for result in ("delivered", "skipped", "unreadable", "given_up"):
                records.add_sample("samlet_kafka_records_total", {**labels, "result": result}, mapping[result])
        yield lag
        yield records
