"""Ways into a real broker that asks who comes, and what is said of each way that does not lead in."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from integration.secure_servers import PASSWORD, USER
from kafka_stage import FAILED, FakeFunctions, make_topic, mapping, record
from samlet.errors import KafkaFailed
from samlet.kafka_access import Bootstrap, KafkaAccess, SecuredKafka, as_json, from_json
from samlet.kafka_client import (
    KafkaCluster,
    commit_offsets,
    committed_offsets,
    describe_topics,
    read_since,
    read_topic,
)
from samlet.processes import Reaper
from samlet.services import reset
from samlet.sources.kafka import KafkaSource
from secured_kafka import AskingBroker, SecretFiles, client_of, pem_of
from waiting import eventually_async

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("kafka-access")]

ROOT = ("SERVER_ROOT_CA_CERTIFICATE", "root")
SCRAM = ("SASL_SCRAM_512_AUTH", "user")
CLIENT = ("CLIENT_CERTIFICATE_TLS_AUTH", "client")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory, downloads: Path) -> AsyncIterator[AskingBroker]:
    state = tmp_path_factory.mktemp("asking")
    with Reaper() as reaper:
        broker = AskingBroker(state, reaper=reaper, downloads=downloads)
        await broker.start()
        await asyncio.to_thread(make_topic, broker.bootstrap_servers, "events", 1)
        await asyncio.to_thread(make_topic, broker.bootstrap_servers, "dead", 1)
        yield broker
        await broker.stop()
    reset(state)


@pytest.fixture
def files(tmp_path: Path, broker: AskingBroker) -> SecretFiles:
    files = SecretFiles(tmp_path)
    files.write_all(broker.authority)
    return files


async def _topics(bootstrap: Bootstrap) -> set[str]:
    return set(await asyncio.to_thread(describe_topics, bootstrap))


@pytest.mark.parametrize("kind", ["BASIC_AUTH", "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH"])
async def test_a_user_comes_in_by_each_mechanism_and_not_with_a_wrong_password(
    broker: AskingBroker, files: SecretFiles, kind: str
) -> None:
    files.write("wrong", username=USER, password="wrong")
    assert await _topics(SecuredKafka(broker.sasl_servers, ((kind, "user"), ROOT), files.secrets)) == {"events", "dead"}
    with pytest.raises(
        KafkaFailed, match=f"the broker does not let in {USER} by (PLAIN|SCRAM-SHA-(256|512)): is the password"
    ):
        await _topics(SecuredKafka(broker.sasl_servers, ((kind, "wrong"), ROOT), files.secrets))


async def test_who_trusts_the_broker_comes_in_where_nobody_is_asked(broker: AskingBroker, files: SecretFiles) -> None:
    assert await _topics(SecuredKafka(broker.open_servers, (ROOT,), files.secrets)) == {"events", "dead"}


@pytest.mark.parametrize("secret", ["client", "locked"])
async def test_a_client_comes_in_by_its_certificate(broker: AskingBroker, files: SecretFiles, secret: str) -> None:
    way = (("CLIENT_CERTIFICATE_TLS_AUTH", secret), ROOT)
    assert await _topics(SecuredKafka(broker.mutual_servers, way, files.secrets)) == {"events", "dead"}


@pytest.mark.parametrize(
    ("door", "way", "reason"),
    [
        ("sasl", (SCRAM,), "the broker's certificate is not trusted: unable to get local issuer certificate"),
        ("sasl", (SCRAM, (ROOT[0], "stranger")), "the broker's certificate is not trusted"),
        ("plain", (SCRAM, ROOT), "the broker does not speak TLS there"),
        ("mutual", (ROOT,), "the broker wants a client certificate that it trusts"),
        ("mutual", ((CLIENT[0], "strange-client"), ROOT), "the broker wants a client certificate that it trusts"),
        ("mutual", ((CLIENT[0], "unlockable"), ROOT), "of CLIENT_CERTIFICATE_TLS_AUTH do not fit together"),
        ("mutual", (CLIENT, (ROOT[0], "no-root")), "certificate of SERVER_ROOT_CA_CERTIFICATE cannot be read"),
        ("sasl", ((SCRAM[0], "missing"), ROOT), "there is no secret missing: name a file with its value"),
        ("sasl", ((SCRAM[0], "root"), ROOT), "root of SASL_SCRAM_512_AUTH needs a JSON object with username and pass"),
        ("sasl", ((SCRAM[0], "no-json"), ROOT), "the secret no-json of SASL_SCRAM_512_AUTH needs JSON"),
        ("sasl", ((SCRAM[0], "no-file"), ROOT), "the secret no-file cannot be read from "),
        ("nobody", (SCRAM, ROOT), "nobody listens there"),
        ("sasl", (CLIENT, ROOT), "the broker wants a password there, by PLAIN, SCRAM-SHA-256, SCRAM-SHA-512$"),
        ("open", (SCRAM, ROOT), "the broker asks for no password there, so this port is not the one for SASL"),
    ],
)
async def test_what_keeps_us_out_is_told(
    broker: AskingBroker, files: SecretFiles, tmp_path: Path, door: str, way: tuple[tuple[str, str], ...], reason: str
) -> None:
    stranger = trustme.CA()
    files.write("stranger", certificate=pem_of(stranger))
    files.write("strange-client", **client_of(stranger))
    files.write("unlockable", **client_of(broker.authority, "another one"))
    files.write("no-root", certificate="none")
    files.files |= {"no-json": tmp_path / "no.json", "no-file": tmp_path / "nowhere"}
    files.files["no-json"].write_text("user:password")
    doors = {
        "sasl": broker.sasl_servers,
        "mutual": broker.mutual_servers,
        "open": broker.open_servers,
        "plain": broker.bootstrap_servers,
    }
    with pytest.raises(KafkaFailed, match=reason) as told:
        await _topics(SecuredKafka(doors.get(door, "127.0.0.1:1"), way, files.secrets))
    assert PASSWORD not in str(told.value)


async def test_everything_that_is_asked_of_a_kafka_goes_the_same_way_in(
    broker: AskingBroker, files: SecretFiles
) -> None:
    told = as_json(SecuredKafka(broker.sasl_servers, (SCRAM, ROOT), files.secrets))
    assert PASSWORD not in json.dumps(told)
    secured = from_json(json.loads(json.dumps(told)))

    def use() -> None:
        before = {part: end for part, (_, end) in describe_topics(secured)["events"].items()}
        KafkaCluster(secured).send("events", [record("by the way in")])
        assert [one.value for one in read_topic(secured, "events")][before[0] :] == [b'"by the way in"']
        newest = [one.value for one in read_since(secured, 0, 1) if one.topic == "events"]
        assert newest == [b'"by the way in"']
        commit_offsets(secured, "by-the-way-in", "events", {0: 1})
        assert committed_offsets(secured)["by-the-way-in"] == {("events", 0): 1}

    await asyncio.to_thread(use)


async def test_a_mapping_reads_and_gives_up_by_its_way_in(broker: AskingBroker, files: SecretFiles) -> None:
    functions = FakeFunctions(lambda _: FAILED)
    secured = SecuredKafka(broker.mutual_servers, (CLIENT, ROOT), files.secrets)
    given = mapping(group_id="gives-up", on_failure="kafka://dead", max_retries=0)
    source = KafkaSource(given, functions, broker.mutual_servers, cluster=KafkaCluster(secured))
    await source.start()
    try:
        await asyncio.to_thread(KafkaCluster(broker.bootstrap_servers).send, "events", [record("lost")])
        dead = KafkaCluster(broker.bootstrap_servers)
        await eventually_async(lambda: b'"lost"' in [one.value for one in read_topic(dead.bootstrap, "dead")], 30)
    finally:
        await source.stop()
    assert functions.events[0]["bootstrapServers"] == broker.mutual_servers


async def test_a_wrong_password_costs_one_line_until_it_is_mended_and_then_the_mapping_reads(
    broker: AskingBroker, files: SecretFiles, capfd: pytest.CaptureFixture[str]
) -> None:
    files.write("user", username=USER, password="wrong")
    functions, knocks = FakeFunctions(), list[str]()

    class Counted(SecuredKafka):
        def access(self) -> KafkaAccess:
            knocks.append(self.servers)
            return super().access()

    secured = Counted(broker.sasl_servers, (SCRAM, ROOT), files.secrets)
    source = KafkaSource(mapping(group_id="mended"), functions, broker.sasl_servers, cluster=KafkaCluster(secured))
    await source.start()
    try:
        await eventually_async(lambda: source.status()["state"] == "lost", 30)
        knocked = len(knocks)
        await eventually_async(lambda: len(knocks) > knocked + 1, 30)
        files.write("user", username=USER, password=PASSWORD)
        await asyncio.to_thread(KafkaCluster(broker.bootstrap_servers).send, "events", [record("at last")])
        await eventually_async(lambda: "at last" in functions.values, 30)
        await eventually_async(lambda: source.status()["state"] == "ready", 30)
    finally:
        await source.stop()
    said = [line for line in capfd.readouterr().err.splitlines() if "delivered" not in line]
    assert len(said) == 2
    refused = f"the broker does not let in {USER} by SCRAM-SHA-512: is the password right?"
    assert said[0].endswith(f" cannot get into Kafka at {broker.sasl_servers} ({refused}); trying on")
    assert "Mapping" in said[0]
    assert said[1].endswith(f"Kafka at {broker.sasl_servers} is back")
