"""What is counted while a project runs, as Prometheus reads it."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from samlet.emulator.metrics import Metrics
from samlet.runtime import Outcome

MAPPING = {
    "topic": "orders",
    "group": "billing",
    "lag": 7,
    "delivered": 3,
    "skipped": 2,
    "unreadable": 1,
    "given_up": 0,
}
PARTS: dict[str, dict[str, Any]] = {
    "samlet": {"state": "ready"},
    "kafka": {"state": "lost"},
    "functions": {"Orders": {"name": "orders", "sandboxes": [{"pid": 1}, {"pid": None}]}},
    "kafka_mappings": {"state": "ready", "mappings": {"OrdersMapping": MAPPING}},
}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: PARTS)


def test_invocations_are_counted_by_result_with_their_times(metrics: Metrics) -> None:
    metrics.ended("Orders", Outcome("1", b"{}", duration_ms=20, init_ms=400, memory_used=64))
    metrics.ended("Orders", Outcome("2", b"{}", function_error="Unhandled", duration_ms=80, memory_used=65))
    metrics.refused("Orders", "3", b"{}", "all are busy")
    assert value(metrics, "samlet_invocations_total", function="Orders", result="ok") == 1
    assert value(metrics, "samlet_invocations_total", function="Orders", result="error") == 1
    assert value(metrics, "samlet_throttles_total", function="Orders") == 1
    assert value(metrics, "samlet_invocation_duration_seconds_sum", function="Orders") == pytest.approx(0.1)
    assert value(metrics, "samlet_invocation_duration_seconds_bucket", function="Orders", le="0.025") == 1
    assert value(metrics, "samlet_init_duration_seconds_count", function="Orders") == 1
    assert value(metrics, "samlet_memory_used_bytes", function="Orders") == 65 * 1024 * 1024


def test_requests_are_counted_by_route_and_never_by_path(metrics: Metrics) -> None:
    metrics.answered("Api", "GET /orders/{id}", 200, 0.004)
    labels = {"api": "Api", "route": "GET /orders/{id}"}
    assert value(metrics, "samlet_http_requests_total", status="200", **labels) == 1
    assert value(metrics, "samlet_http_request_duration_seconds_bucket", le="0.005", **labels) == 1


def test_the_state_is_that_of_the_moment(metrics: Metrics) -> None:
    mapping = {"mapping": "OrdersMapping", "topic": "orders", "group": "billing"}
    assert value(metrics, "samlet_part_ready", part="samlet") == 1
    assert value(metrics, "samlet_part_ready", part="kafka") == 0
    assert value(metrics, "samlet_sandboxes", function="Orders") == 2
    assert value(metrics, "samlet_kafka_lag", **mapping) == 7
    assert value(metrics, "samlet_kafka_records_total", result="skipped", **mapping) == 2
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 0


def test_before_anything_runs_there_is_a_page_all_the_same() -> None:
    assert value(Metrics(lambda: {"samlet": {"state": "starting"}}), "samlet_part_ready", part="samlet") == 0


def test_what_functions_print_is_on_the_page(metrics: Metrics) -> None:
    metrics.printed(
        "Orders",
        "1",
        '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "Shop", "Dimensions": [[]],'
        ' "Metrics": [{"Name": "Sold", "Unit": "Count"}]}]}, "Sold": 2}',
    )
    assert value(metrics, "shop_sold_sum", function="Orders") == 2
