"""Counters and histograms that cost an event next to nothing; prometheus_client reads them when somebody asks."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import override

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Counts(Collector):
    """A counter for each set of labels; prometheus_client's own lock, check and look up for each count."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._values: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def add(self, *labels: str) -> None:
        """Count one more."""
        self._values[labels] += 1

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return what was counted."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family


class Histograms(Collector):
    """A histogram for each set of labels; `bounds` are the upper ends of its buckets, in seconds."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._bounds = bounds
        self._counts: defaultdict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * (len(bounds) + 1))
        self._sums: defaultdict[tuple[str, ...], float] = defaultdict(float)

    def observe(self, seconds: float, *labels: str) -> None:
        """Sort one value in."""
        self._counts[labels][bisect_left(self._bounds, seconds)] += 1
        self._sums[labels] += seconds

    @override
    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Return every histogram, its buckets added up as Prometheus has them."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(ends, accumulate(counts), strict=True)), self._sums[labels])
        yield family
