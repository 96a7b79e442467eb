"""docker-compose.yml, read: it runs what template.yaml describes, and no container may more than it must."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from samlet.template import Function, load

CHECKOUT = Path(__file__).resolve().parents[2]
TEXT = (CHECKOUT / "docker-compose.yml").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
AGENTS = {
    name: it for name, it in SERVICES.items() if it["image"] == "taskflow-functions" and "entrypoint" not in it
}  # the others of this image are the administrator's tools
AGENT_MEMORY = 96
PUBLISHED = {"local": {"API_PORT", "CONSOLE_PORT"}, "frontend": {"WEB_PORT"}, "mailpit": {"MAILPIT_PORT"}}

every_service = pytest.mark.parametrize("name", SERVICES)
every_agent = pytest.mark.parametrize("name", AGENTS)


@pytest.fixture(scope="module")
def functions() -> dict[str, Function]:
    """The functions as Samlet reads them from the template."""
    parameters = tomllib.loads((CHECKOUT / "samlet.toml").read_text())["parameters"]
    return dict(
        load(CHECKOUT / "template.yaml", {**parameters, "DatabaseName": "taskflow", "DatabasePort": "5432"}).functions
    )


# --- the functions ----------------------------------------------------------------------------------------------------


def test_g9_each_function_of_the_template_has_one_service_that_bears_its_name(functions: dict[str, Function]) -> None:
    services = {it["command"][0]: name for name, it in AGENTS.items()}
    assert services == {it.logical_id: folder(it).replace("_", "-") for it in functions.values()}
    assert len(services) == len(AGENTS)


def folder(function: Function) -> str:
    return function.handler.split(".")[0]


@every_agent
def test_g9_a_container_has_the_memory_of_its_function_and_room_for_the_agent(
    name: str, functions: dict[str, Function]
) -> None:
    assert megabytes(AGENTS[name]["mem_limit"]) == functions[AGENTS[name]["command"][0]].memory + AGENT_MEMORY


def megabytes(limit: str) -> int:
    number = re.fullmatch(r"(\d+)m", limit)
    assert number, limit
    return int(number[1])


@every_agent
def test_g9_an_agent_dials_the_runtime_and_is_told_everything_else_by_it(name: str) -> None:
    agent, runtime = AGENTS[name], SERVICES["local"]["environment"]
    assert agent["command"][1:5] == [
        *("--runtime", f"local:{runtime['SAMLET_AGENT_PORT']}"),
        *("--token-file", runtime["SAMLET_AGENT_TOKEN_FILE"]),
    ]
    assert "environment" not in agent, "a function's settings come from the template alone"
    own = {"type": "volume", "source": "agent-token", "target": "/run/agent", "read_only": True}
    assert agent["volumes"] == [own | {"volume": {"subpath": agent["command"][0]}}], "it sees no other secret"


def test_each_agent_has_a_token_of_its_function_alone() -> None:
    made = re.search(r"samlet secrets /volumes/agent agent_token --agents (.*)", SERVICES["secrets"]["command"][0])
    assert made
    assert sorted(made[1].split()) == sorted(it["command"][0] for it in AGENTS.values())


@every_agent
def test_a_function_may_write_to_its_tmp_alone_and_has_half_a_gigabyte_there_as_on_aws(name: str) -> None:
    assert AGENTS[name]["tmpfs"] == ["/tmp:size=512m,mode=1777"]


def test_two_relays_are_alive(functions: dict[str, Function]) -> None:
    replicas = {name: it["deploy"]["replicas"] for name, it in SERVICES.items() if "deploy" in it}
    assert replicas == {"outbox-relay": functions["OutboxRelayFunction"].reserved_concurrency}


# --- what a container may ---------------------------------------------------------------------------------------------


@every_service
def test_a_container_is_nobody_in_particular_and_writes_only_where_it_must(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & service.keys()


@every_service
def test_an_image_is_built_here_or_has_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    if "build" in SERVICES[name]:
        dockerfile = CHECKOUT / SERVICES[name]["build"]["dockerfile"]
        images = re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE)
    else:
        images = [image]
    for used in images:
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", used), used


@every_service
def test_memory_and_logs_are_bounded(name: str) -> None:
    if name != "secrets":  # ends within a second
        assert megabytes(SERVICES[name]["mem_limit"]) > 0
    assert SERVICES[name]["logging"]["options"].keys() == {"max-size", "max-file"}


@every_service
def test_only_what_a_person_uses_has_a_port_and_only_on_loopback(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    matches = [re.fullmatch(r"127\.0\.0\.1:\$\{([A-Z_]+):-\d+\}:\d+", port) for port in ports]
    assert all(matches), ports
    if "profiles" not in SERVICES[name]:
        assert {match[1] for match in matches if match} == PUBLISHED.get(name, set())


# --- life and death ---------------------------------------------------------------------------------------------------


@every_service
def test_a_service_tells_its_health_or_ends_by_itself(name: str) -> None:
    check = SERVICES[name].get("healthcheck", {"disable": True})
    assert ends(name) == check.get("disable", False)
    if not ends(name):
        assert check["test"][0] == "CMD"
        assert check.keys() >= {"interval", "timeout", "retries"}
        assert SERVICES[name]["restart"] == "unless-stopped"


def ends(name: str) -> bool:
    return bool(SERVICES[name]["restart"] == "no")


@every_service
def test_who_is_waited_for_can_meet_the_condition(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait["condition"] == ("service_completed_successfully" if ends(other) else "service_healthy"), other


def test_everything_starts_after_what_it_needs() -> None:
    order = {name: set(before(name)) for name in SERVICES}
    assert order["secrets"] == set()
    assert order["postgres"] == {"secrets"}
    assert order["local"] >= {"secrets", "postgres", "kafka", "mailpit", "moto"}
    assert order["migrate"] >= order["local"] | {"local"}
    for name in AGENTS.keys() - {"migrate"}:
        assert order[name] >= order["migrate"] | {"migrate"}, name
    for name, it in SERVICES.items():
        if mounted(it) & {"secrets", "postgres-password", "agent-token", "mails"} and name != "secrets":
            assert "secrets" in order[name], f"{name} mounts what `secrets` makes"


def before(name: str) -> Iterator[str]:
    """All that a service waits for, directly or not; a circle would never end."""
    for other in SERVICES[name].get("depends_on", {}):
        yield other
        yield from before(other)


# --- data -------------------------------------------------------------------------------------------------------------


def mounted(service: dict[str, Any]) -> set[str]:
    """The named volumes of a service."""
    volumes = service.get("volumes", [])
    sources = {volume["source"] if isinstance(volume, dict) else volume.split(":")[0] for volume in volumes}
    return {source for source in sources if not source.startswith(".")}


def test_every_volume_has_a_name_and_is_used() -> None:
    assert set().union(*map(mounted, SERVICES.values())) == set(FILE["volumes"])


@every_service
def test_what_belongs_to_the_checkout_is_only_read(name: str) -> None:
    binds = [volume for volume in SERVICES[name].get("volumes", []) if str(volume).startswith(".")]
    for bind in binds:
        source, _, mode = bind.split(":")
        assert mode == "ro", bind
        assert (CHECKOUT / source).exists(), bind


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", variable) and not variable.endswith(("_FILE", "_DIR")):
                assert re.fullmatch(r"\$\{[A-Z_]+:-\}|", str(value)), f"{name}: {variable}"
            assert not re.search(r"://[^@/]*:[^@/]+@", str(value)), f"{name}: {variable}"


def test_the_example_lists_exactly_what_the_file_reads_with_its_default() -> None:
    reads = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT))
    assert set(re.findall(r"\$\{?([A-Z_]+)", TEXT)) == reads.keys(), "each may be left out"
    listed = dict(re.findall(r"^# ([A-Z_]+)=(\S*)", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))
    listed.pop("COMPOSE_PROJECT_NAME")  # read by Compose itself
    assert listed == reads
