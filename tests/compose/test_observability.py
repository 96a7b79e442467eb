"""The profile `observability`: a real Prometheus is asked everything that Grafana asks it, and tries the alerts.

Grafana itself is not tried: its image is not among those that tests can count on.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from compose.containers import Containers
from e2e.system import CHECKOUT
from exposition import Figures
from observability.dashboards import GRAFANA
from observability.panels import counted
from waiting import eventually

PROMETHEUS = CHECKOUT / "iac" / "observability" / "prometheus"
IMAGE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]["prometheus"]["image"]
TARGETS = [
    pytest.param(target["expr"], id=f"{panel['title']}: {target['legendFormat']}")
    for panel in json.loads(GRAFANA.read_text())["panels"]
    for target in panel["targets"]
]


def promtool(*arguments: str, mounts: dict[Path, str]) -> str:
    """What promtool prints; it fails the test when it finds fault."""
    volumes = [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    command = ["docker", "run", "--rm", "--network=none", *volumes, "--entrypoint=promtool", IMAGE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_valid() -> None:
    said = promtool("check", "config", "/etc/prometheus/prometheus.yml", mounts={PROMETHEUS: "/etc/prometheus"})
    assert "rules found" in said


# --- alerts, in promtool's own time -----------------------------------------------------------------------------------

OLDEST, OVERDUE = "taskflow_oldest_event_age_seconds", "taskflow_digest_lag_seconds"
ERRORS, BUCKET = 'samlet_invocations_total{function="F",result="error"}', "samlet_http_request_duration_seconds_bucket"
QUICK, UNUSABLE = f'{BUCKET}{{le="1"}}', "taskflow_mail_server_unusable_sum"
LAG, GIVEN_UP = (
    f'{name}{{topic="events",group="mail-sender"{result}}}'
    for name, result in (("samlet_kafka_lag", ""), ("samlet_kafka_records_total", ',result="given_up"'))
)
# A sample a minute. The relay tells its figures in each, the digest in each fifteenth, from the fifteenth on.
HEALTHY = {
    f"{OLDEST}_last": "1x120",
    f"{OLDEST}_count": "0+2x120",
    f"{OVERDUE}_last": "_x14 0x105",
    f"{OVERDUE}_count": "_x14 1x14 2x14 3x14 4x14 5x14 6x14 7x14",
    "taskflow_dead_last": "0x120",
    LAG: "3x120",
    GIVEN_UP: "0x120",
    QUICK: "0+10x120",
    f'{BUCKET}{{le="+Inf"}}': "0+10x120",
}
# Series that are otherwise, and which alerts fire in which minute.
SCENARIOS: dict[str, tuple[dict[str, str], dict[int, set[str]]]] = {
    "nothing is wrong": ({}, {1: set(), 14: set(), 29: set(), 31: set(), 60: set(), 119: set()}),
    "an event is old": ({f"{OLDEST}_last": "1x9 301x110"}, {11: set(), 14: {"OutboxTooOld"}}),
    "the relay is gone": ({f"{OLDEST}_count": "0+2x10 20x100"}, {13: set(), 17: {"OutboxTooOld"}}),
    "there was never a relay": ({f"{OLDEST}_count": "_x120"}, {2: set(), 4: {"OutboxTooOld"}}),
    "an event is dead": ({"taskflow_dead_last": "0x9 1x9 0x99"}, {9: set(), 11: {"DeadEvents"}, 20: set()}),
    "a first dead letter": ({"taskflow_mail_dead_letter_sum": "_x9 1x99"}, {11: {"DeadEvents"}, 17: set()}),
    "one more dead letter": ({"taskflow_mail_dead_letter_sum": "1x9 2x99"}, {12: {"DeadEvents"}, 17: set()}),
    "a record was given up": ({GIVEN_UP: "0x9 1x99"}, {12: {"DeadEvents"}, 17: set()}),
    "the mail sender is behind": ({LAG: "3x9 101x99"}, {20: set(), 26: {"ConsumerLag"}}),
    "the mail sender catches up": ({LAG: "3x9 5000x9 0x99"}, {20: set(), 26: set()}),
    "a digest is overdue": ({f"{OVERDUE}_last": "_x14 1801x105"}, {17: {"DigestLate"}}),
    "nothing looks for digests": ({f"{OVERDUE}_count": "_x14 1x14 2x90"}, {59: set(), 92: {"DigestLate"}}),
    "a first unknown mail": ({"taskflow_mail_unknown_sum": "_x9 1x99"}, {11: {"MailUnknown"}, 17: set()}),
    "one more unknown mail": ({"taskflow_mail_unknown_sum": "4x9 5x99"}, {12: {"MailUnknown"}, 17: set()}),
    "the mail server is away": ({UNUSABLE: "_x9 1+1x99"}, {11: set(), 17: {"MailServerUnusable"}}),
    "the mail server hiccups": ({UNUSABLE: "_x9 1x99"}, {11: set(), 17: set()}),
    "a first error": ({ERRORS: "_x9 1x99"}, {11: {"FunctionErrors"}, 17: set()}),
    "an error after a restart": ({ERRORS: "5x9 0x3 1x99"}, {15: {"FunctionErrors"}, 22: set()}),
    "requests are slow": ({QUICK: "0x120", f'{BUCKET}{{le="10"}}': "0+10x120"}, {10: set(), 20: {"SlowApi"}}),
}  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_alert_fires_when_it_has_to_and_at_no_other_time(scenario: str, tmp_path: Path) -> None:
    otherwise, expected = SCENARIOS[scenario]
    series = [{"series": name, "values": values} for name, values in (HEALTHY | otherwise).items()]
    asked = [
        {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts],
        }
        for minute, alerts in expected.items()
    ]
    test = {
        "rule_files": ["/etc/prometheus/alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked}],
    }
    (tmp_path / "scenario.yml").write_text(json.dumps(test))
    tmp_path.chmod(0o755)
    promtool(
        "test",
        "rules",
        "/scenario.yml",
        mounts={PROMETHEUS: "/etc/prometheus", tmp_path / "scenario.yml": "/scenario.yml"},
    )


# --- queries ----------------------------------------------------------------------------------------------------------


class Answers:
    """A Prometheus that scrapes what Samlet's code tells of a Taskflow in which everything happens."""

    def __init__(self, address: str, folder: Path) -> None:
        self._api = httpx.Client(base_url=f"{address}/api/v1")
        self._page = folder / "metrics"
        self._figures = Figures()

    def happen(self) -> None:
        """Everything, once more; written so that no scrape sees half of it."""
        self._figures.happen()
        fresh = self._page.with_suffix(".fresh")
        fresh.write_text(self._figures.page())
        fresh.chmod(0o644)
        fresh.replace(self._page)

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = self._api.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        (group,) = self._api.get("/rules").json()["data"]["groups"]
        found: list[dict[str, Any]] = group["rules"]
        return found

    def close(self) -> None:
        self._api.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """The service of the unmodified compose file; in Samlet's place a web server with one page."""
    folder = tmp_path_factory.mktemp("console")
    folder.chmod(0o755)
    containers = Containers()
    answers = Answers(f"http://127.0.0.1:{containers.ports['PROMETHEUS_PORT']}", folder)
    answers.happen()
    console = f"{containers.name}-console"
    try:
        containers.compose("--profile", "observability", "up", "--detach", "--wait", "prometheus")
        subprocess.run(
            [
                *("docker", "run", "--detach", "--rm", "--name", console, "--volume", f"{folder}:/page:ro"),
                *("--network", f"{containers.name}_default", "--network-alias", "local"),
                *("python:3.13-slim", "python", "-m", "http.server", "9000", "--directory", "/page"),
            ],
            check=True,
            capture_output=True,
        )
        eventually(
            lambda: answers.query('count_over_time(up{job="taskflow"}[1h]) > 0 and up == 1'), timeout=60, every=0.5
        )
        answers.happen()
        eventually(lambda: answers.query("increase(samlet_throttles_total[5m]) > 0"), timeout=60, every=0.5)
        yield answers
    finally:
        answers.close()
        subprocess.run(["docker", "rm", "--force", console], check=False, capture_output=True)
        containers.end()


