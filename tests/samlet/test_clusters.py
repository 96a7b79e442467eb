"""Which Kafka a mapping reads, by which way in, and which one the console shows."""

from pathlib import Path

from samlet.emulator.clusters import Clusters
from samlet.kafka_access import Secrets, SecuredKafka
from samlet.model import KafkaMapping

REGION = "eu-west-1"
WAY = (("BASIC_AUTH", "user"),)


def _mapping(*servers: str, access: tuple[tuple[str, str], ...] = ()) -> KafkaMapping:
    return KafkaMapping("M", "F", "events", "group", bootstrap_servers=servers, access=access)


def test_a_mapping_reads_the_servers_that_it_names_else_the_projects() -> None:
    clusters = Clusters("own:1")
    assert clusters.of(_mapping("a:1", "b:2"), REGION) == "a:1,b:2"
    assert clusters.of(_mapping(), REGION) == "own:1"


def test_its_way_in_knows_the_files_and_the_address_of_secrets() -> None:
    clusters = Clusters("own:1", secrets={"user": Path("user.json")}, aws_url=lambda: "http://moto")
    secrets = Secrets({"user": Path("user.json")}, "http://moto", REGION)
    assert clusters.of(_mapping("a:1", access=WAY), REGION) == SecuredKafka("a:1", WAY, secrets)
    assert clusters.of(_mapping(access=WAY), REGION) == SecuredKafka("own:1", WAY, secrets)


def test_the_embedded_kafka_asks_nobody_and_others_do() -> None:
    clusters = Clusters("own:1", embedded=True)
    for here in (_mapping(access=WAY), _mapping("own:1", access=WAY)):
        assert clusters.asks_nobody(here)
        assert clusters.of(here, REGION) == "own:1"
    there = _mapping("a:1", access=WAY)
    assert not clusters.asks_nobody(there)
    assert isinstance(clusters.of(there, REGION), SecuredKafka)


def test_the_projects_kafka_is_shown_by_the_way_in_of_a_mapping_that_reads_it() -> None:
    clusters = Clusters("own:1")
    mappings = [_mapping("a:1", access=WAY), _mapping(), _mapping("own:1", access=WAY)]
    shown = clusters.shown(mappings, REGION)
    assert isinstance(shown, SecuredKafka)
    assert shown.servers == "own:1"
    assert clusters.shown(mappings[:2], REGION) == "own:1"
    assert clusters.shown([], REGION) == "own:1"


def test_without_one_the_first_mappings_is_shown() -> None:
    clusters = Clusters()
    assert clusters.shown([], REGION) is None
    assert clusters.shown([_mapping()], REGION) is None
    assert clusters.shown([_mapping("a:1"), _mapping("b:1", access=WAY)], REGION) == "a:1"
