"""CloudWatch's embedded metric format, as functions print it, for Prometheus.

The format says nothing of a metric's type, and CloudWatch keeps sum, count and extremes of each. So a metric becomes a
summary (`_sum`, `_count`, which only grow) and a gauge with the newest value (`_last`). Names are written as Prometheus
has them: namespace `Shop` and name `OldestOrderAge` in seconds are `shop_oldest_order_age_seconds`; units are turned
into seconds, bytes and ratios.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.registry import Collector

# CloudWatch's own limits, and one of ours: what is beyond it is dropped and counted.
_METRICS = 100
_DIMENSIONS = 30
_VALUES = 100
_SERIES = 2000
_LONGEST_LABEL = 200

_SCALES = {
    "Seconds": ("seconds", 1.0),
    "Milliseconds": ("seconds", 1e-3),
    "Microseconds": ("seconds", 1e-6),
    "Bytes": ("bytes", 1.0),
    "Kilobytes": ("bytes", 1e3),
    "Megabytes": ("bytes", 1e6),
    "Gigabytes": ("bytes", 1e9),
    "Terabytes": ("bytes", 1e12),
    "Bits": ("bits", 1.0),
    "Kilobits": ("bits", 1e3),
    "Megabits": ("bits", 1e6),
    "Gigabits": ("bits", 1e9),
    "Terabits": ("bits", 1e12),
    "Percent": ("ratio", 0.01),
}
# Names that the runtime uses for itself.
_TAKEN = ("samlet_", "process_", "python_")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one metric, under Prometheus's name and in its unit."""

    name: str
    labels: Labels
    value: float


class InvalidMetrics(ValueError):
    """A line that says `_aws` and is no embedded metric format."""


@dataclass(slots=True)
class _Series:
    count: int = 0
    sum: float = 0.0
    last: float = 0.0

    def take(self, value: float) -> None:
        self.count += 1
        self.sum += value
        self.last = value


class EmbeddedMetrics(Collector):
    """Every metric that functions have printed since the start; `dropped` counts, by reason, what is not among them."""

    def __init__(self) -> None:
        self.dropped = {"invalid": 0, "too many series": 0}
        self._families: dict[str, dict[Labels, _Series]] = {}
        self._series = 0

    def printed(self, function: str, line: str) -> None:
        """Take a line of a function's output; most are something else."""
        if '"_aws"' not in line:
            return
        try:
            for observation in read(line, function):
                self._take(observation)
        except InvalidMetrics:
            self.dropped["invalid"] += 1

    def collect(self) -> Iterator[Metric]:
        """Return the families for the registry."""
        for name, family in sorted(self._families.items()):
            total = Metric(name, "Printed by a function as an embedded metric.", "summary")
            last = Metric(f"{name}_last", f"The newest value of {name}.", "gauge")
            for labels, series in family.items():
                total.add_sample(f"{name}_count", dict(labels), series.count)
                total.add_sample(f"{name}_sum", dict(labels), series.sum)
                last.add_sample(f"{name}_last", dict(labels), series.last)
            yield total
            yield last
        dropped = Metric("samlet_embedded_metrics_dropped", "Embedded metrics that are not shown.", "counter")
        for reason, number in self.dropped.items():
            dropped.add_sample("samlet_embedded_metrics_dropped_total", {"reason": reason}, number)
        yield dropped

    def _take(self, observation: Observation) -> None:
        family = self._families.get(observation.name, {})
        series = family.get(observation.labels)
        if series is None:
            if self._series >= _SERIES:
                self.dropped["too many series"] += 1
                return
            self._series += 1
            series = self._families.setdefault(observation.name, {})[observation.labels] = _Series()
        series.take(observation.value)


def read(line: str, function: str) -> list[Observation]:
    """Return the values in one line that `function` (a logical id) printed.

    Of several dimension sets the largest counts: Prometheus adds up over labels by itself. A single wrong value makes
    the line worth nothing. Raises InvalidMetrics.
    """
    try:
        root = json.loads(line)
        directives = root["_aws"]["CloudWatchMetrics"]
        return [found for directive in directives for found in _observations(root, directive, function)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidMetrics(f"{type(error).__name__}: {error}") from error


def _observations(root: Mapping[str, Any], directive: Mapping[str, Any], function: str) -> Iterator[Observation]:
    labels = _labels(root, directive.get("Dimensions") or [[]], function)
    if len(directive["Metrics"]) > _METRICS:
        raise InvalidMetrics(f"more than {_METRICS} metrics")
    for metric in directive["Metrics"]:
        unit, scale = _SCALES.get(metric.get("Unit", "None"), ("", 1.0))
        name = _name(directive["Namespace"], metric["Name"], unit)
        for value in _values(root[metric["Name"]]):
            yield Observation(name, labels, value * scale)


def _labels(root: Mapping[str, Any], sets: list[list[str]], function: str) -> Labels:
    names = max(sets, key=len)
    if len(names) > _DIMENSIONS:
        raise InvalidMetrics(f"more than {_DIMENSIONS} dimensions")
    labels = {"function": function}
    for name in names:
        if not isinstance(root[name], str):
            raise InvalidMetrics(f"dimension {name!r} is no string")
        label = _snake(name)
        # Half a surrogate pair is a string to JSON and no text to Prometheus.
        value = root[name][:_LONGEST_LABEL].encode(errors="replace").decode()
        labels["exported_function" if label == "function" else label] = value  # Prometheus's own way out
    return tuple(sorted(labels.items()))


def _values(given: Any) -> list[float]:
    values = given if isinstance(given, list) else [given]
    if len(values) > _VALUES:
        raise InvalidMetrics(f"more than {_VALUES} values")
    numbers = [float(value) for value in values if not isinstance(value, bool | str)]
    if len(numbers) != len(values) or not all(math.isfinite(number) for number in numbers):
        raise InvalidMetrics("a value is no number")
    return numbers


def _name(namespace: str, metric: str, unit: str) -> str:
    name = "_".join(part for part in (_snake(namespace), _snake(metric)) if part)
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name}_{unit}"
    if name.endswith("_last"):
        name = f"{name}_value"  # or it would share its name with the gauge of another metric
    return f"emf_{name}" if name.startswith(_TAKEN) else name


def _snake(text: str) -> str:
    """`OldestOrderAge` and `HTTPErrors` as `oldest_order_age` and `http_errors`; what no label may hold is left out."""
    if not isinstance(text, str) or not text:
        raise InvalidMetrics("a name is no text")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text[:_LONGEST_LABEL])
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return f"_{name}" if not name or name[0].isdigit() else name
