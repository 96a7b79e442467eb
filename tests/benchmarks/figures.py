"""A figure, and how a row of figures is summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Figure:
    """One measured thing, as a line of the report."""

    what: str
    value: str
    how: str


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value below which `percent` of the samples lie."""
    return quantiles(samples, n=100, method="inclusive")[percent - 1]


def milliseconds(samples: Sequence[float]) -> str:
    """Median and tail of durations in seconds, as text."""
    return f"p50 {percentile(samples, 50) * 1000:.0f} ms, p99 {percentile(samples, 99) * 1000:.0f} ms"
