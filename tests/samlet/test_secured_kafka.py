"""A template whose Kafka asks who comes, in a whole Samlet: mapping, console and `samlet events` all get in.

One secret is the template's own, the other lies in a file that samlet.toml names.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from integration.secure_servers import PASSWORD, USER
from kafka_stage import make_topic
from samlet.emulator import Emulator, Options
from samlet.processes import Reaper
from samlet.project import find
from samlet.services import ExternalKafka, reset
from samlet.settings import Settings
from secured_kafka import AskingBroker, pem_of
from template_shape import PYTHON, SETTINGS, Shape
from waiting import eventually_async

pytestmark = pytest.mark.xdist_group("kafka-access")

TEMPLATE = """
    Transform: AWS::Serverless-2016-10-31
    Parameters: {Servers: {Type: String}, Password: {Type: String, NoEcho: true}, Done: {Type: String}}
    Resources:
      Reader:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.13
          Handler: index.handler
          Environment: {Variables: {DONE: !Ref Done}}
          InlineCode: |
            import base64, os
            def handler(event, context):
                [records] = event["records"].values()
                values = [base64.b64decode(record["value"]).decode() for record in records]
                if "bad" in values:
                    raise ValueError("bad")
                with open(os.environ["DONE"], "a") as file:
                    file.writelines(f"{value}\\n" for value in values)
          Events:
            Orders:
              Type: SelfManagedKafka
              Properties:
                KafkaBootstrapServers: [!Ref Servers]
                Topics: [orders]
                ConsumerGroupId: readers
                StartingPosition: TRIM_HORIZON
                BatchSize: 1
                ProvisionedPollerConfig: {MinimumPollers: 1}
                MaximumRetryAttempts: 0
                DestinationConfig: {OnFailure: {Destination: kafka://dead}}
                SourceAccessConfigurations:
                  - {Type: SASL_SCRAM_512_AUTH, URI: !Ref KafkaUser}
                  - {Type: SERVER_ROOT_CA_CERTIFICATE, URI: "arn:aws:secretsmanager:eu-central-1:1:secret:root-AbCdEf"}
                  - {Type: VPC_SUBNET, URI: "subnet:subnet-1"}
                  - {Type: VPC_SECURITY_GROUP, URI: "security_group:sg-1"}
      KafkaUser:
        Type: AWS::SecretsManager::Secret
        Properties: {SecretString: !Sub '{"username": "USER", "password": "${Password}"}'}
""".replace("USER", USER)


@pytest.fixture
async def broker(tmp_path: Path, downloads: Path) -> AsyncIterator[AskingBroker]:
    state = tmp_path / "broker"
    state.mkdir()
    with Reaper() as reaper:
        broker = AskingBroker(state, reaper=reaper, downloads=downloads)
        await broker.start()
        for topic in ("orders", "dead"):
            await asyncio.to_thread(make_topic, broker.bootstrap_servers, topic)
        yield broker
        await broker.stop()
    reset(state)


@pytest.mark.timeout(120)
async def test_mapping_console_and_commands_get_in(
    broker: AskingBroker, shape: Shape, cache_with_moto: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "cache_folder", cache_with_moto)
    shape.write(template_yaml=TEMPLATE, samlet_toml='kafka_secrets = { root = "root.json" }')
    (shape.folder / "root.json").write_text(json.dumps({"certificate": pem_of(broker.authority)}))
    done = shape.folder / "done"
    parameters = {"Servers": broker.sasl_servers, "Password": PASSWORD, "Done": str(done)}
    project = find(template=shape.folder / "template.yaml")
    emulator = Emulator(project, Settings(**SETTINGS), Options(python=PYTHON, strict=True, parameters=parameters))
    async with emulator.running(), httpx.AsyncClient(base_url=emulator.addresses["console"]) as console:
        assert "1 record written" in await _samlet(shape, "events", "produce", "--topic", "orders", "bad")
        produced = await console.post("/api/topics/orders/messages", json={"key": "k", "value": "good"})
        assert produced.status_code == 201
        await eventually_async(lambda: done.exists() and done.read_text() == "good\n", 60)
        dead = (await console.get("/api/topics/dead/messages")).json()["messages"]
        assert [message["value"] for message in dead] == ["bad"]
        printed = json.loads(await _samlet(shape, "events", "--topic", "dead", "--json"))
        assert [event["value"] for event in printed] == ["bad"]
        await eventually_async(lambda: _lag_is_zero(shape), 30)
        assert "1 record redriven" in await _samlet(shape, "events", "redrive", "--from", "dead", "--to", "orders")
        assert PASSWORD not in (await console.get("/api/kafka")).text
    log = (shape.folder / ".samlet" / "samlet.log").read_text()
    assert PASSWORD not in log
    assert "cannot get into" not in log


async def _lag_is_zero(shape: Shape) -> bool:
    rows = json.loads(await _samlet(shape, "events", "lag", "--group", "readers", "--json"))
    return bool(rows) and all(row["lag"] == 0 for row in rows)


async def _samlet(shape: Shape, *arguments: str) -> str:
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "samlet", *arguments],
            cwd=shape.folder, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return await asyncio.to_thread(run)


async def test_a_kafka_of_the_users_that_speaks_tls_alone_is_reachable(broker: AskingBroker) -> None:
    for servers in (broker.sasl_servers, broker.mutual_servers):
        external = ExternalKafka(servers, tries=1)
        await external.start()
        assert external.status()["state"] == "ready"
