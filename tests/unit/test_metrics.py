"""The figures that functions print are CloudWatch's embedded metric format, and the page of the metrics is true."""

import json
import re
from pathlib import Path

import pytest

from taskflow.metrics import Metric, emit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"


def test_a_line_holds_the_figures_with_units_stage_and_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "small")
    emit("outbox_relay", {Metric.OLDEST_EVENT_AGE: 1.5, Metric.BACKLOG: 3})
    line = json.loads(capsys.readouterr().out)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Taskflow"
    assert sorted(directive["Dimensions"][0]) == ["service", "stage"]
    assert (line["service"], line["stage"]) == ("outbox_relay", "small")
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
        "OldestEventAge": "Seconds",
        "Backlog": "Count",
    }
    assert (line["OldestEventAge"], line["Backlog"]) == ([1.5], [3.0])


def test_the_page_names_every_metric_with_its_unit() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert rows == {metric.value[0]: metric.value[1].value for metric in Metric}
