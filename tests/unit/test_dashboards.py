"""Both dashboards come from one description, show the same panels, and ask for what there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import stacks
from exposition import TOLD_BY, Figures
from observability import dashboards
from observability.panels import FUNCTIONS, ON_AWS_ALONE, PANELS
from taskflow.metrics import NAMESPACE

CHECKOUT = Path(__file__).resolve().parents[2]
PROMETHEUS = CHECKOUT / "iac" / "observability" / "prometheus"
# Words of the query language, and Prometheus's own metric; all else in a query that is no label is one of Samlet's.
LANGUAGE = {"up", "sum", "max", "by", "unless", "or", "offset", "increase", "histogram_quantile", "absent"}


def grafana() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dashboards.GRAFANA.read_text())["panels"]
    return found


def cloudwatch() -> list[dict[str, Any]]:
    body = stacks.read("observability")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


# --- the dashboards ---------------------------------------------------------------------------------------------------


def test_what_is_committed_is_what_make_dashboards_writes() -> None:
    assert dashboards.GRAFANA.read_text() == dashboards.grafana()
    assert dashboards.STACK.read_text() == dashboards.with_dashboard(dashboards.STACK.read_text())


def test_a_stack_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no single pair of marks"):
        dashboards.with_dashboard("DashboardBody: {}")


def test_both_show_the_same_panels_with_the_same_lines_in_the_same_order() -> None:
    ours = [(it["title"], [target["legendFormat"] for target in it["targets"]]) for it in grafana()]
    theirs = [
        (it["properties"]["title"], [line[-1]["label"] for line in it["properties"]["metrics"]]) for it in cloudwatch()
    ]
    each_function = [(title, list(FUNCTIONS) if legends == ["{{function}}"] else legends) for title, legends in ours]
    assert theirs[: len(ours)] == each_function
    assert [title for title, _ in theirs[len(ours) :]] == [title for title, _, _ in ON_AWS_ALONE]


def test_no_panel_lies_on_another() -> None:
    for places in ([it["gridPos"] for it in grafana()], cloudwatch()):
        assert len({(place["x"], place["y"]) for place in places}) == len(places)


def test_the_how_to_names_each_panel_that_only_aws_shows() -> None:
    how_to = (CHECKOUT / "docs" / "how-to" / "watch-it.md").read_text()
    assert [title for title, _, _ in ON_AWS_ALONE if title not in how_to] == []


def test_grafana_is_given_the_dashboard_where_it_looks_and_the_source_that_the_panels_name() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    mounts = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    folder = "./iac/observability/grafana"
    (provider,) = yaml.safe_load((CHECKOUT / folder / "dashboards.yml").read_text())["providers"]
    assert mounts[f"{folder}/taskflow.json"] == f"{provider['options']['path']}/taskflow.json"
    assert (
        services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        == mounts[f"{folder}/taskflow.json"]
    )
    for kind, file in (("datasources", "datasource.yml"), ("dashboards", "dashboards.yml")):
        assert mounts[f"{folder}/{file}"].startswith(f"/etc/grafana/provisioning/{kind}/")
    (source,) = yaml.safe_load((CHECKOUT / folder / "datasource.yml").read_text())["datasources"]
    used = {
        (it["datasource"]["type"], it["datasource"]["uid"]) for panel in grafana() for it in (panel, *panel["targets"])
    }
    assert used == {(source["type"], source["uid"])}
    assert source["url"] == "http://prometheus:9090"
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    assert scraped == [{"targets": ["local:9000"]}]
    assert {"prometheus", "local"} <= services.keys()


# --- what they ask for ------------------------------------------------------------------------------------------------


def test_every_query_and_alert_asks_for_metrics_and_labels_that_samlet_serves() -> None:
    figures = Figures()
    figures.happen()
    served: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(figures.page()):
        for sample in family.samples:
            served.setdefault(sample.name, set()).update(sample.labels)
    queries = [line.query for panel in PANELS for line in panel.series] + [it["expr"] for it in alerts()]
    for query in queries:
        asked = dict(asked_for(query))
        assert asked.keys() <= served.keys(), query
        for name, labels in asked.items():
            assert labels <= served[name], query
        assert all(set(words(by)) <= served[name] for by in re.findall(r"by \(([^)]*)\)", query) for name in asked)


def asked_for(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of a query, with the labels that it is chosen by."""
    bare = re.sub(r"by \([^)]*\)|\[[^\]]*\]|offset \w+", " ", query)
    for name, labels in re.findall(r"\b([a-z][a-z_0-9]*)\b(?:\{([^}]*)\})?(?![^{]*\})", bare):
        if name not in LANGUAGE:
            yield name, set(re.findall(r"(\w+)=~?", labels))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_cloudwatch_is_asked_for_every_figure_that_the_functions_tell_and_for_no_other() -> None:
    told = {(metric.value[0], service) for metric, (service, _) in TOLD_BY.items()}
    ours = [it for panel in PANELS for line in panel.series for it in line.metrics if it.namespace == NAMESPACE]
    assert {(it.name, dict(it.dimensions)["service"]) for it in ours} == told
    assert {dict(it.dimensions)["stage"] for it in ours} == {"${Stage}"}


def test_each_function_of_the_template_is_watched() -> None:
    outputs = re.findall(r"^  (\w+Function)Name: ", (CHECKOUT / "template.yaml").read_text(), re.MULTILINE)
    functions = re.findall(
        r"^  (\w+):\n    Type: AWS::Serverless::Function$", (CHECKOUT / "template.yaml").read_text(), re.MULTILINE
    )
    assert sorted(outputs) == sorted(functions) == sorted(FUNCTIONS)
    summed = stacks.read("observability")["Resources"]["FunctionErrors"]["Properties"]["Metrics"]
    watched = [it["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"] for it in summed if "MetricStat" in it]
    assert watched == [f"{function}Name" for function in FUNCTIONS]
    assert [f"FILL({it['Id']}, 0)" for it in summed if "MetricStat" in it] == summed[0]["Expression"].split(" + ")


# --- alerts and alarms ------------------------------------------------------------------------------------------------


def test_each_alert_is_an_alarm_of_aws_with_the_same_limit_and_runbook() -> None:
    alarms = stacks.read("observability")["Resources"]
    for alert in alerts():
        alarm = alarms[alert["alert"]]["Properties"]
        assert alarm["AlarmDescription"].endswith(alert["annotations"]["runbook"])
        if not alert["expr"].startswith("absent"):
            assert int(re.findall(r"> (\d+)$", alert["expr"])[0]) == alarm["Threshold"], alert["alert"]


def test_only_what_a_laptop_has_no_figures_for_is_without_an_alert() -> None:
    alarms = {name for name, it in stacks.read("observability")["Resources"].items() if "Alarm" in it["Type"]}
    assert alarms - {it["alert"] for it in alerts()} == {"DatabaseStorage", "DatabaseConnections"}


def test_silence_is_told_where_cloudwatch_takes_it_for_a_breach() -> None:
    alarms = stacks.read("observability")["Resources"].items()
    breaching = {name for name, it in alarms if it["Properties"].get("TreatMissingData") == "breaching"}
    assert {it["alert"] for it in alerts() if it["expr"].startswith("absent")} == breaching
