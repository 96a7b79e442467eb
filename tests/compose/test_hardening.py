"""What Docker itself says of the containers that run, whatever the file says."""

import httpx
import pytest

from compose.containers import Containers
from compose.test_kills import SERVICES

PUBLISHED = {"local": {"3000/tcp", "9000/tcp"}, "frontend": {"8080/tcp"}, "mailpit": {"8025/tcp"}}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_healthy_and_may_do_little(system: Containers, service: str) -> None:
    for facts in system.inspect(service):
        host = facts["HostConfig"]
        assert facts["State"]["Health"]["Status"] == "healthy"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0
        assert facts["Config"]["User"].split(":")[0] not in ("", "0", "root")
        assert "no-new-privileges:true" in host["SecurityOpt"]


@pytest.mark.parametrize("service", SERVICES)
def test_only_gateway_page_console_and_mails_are_published_and_only_on_loopback(
    system: Containers, service: str
) -> None:
    for facts in system.inspect(service):
        bound = {port: places for port, places in facts["NetworkSettings"]["Ports"].items() if places}
        assert bound.keys() == PUBLISHED.get(service, set())
        assert {place["HostIp"] for places in bound.values() for place in places} <= {"127.0.0.1"}


def test_the_relay_has_two_containers_and_every_other_service_one(system: Containers) -> None:
    counts = {service: len(system.container_ids(service)) for service in SERVICES}
    assert counts == {**dict.fromkeys(SERVICES, 1), "outbox-relay": 2}


def test_what_runs_once_has_ended_well(system: Containers) -> None:
    for service in ("secrets", "migrate"):
        assert [facts["State"]["ExitCode"] for facts in system.inspect(service)] == [0]


def test_the_log_is_of_what_happens_and_not_of_health_checks(system: Containers) -> None:
    httpx.get(f"{system.addresses['web']}/favicon.svg").raise_for_status()
    lines = system.compose("logs", "--no-color").splitlines()
    assert any("GET /favicon.svg" in line for line in lines)
    assert [line for line in lines if "| 127.0.0.1 - - " in line] == []  # nobody else asks from inside a container
