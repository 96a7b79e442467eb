"""The repository's own template, loaded with the parameters that its samlet.toml gives."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from samlet.sources.routes import RouteTable
from samlet.template import AsyncInvocation, Template, load

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def parameters() -> dict[str, str]:
    declared = tomllib.loads((ROOT / "samlet.toml").read_text())["parameters"]
    known = {
        "web.url": "http://localhost:3000",
        "postgres.port": "5432",
        "postgres.database": "app",
        "kafka.bootstrap_servers": "127.0.0.1:9092",
    }
    return {
        name: re.sub(r"\{([a-z_.]+)\}", lambda match: known.get(match[1], match[1]), value)
        for name, value in declared.items()
    }


@pytest.fixture(scope="module")
def template(parameters: dict[str, str]) -> Template:
    return load(ROOT / "template.yaml", parameters)


def test_all_of_it_can_be_run(template: Template) -> None:
    assert template.unsupported == ()
    assert len(template.functions) == 8


def test_every_function_runs_from_the_sources_with_the_layer(template: Template) -> None:
    for function in template.functions.values():
        assert function.code == ROOT / "functions"
        assert function.layers == (ROOT / "layers" / "common",)
        assert function.environment["STAGE"] == "local"
        module = function.handler.split(".")[0]
        assert (ROOT / "functions" / module).is_dir()


def test_the_relay_has_its_concurrency_and_no_retries(template: Template) -> None:
    relay = template.functions["OutboxRelayFunction"]
    assert relay.reserved_concurrency == 2
    assert relay.asynchronous == AsyncInvocation(max_retries=0, max_age=60)


def test_no_relay_concurrency_is_a_parameter_too(parameters: dict[str, str]) -> None:
    template = load(ROOT / "template.yaml", {**parameters, "RelayConcurrency": "0"})
    assert template.functions["OutboxRelayFunction"].reserved_concurrency is None


def test_the_api_allows_the_web_page_alone(template: Template) -> None:
    (api,) = template.apis
    assert api.cors is not None
    assert api.cors.allow_origins == ("http://localhost:3000",)
    assert {route.function for route in api.routes} == {"AuthFunction", "TasksFunction", "MetaFunction"}


def test_both_kinds_of_schedule_are_found(template: Template) -> None:
    assert {(found.name, found.kind, found.expression) for found in template.schedules} >= {
        ("taskflow-local-outbox-relay", "rule", "rate(1 minute)"),
        ("taskflow-local-nightly-digest", "scheduler", "cron(0/15 * * * ? *)"),
        ("taskflow-local-housekeeping", "scheduler", "cron(30 3 * * ? *)"),
    }


def test_the_mapping_is_self_managed_here_and_msk_with_a_cluster(
    template: Template, parameters: dict[str, str]
) -> None:
    (mapping,) = template.kafka_mappings
    assert (mapping.bootstrap_servers, mapping.group_id) == (("127.0.0.1:9092",), "mail-sender")
    arn = "arn:aws:kafka:eu-central-1:111111111111:cluster/c/1"
    (managed,) = load(ROOT / "template.yaml", {**parameters, "KafkaClusterArn": arn}).kafka_mappings
    assert (managed.source_arn, managed.bootstrap_servers, managed.group_id) == (arn, (), "mail-sender")


def test_its_expansion_warns_of_nothing(parameters: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    load(ROOT / "template.yaml", parameters)
    assert caplog.messages == []


def test_traces_are_off_until_a_collector_is_named_and_then_reach_every_function(
    template: Template, parameters: dict[str, str]
) -> None:
    assert {function.environment["TRACES_ENDPOINT"] for function in template.functions.values()} == {""}
    wanted = {"TracesEndpoint": "http://collector:4318", "TracesRatio": "0.1"}
    for function in load(ROOT / "template.yaml", {**parameters, **wanted}).functions.values():
        assert function.environment["TRACES_ENDPOINT"] == "http://collector:4318"
        assert function.environment["TRACES_RATIO"] == "0.1"


def test_no_preflight_wakes_a_function(template: Template) -> None:
    (api,) = template.apis
    assert {route.method for route in api.routes} <= {"GET", "POST", "PATCH", "DELETE"}, "ANY takes OPTIONS as well"


def test_every_method_of_the_contract_has_a_route(template: Template) -> None:
    (api,) = template.apis
    table = RouteTable(api.routes)
    contract = json.loads((ROOT / "docs/contracts/rest/openapi.json").read_text())
    for path, methods in contract["paths"].items():
        for method in methods:
            assert table.find(method.upper(), tuple(path[1:].split("/"))), f"{method} {path}"
