"""What the bench reads, sums up and draws; what it measures is nobody's promise."""

from xml.etree import ElementTree

import pytest

from benchmarks import plot
from benchmarks.load import Load, middle, read
from benchmarks.own import slope

OUTPUT = """Running 2s test @ http://127.0.0.1:1/plain
  Latency Distribution
     50%  {p50}
     75%  561.11ms
     90%  785.09ms
     99%  {p99}
  9000 requests in 2.02s, 1.55KB read
{trouble}Requests/sec:   4460.46
Transfer/sec:    785.79B
"""


@pytest.mark.parametrize(("text", "milliseconds"), [("26.50us", 0.0265), ("1.25ms", 1.25), ("1.01s ", 1010.0)])
def test_wrks_times_are_read_in_every_unit(text: str, milliseconds: float) -> None:
    run = read(OUTPUT.format(p50=text, p99="2.00ms", trouble=""))
    assert run.p50 == pytest.approx(milliseconds)
    assert (run.rate, run.p99, run.failed) == (4460.46, 2.0, 0)


def test_wrong_answers_and_broken_connections_count_as_failed() -> None:
    trouble = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 50\n"
    assert read(OUTPUT.format(p50="1.00ms", p99="1.00ms", trouble=trouble)).failed == 60


def test_of_several_runs_the_middle_counts_and_every_failure() -> None:
    runs = [Load(100, 3, 30, 1), Load(300, 1, 10, 0), Load(200, 2, 20, 1)]
    assert middle(runs) == Load(200, 2, 20, 2)


def test_memory_that_does_not_grow_has_no_slope() -> None:
    assert slope([(0, 50.0), (100, 50.0), (200, 50.0)]) == 0
    assert slope([(0, 50.0), (100, 51.0), (200, 52.0)]) == pytest.approx(0.01)


def test_the_picture_is_xml_with_a_bar_for_each_figure_the_longest_for_the_most() -> None:
    drawn = plot.draw({"a & b": {"1": 10.0, "8": 40.0}, "c": {"1": 20.0}}, "t", "n")
    root = ElementTree.fromstring(drawn)
    bars = [it for it in root.iter("{http://www.w3.org/2000/svg}rect") if it.get("height") == "14"]
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert len(bars) == 3
    assert widths[1] == max(widths) == 4 * widths[0] == 2 * widths[2]
