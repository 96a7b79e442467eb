"""Writes both dashboards anew from `panels`: `make dashboards`."""

import json
import re
from pathlib import Path
from typing import Any

from observability.panels import ON_AWS_ALONE, PANELS, Metric, Panel, Unit

IAC = Path(__file__).resolve().parents[1]
GRAFANA = IAC / "observability" / "grafana" / "taskflow.json"
STACK = IAC / "observability.yaml"

_COLUMNS = 3
_WIDTH, _HEIGHT = 8, 7  # of a grid that is 24 wide, in both
_GRAFANA_UNITS: dict[Unit, str] = {"count": "short", "ms": "ms", "s": "s", "bytes": "bytes", "percent": "percent"}
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_BODY = re.compile(r"( +# >>> .*\n +DashboardBody: !Sub \|\n).*?( +# <<<\n)", re.DOTALL)
_INDENT = " " * 8


def main() -> None:
    """Both files."""
    GRAFANA.write_text(grafana(), "utf-8")
    STACK.write_text(with_dashboard(STACK.read_text("utf-8")), "utf-8")


def grafana() -> str:
    """Grafana's dashboard, as it is provisioned."""
    document = {
        "uid": "taskflow",
        "title": "Taskflow",
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": [_grafana_panel(place, panel) for place, panel in enumerate(PANELS)],
    }
    return json.dumps(document, indent=2) + "\n"


def with_dashboard(stack: str) -> str:
    """The stack's text with CloudWatch's dashboard between its two marks, a widget a line."""
    widgets = f",\n{_INDENT} ".join(json.dumps(widget) for widget in _widgets())
    text, found = _BODY.subn(
        lambda marks: f'{marks[1]}{_INDENT}{{"widgets": [\n{_INDENT} {widgets}]}}\n{marks[2]}', stack
    )
    if found != 1:
        raise ValueError(f"{STACK.name} has no single pair of marks around DashboardBody")
    return text


def _grafana_panel(place: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "gridPos": _grid("w", "h", place),
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": _GRAFANA_UNITS[panel.unit], "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": line.query, "legendFormat": line.legend}
            for number, line in enumerate(panel.series)
        ],
    }


def _widgets() -> list[dict[str, Any]]:
    shown = [(it.title, it.unit, [metric for line in it.series for metric in line.metrics]) for it in PANELS]
    shown += [(title, unit, [metric]) for title, unit, metric in ON_AWS_ALONE]
    return [_widget(place, *about) for place, about in enumerate(shown)]


def _widget(place: int, title: str, unit: Unit, metrics: list[Metric]) -> dict[str, Any]:
    return {
        "type": "metric",
        **_grid("width", "height", place),
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "period": 300,
            "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
            "metrics": [_line(metric) for metric in metrics],
        },
    }


def _line(metric: Metric) -> list[Any]:
    dimensions = [text for dimension in metric.dimensions for text in dimension]
    return [metric.namespace, metric.name, *dimensions, {"label": metric.label, "stat": metric.statistic}]


def _grid(width: str, height: str, place: int) -> dict[str, int]:
    row, column = divmod(place, _COLUMNS)
    return {"x": column * _WIDTH, "y": row * _HEIGHT, width: _WIDTH, height: _HEIGHT}


if __name__ == "__main__":
    main()
