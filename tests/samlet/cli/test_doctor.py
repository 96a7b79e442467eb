"""`samlet doctor` names what a start needs and what to do where it is missing; it changes nothing."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samlet.cli import examinations
from samlet.cli.main import main
from samlet.model import Function, Schedule
from samlet.project import PostgresWanted, Project
from samlet.services import ports
from samlet.settings import PORTS, Settings
from samlet.state import State
from toy import SERVICES, Toy


def function(code: Path, runtime: str) -> Function:
    return Function("Hello", "hello", runtime, "app.handler", code)


def findings(toy: Toy, *words: str, ending: int = 0) -> dict[str, dict[str, Any]]:
    done = toy.command("doctor", "--json", *words)
    assert done.returncode == ending, done.stdout + done.stderr
    return {finding["subject"]: finding for finding in json.loads(done.stdout)}


def test_where_all_is_well_it_says_so_and_ends_with_0(toy: Toy) -> None:
    found = findings(toy)
    assert {finding["level"] for finding in found.values()} <= {"ok", "warning"}
    assert found["python3.13"]["level"] == found["state folder"]["level"] == found["clock"]["level"] == "ok"
    assert found["port of api"]["text"] == "any free one"
    assert not (toy.folder / ".samlet").exists()
    shown = toy.command("doctor").stdout.splitlines()
    assert shown[0].split() == ["ok", "project", str(toy.folder / "samlet.toml")]


def test_a_taken_port_is_a_problem_that_names_who_has_it(toy: Toy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        toy.environment["SAMLET_API_PORT"] = str(port)
        finding = findings(toy, ending=1)["port of api"]
    assert finding["level"] == "problem"
    assert f"{port} is taken by " in finding["text"]
    assert f"(pid {os.getpid()})" in finding["text"]
    assert "SAMLET_API_PORT" in finding["remedy"]


def test_the_ports_of_the_samlet_that_runs_here_are_well(toy: Toy) -> None:
    port = ports.free_port()
    toy.environment["SAMLET_LAMBDA_PORT"] = str(port)
    toy.start()
    found = findings(toy)
    assert found["port of lambda"]["text"] == f"{port}, the Samlet that runs here"
    assert f"runs here, pid {toy.process.pid}" in found["samlet"]["text"]


def test_a_wrong_template_is_a_problem_and_the_rest_is_still_looked_at(toy: Toy) -> None:
    (toy.folder / "template.yaml").write_text("Resources: {F: {}}")
    found = findings(toy, ending=1)
    assert found["template"]["level"] == "problem"
    assert found["disk"]["level"] == "ok"


@pytest.mark.parametrize("content", ["nonsense = 1", "["])
def test_a_wrong_project_file_is_a_problem(toy: Toy, content: str) -> None:
    (toy.folder / "samlet.toml").write_text(content)
    assert list(findings(toy, ending=1)) == ["project"]


def test_a_state_folder_that_cannot_be_written_is_a_problem(toy: Toy) -> None:
    (toy.folder / "file").touch()
    toy.environment["SAMLET_STATE_DIR"] = str(toy.folder / "file" / "state")
    assert findings(toy, ending=1)["state folder"]["level"] == "problem"


def test_downloads_and_packages_that_are_missing_need_the_network(tmp_path: Path) -> None:
    toy = Toy(tmp_path / "toy", SERVICES, {"SAMLET_CACHE_DIR": str(tmp_path / "empty")})
    found = findings(toy)
    assert {subject for subject, finding in found.items() if finding["level"] == "warning"} == {
        "packages", "Kafka", "PostgreSQL", "network",
    }  # fmt: skip
    assert found["network"]["text"] == "needed once, for packages, Kafka, PostgreSQL"
    assert "MB are downloaded" in found["Kafka"]["text"]


def test_services_of_ones_own_need_no_downloads_and_no_ports(tmp_path: Path) -> None:
    project = Project(tmp_path / "template.yaml", postgres=PostgresWanted("shop"), kafka=True, mail=True)
    free = dict.fromkeys(PORTS, 0)
    state = State(tmp_path / "state")
    own = Settings(ports=free, database_admin_url="x", kafka_bootstrap_servers="x", smtp_url="x")
    assert list(examinations.of_services(project, own, state)) == []
    assert len(list(examinations.of_ports(project, own, state))) == 3
    assert len(list(examinations.of_ports(project, Settings(ports=free), state))) == 6


def test_a_missing_python_is_a_warning_with_the_remedy(tmp_path: Path) -> None:
    (finding,) = examinations.of_pythons([function(tmp_path, "python3.99")])
    assert (finding.level, finding.subject) == ("warning", "python3.99")
    assert "pyenv install 3.99" in (finding.remedy or "")


def test_a_program_that_was_not_built_is_a_problem(tmp_path: Path) -> None:
    program = tmp_path / "bootstrap"
    (missing,) = examinations.of_bootstraps([function(tmp_path, "provided.al2023")])
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (there,) = examinations.of_bootstraps([function(tmp_path, "provided.al2023")])
    assert (missing.level, there.level) == ("problem", "ok")
    assert "build the function" in (missing.remedy or "")


def test_a_program_for_another_machine_is_a_problem(tmp_path: Path) -> None:
    program = tmp_path / "bootstrap"
    program.write_bytes(
        b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little") + (8).to_bytes(2, "little")
    )  # MIPS
    program.chmod(0o755)
    (finding,) = examinations.of_bootstraps([function(tmp_path, "provided.al2023")])
    assert finding.level == "problem"
    assert str(program) in finding.text


def test_a_program_of_a_layer_is_found(tmp_path: Path) -> None:
    layer, code = tmp_path / "layer", tmp_path / "code"
    layer.mkdir()
    code.mkdir()
    (layer / "bootstrap").write_text("#!/bin/sh\n")
    (layer / "bootstrap").chmod(0o755)
    (finding,) = examinations.of_bootstraps([replace(function(code, "provided.al2023"), layers=(layer,))])
    assert (finding.level, finding.text) == ("ok", str(layer / "bootstrap"))


def test_a_clock_before_our_own_files_and_an_unknown_zone_are_problems() -> None:
    schedules = [Schedule("s", "scheduler", "rate(1 day)", "F", timezone="Europe/Berlin")]
    assert [finding.level for finding in examinations.of_clock(schedules, 2e9, 1e9)] == ["ok", "ok"]
    nowhere = [Schedule("s", "scheduler", "rate(1 day)", "F", timezone="Europe/Nowhere")]
    assert [finding.level for finding in examinations.of_clock(nowhere, 1e9, 2e9)] == ["problem", "problem"]


def test_little_room_is_a_warning_and_hardly_any_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = []
    for free in (2e9, 5e8, 1e8):
        usage = shutil_usage(int(free))
        monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
        (finding,) = (found for found in examinations.of_state(State(tmp_path / "s")) if found.subject == "disk")
        levels.append(finding.level)
    assert levels == ["ok", "warning", "problem"]


def shutil_usage(free: int) -> Any:
    return type("Usage", (), {"free": free})()


def test_a_bad_setting_is_told_as_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAMLET_API_PORT", "many")
    assert main(["doctor"]) == 1
    assert "SAMLET_API_PORT must be a whole number" in capsys.readouterr().out


MAPPING = """
  Orders:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Tick
      SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: ["SERVERS"]}}
      SourceAccessConfigurations:
        - {Type: BASIC_AUTH, URI: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:kafka-AbCdEf"}
        - {Type: SERVER_ROOT_CA_CERTIFICATE, URI: root}
      Topics: [orders]
      StartingPosition: TRIM_HORIZON
"""


def asking_who_comes(toy: Toy, servers: str = "kafka.example:9093") -> None:
    template = toy.folder / "template.yaml"
    template.write_text(template.read_text() + MAPPING.replace("SERVERS", servers))


def test_a_secret_of_kafka_that_no_file_holds_is_a_warning_with_the_cure(toy: Toy) -> None:
    asking_who_comes(toy)
    found = findings(toy)["Orders"]
    assert found["level"] == "warning"
    assert "there is no secret arn:aws:secretsmanager:eu-central-1:123456789012:secret:kafka-AbCdEf" in found["text"]
    assert "there is no secret root" in found["text"]
    assert "[kafka_secrets] in samlet.toml" in found["remedy"]


def test_a_secret_of_kafka_is_well_once_its_file_has_what_is_needed(toy: Toy) -> None:
    asking_who_comes(toy)
    with (toy.folder / "samlet.toml").open("a") as project:
        project.write('[kafka_secrets]\nkafka = "kafka.json"\nroot = "root.json"\n')
    (toy.folder / "root.json").write_text('{"certificate": "PEM"}')
    (toy.folder / "kafka.json").write_text('{"username": "ann"}')
    found = findings(toy)["Orders"]
    assert (found["level"], "needs a JSON object with username and password" in found["text"]) == ("warning", True)
    (toy.folder / "kafka.json").write_text('{"username": "ann", "password": "s3cr3t"}')
    assert findings(toy)["Orders"]["level"] == "ok"


def test_secrets_that_the_template_makes_or_the_embedded_kafka_never_asks_for_are_not_missed(tmp_path: Path) -> None:
    embedded = Toy(tmp_path / "embedded", SERVICES, {"SAMLET_KAFKA_PORT": "19093"})
    asking_who_comes(embedded, "127.0.0.1:19093")
    assert "Orders" not in findings(embedded)
    made = Toy(tmp_path / "made")
    asking_who_comes(made)
    template = made.folder / "template.yaml"
    text = template.read_text().replace("URI: root", "URI: !Ref Root") + "  Root: {Type: AWS::SecretsManager::Secret}\n"
    template.write_text(text)
    assert findings(made)["Orders"]["text"].endswith("secret:kafka-AbCdEf")