@pytest.mark.parametrize("expression", TARGETS)
def test_a_panel_shows_something(prometheus: Answers, expression: str) -> None:
    found = prometheus.query(expression)
    assert found
    assert all(float(it["value"][1]) > 0 for it in found), found


def test_what_has_not_happened_yet_is_shown_as_nought(prometheus: Answers) -> None:
    (found,) = prometheus.query(counted("samlet_nothing_total"))
    assert found["value"][1] == "0"


def test_a_panel_of_all_functions_has_a_line_for_each(prometheus: Answers) -> None:
    (expression,) = [param.values[0] for param in TARGETS if param.id == "Invocations: {{function}}"]
    assert len(prometheus.query(str(expression))) == 8


def test_every_alert_can_be_evaluated(prometheus: Answers) -> None:
    eventually(lambda: all(it["health"] == "ok" for it in prometheus.rules()), timeout=60, every=0.5)
    eventually(
        lambda: (
            {it["name"] for it in prometheus.rules() if it["state"] == "firing"}
            >= {"DeadEvents", "MailUnknown", "FunctionErrors"}
        ),
        timeout=60,
        every=0.5,
    )


@pytest.mark.parametrize("title", ["Requests: all", "Invocations: {{function}}", "Events in the outbox: waiting"])
def test_prometheus_sees_the_system_that_runs(system: Containers, title: str) -> None:
    system.compose("--profile", "observability", "up", "--detach", "--wait", "prometheus")
    httpx.get(f"{system.addresses['api']}/healthz").raise_for_status()
    (expression,) = [param.values[0] for param in TARGETS if param.id == title]
    with httpx.Client(base_url=f"http://127.0.0.1:{system.ports['PROMETHEUS_PORT']}/api/v1") as api:
        question = {"query": f"({expression}) >= 0"}
        eventually(lambda: api.get("/query", params=question).json()["data"]["result"], timeout=120, every=1)
