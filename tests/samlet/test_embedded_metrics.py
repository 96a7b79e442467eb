"""Embedded metrics become Prometheus's, and nothing that a function prints can do harm."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from samlet.emulator.embedded_metrics import EmbeddedMetrics, InvalidMetrics, Observation, read


def line(value: Any = 1.5, unit: str | None = "Seconds", **changes: Any) -> str:
    metric = {"Name": "OldestOrderAge"} | ({"Unit": unit} if unit else {})
    directive = {"Namespace": "Shop", "Dimensions": [["service"]], "Metrics": [metric]} | changes
    root = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "service": "orders", "OldestOrderAge": value}
    return json.dumps(root)


def exposed(metrics: EmbeddedMetrics) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(metrics)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("unit", "value", "name", "expected"),
    [
        ("Seconds", 1.5, "shop_oldest_order_age_seconds", 1.5),
        ("Milliseconds", 1500, "shop_oldest_order_age_seconds", 1.5),
        ("Megabytes", 2, "shop_oldest_order_age_bytes", 2e6),
        ("Percent", 50, "shop_oldest_order_age_ratio", 0.5),
        ("Count", 3, "shop_oldest_order_age", 3.0),
        (None, 3, "shop_oldest_order_age", 3.0),
    ],
)
def test_names_and_units_are_those_of_prometheus(unit: str | None, value: float, name: str, expected: float) -> None:
    labels = (("function", "OrdersFunction"), ("service", "orders"))
    assert read(line(value, unit), "OrdersFunction") == [Observation(name, labels, expected)]


def test_of_several_dimension_sets_the_largest_counts() -> None:
    text = json.loads(line(Dimensions=[[], ["service"], ["service", "shopID"]]))
    [observation] = read(json.dumps(text | {"shopID": "7"}), "F")
    assert dict(observation.labels) == {"function": "F", "service": "orders", "shop_id": "7"}


def test_sum_and_count_grow_and_last_is_the_newest() -> None:
    metrics = EmbeddedMetrics()
    for value in (1, [2, 3]):
        metrics.printed("F", line(value, "Count"))
    labels = [("function", "F"), ("service", "orders")]
    assert exposed(metrics) == {
        f"shop_oldest_order_age_count{labels}": 3,
        f"shop_oldest_order_age_sum{labels}": 6,
        f"shop_oldest_order_age_last{labels}": 3,
        "samlet_embedded_metrics_dropped_total[('reason', 'invalid')]": 0,
        "samlet_embedded_metrics_dropped_total[('reason', 'too many series')]": 0,
    }


@pytest.mark.parametrize(
    "hostile",
    [
        '{"_aws": 1}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "A"}]}}',
        '"_aws" and no JSON',
        '{"_aws":' * 5000,
        "[" * 100_000 + '"_aws"',
        line(float("nan")),
        line(float("inf")),
        line("12"),
        line(True),
        line(None),
        line({"a": 1}),
        line(10**400),
        line([1] * 101),
        line(Metrics=[{"Name": "OldestOrderAge"}] * 101),
        line(Metrics=[{"Name": "missing"}]),
        line(Metrics=[{"Name": ""}]),
        line(Metrics=["OldestOrderAge"]),
        line(Namespace=7),
        line(Namespace=""),
        line(Dimensions=[["missing"]]),
        line(Dimensions=[["service"] * 31]),
        line(Dimensions=[["_aws"]]),
        line(Dimensions="service"),
    ],
)
def test_a_line_that_is_no_embedded_metric_is_counted_and_does_no_harm(hostile: str) -> None:
    metrics = EmbeddedMetrics()
    metrics.printed("F", hostile)
    assert metrics.dropped["invalid"] == 1
    with pytest.raises(InvalidMetrics):
        read(hostile, "F")


def test_a_line_of_something_else_is_none_of_its_business() -> None:
    metrics = EmbeddedMetrics()
    metrics.printed("F", '{"message": "hello"}')
    assert metrics.dropped["invalid"] == 0


def test_the_number_of_series_is_limited_and_the_rest_is_counted() -> None:
    metrics = EmbeddedMetrics()
    for number in range(2100):
        metrics.printed("F", json.dumps(json.loads(line()) | {"service": str(number)}))
    assert metrics.dropped["too many series"] == 100
    assert len(exposed(metrics)) == 3 * 2000 + 2


def test_names_that_the_runtime_uses_stay_its_own_and_odd_ones_become_names() -> None:
    assert read(line(Namespace="Samlet"), "F")[0].name == "emf_samlet_oldest_order_age_seconds"
    assert read(line(Namespace="AWS/My-Shop 2"), "F")[0].name == "aws_my_shop_2_oldest_order_age_seconds"
    assert read(line(Namespace="9 'Läden'\n"), "F")[0].name == "_9_l_den_oldest_order_age_seconds"


def test_a_name_never_meets_the_gauge_of_another_metric() -> None:
    assert read(line(Metrics=[{"Name": "OldestOrderAge"}], Namespace="Shop"), "F")[0].name == "shop_oldest_order_age"
    last = json.loads(line(Metrics=[{"Name": "AgeLast"}])) | {"AgeLast": 1}
    assert read(json.dumps(last), "F")[0].name == "shop_age_last_value"


def test_hostile_label_values_stay_inside_their_quotes() -> None:
    metrics = EmbeddedMetrics()
    metrics.printed("F", json.dumps(json.loads(line()) | {"service": 'a"} 1\nx{b="c\\'}))
    assert (
        exposed(metrics)[
            "shop_oldest_order_age_seconds_count" + str([("function", "F"), ("service", 'a"} 1\nx{b="c\\')])
        ]
        == 1
    )


def test_a_label_value_that_is_no_text_does_not_cost_the_whole_page() -> None:
    metrics = EmbeddedMetrics()
    metrics.printed("F", json.dumps(json.loads(line()) | {"service": "half \ud83d a face"}))
    assert exposed(metrics)["shop_oldest_order_age_seconds_count[('function', 'F'), ('service', 'half ? a face')]"] == 1


def test_no_function_speaks_for_another() -> None:
    text = json.loads(line(Dimensions=[["function"]])) | {"function": "Other"}
    [observation] = read(json.dumps(text), "F")
    assert dict(observation.labels) == {"function": "F", "exported_function": "Other"}
