"""`samlet validate` says what of a template is run, what is not, and where a mistake stands."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from samlet.cli.main import main
from samlet.cli.stand_ins import facts
from samlet.project import PostgresWanted, Project, Web
from samlet.settings import Settings
from servers import CHECKOUT

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.13
      Timeout: 5
      Events:
        Get: {Type: HttpApi, Properties: {Method: GET, Path: /hello}}
        Nightly:
          Type: ScheduleV2
          Properties: {Name: nightly, ScheduleExpression: "cron(0 0 * * ? *)"}
        Records:
          Type: SelfManagedKafka
          Properties:
            KafkaBootstrapServers: [127.0.0.1:9092]
            Topics: [orders]
            StartingPosition: LATEST
            SourceAccessConfigurations: [{Type: SASL_SCRAM_512_AUTH, URI: secret}]
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties: {RoleArn: "arn:aws:iam::000000000000:role/any", DefinitionString: "{}"}
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "template.yaml"
    file.write_text(textwrap.dedent(TEMPLATE).lstrip())
    return file


def test_it_lists_functions_routes_schedules_and_mappings_and_what_is_not_run_with_its_line(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "--parameter", "Stage=x"]) == 0
    shown = capsys.readouterr().out
    assert "Hello  python3.13  app.handler" in shown
    assert "GET /hello  Hello" in shown
    assert "nightly  cron(0 0 * * ? *)  UTC  Hello  next 20" in shown
    assert "HelloRecords  orders  Hello" in shown
    assert "template.yaml:24  Machine  " in shown.replace(
        "template.yaml:24  Machine       ", "template.yaml:24  Machine  "
    )


def test_as_json_it_says_the_same(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--parameter", "Stage=x", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["valid"] is True
    assert [(row["logical_id"], row["runtime"], row["line"]) for row in told["functions"]] == [
        ("Hello", "python3.13", 5)
    ]
    assert [row["route"] for row in told["routes"]] == ["GET /hello"]
    assert told["schedules"][0]["next"].endswith("T00:00:00+00:00")
    assert [row["topic"] for row in told["kafka_mappings"]] == ["orders"]
    assert {"logical_id": "Machine", "line": 24}.items() <= told["unsupported"][-1].items()


def test_strict_fails_where_a_part_is_not_run(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--parameter", "Stage=x", "--strict"]) == 1
    assert "Machine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "line", "fault"),
    [
        ("Timeout: 5", "Timeout: many", 11, "Timeout"),
        ("cron(0 0 * * ? *)", "cron(0 0 * * * *)", 14, "nightly"),
        ("Path: /hello", "Pth: /hello", 5, "[Hello]"),
        ("Resources:", "Resources: [", 6, "expected"),
        ("{Type: String}", "{Type: Number, Default: x}", 3, "Parameters.Stage"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(
    template: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, fault: str
) -> None:
    template.write_text(template.read_text().replace(old, new))
    given = [] if "Number" in new else ["--parameter", "Stage=x"]
    assert main(["validate", *given]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert fault in said
    assert said.startswith(f"samlet: {template}:{line}: ")
    assert main(["validate", *given, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["valid"], told["line"]) == (False, line)


def test_a_missing_parameter_is_named(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == 1
    assert "Stage" in capsys.readouterr().err


def test_values_that_only_a_running_samlet_knows_are_stood_in_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--template", str(CHECKOUT / "template.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unsupported"] == []


def test_it_reads_samconfig_and_imports_as_start_does(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template.write_text(template.read_text().replace("CodeUri: .", "CodeUri: .\n      Role: !ImportValue shared-role"))
    template.with_name("samlet.toml").write_text('[imports]\nshared-role = "arn:aws:iam::000000000000:role/any"\n')
    template.with_name("samconfig.toml").write_text('[other.deploy.parameters]\nparameter_overrides = "Stage=x"\n')
    assert main(["validate", "--config-env", "other", "--json"]) == 0
    assert "shared-role" not in capsys.readouterr().out
    assert main(["validate", "--config-env", "none"]) == 1
    assert "none" in capsys.readouterr().err


OTHERS = """
Resources:
  Orders: {Type: AWS::SQS::Queue}
  Bucket: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {EventBridgeConfiguration: {}}}}
  Taker:
    Type: AWS::Lambda::Function
    Properties: {Handler: a.b, Runtime: python3.13, Code: ., Role: "arn:aws:iam::000000000000:role/any"}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Taker, EventSourceArn: !GetAtt Orders.Arn}
"""


def test_what_moto_will_make_is_named_and_no_failure(template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template.write_text(OTHERS.replace(", Properties: {NotificationConfiguration: {EventBridgeConfiguration: {}}}", ""))
    assert main(["validate", "--strict"]) == 0
    shown = capsys.readouterr().out
    assert "made in moto at start" in shown
    assert "Orders  AWS::SQS::Queue" in shown
    assert "Mapping  Taker" in shown


def test_of_what_moto_will_make_the_part_that_is_left_out_is_named(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template.write_text(OTHERS)
    assert main(["validate", "--strict", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(row["logical_id"], row["line"]) for row in told["made_in_moto"]] == [("Orders", 3), ("Bucket", 4)]
    assert [(row["logical_id"], row["line"]) for row in told["unsupported"]] == [("Bucket", 4)]


PUSHED = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration:
        LambdaConfigurations: [{Event: "s3:ObjectCreated:*", Function: !GetAtt Taker.Arn}]
  News: {Type: AWS::SNS::Topic}
  Link:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref News, Protocol: lambda, Endpoint: !GetAtt Taker.Arn}
  Taker:
    Type: AWS::Lambda::Function
    Properties: {Handler: a.b, Runtime: python3.13, Code: ., Role: any, DeadLetterConfig: {TargetArn: !Ref News}}
"""


def test_topics_and_buckets_that_wake_functions_are_named_and_listed_where_the_users_own_aws_has_them(
    template: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    template.write_text(PUSHED)
    assert main(["validate", "--strict"]) == 0
    shown = capsys.readouterr().out
    assert "topics and buckets (2)\n  Bucket-Taker  S3   Taker\n  Link          SNS  Taker\n" in shown
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["validate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["push_mappings"] == []
    assert [(row["logical_id"], row["line"]) for row in told["unsupported"]] == [
        ("Bucket", 6),
        ("Link", 11),
        ("Taker", 14),
    ]


def test_where_nothing_is_made_other_resources_are_not_run(
    template: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    template.write_text(OTHERS)
    template.with_name("samlet.toml").write_text("[services]\naws = false\n")
    assert main(["validate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["made_in_moto"], told["queue_mappings"]) == ([], [])
    assert {row["logical_id"] for row in told["unsupported"]} == {"Orders", "Bucket", "Mapping"}
    template.with_name("samlet.toml").unlink()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["validate", "--json"]) == 0
    assert {row["logical_id"] for row in json.loads(capsys.readouterr().out)["unsupported"]} == {"Mapping"}


def test_every_placeholder_has_a_stand_in_of_its_shape() -> None:
    project = Project(
        Path("t.yaml"), postgres=PostgresWanted("shop"), kafka=True, mail=True, web=Web(Path()), secrets=("one",)
    )
    told = facts(project, Settings())
    assert told.keys() == project.placeholders()
    assert len(told["secrets.one"]) == 44
    assert told["postgres.admin_url"].endswith("@127.0.0.1:54320/shop")
    assert (told["kafka.bootstrap_servers"], told["mail.url"]) == ("127.0.0.1:19092", "smtp://127.0.0.1:1025")


@pytest.mark.parametrize("command", ["validate", "doctor", "generate-event"])
def test_a_parameter_out_of_the_environment_or_dotenv_is_read_as_start_does(
    template: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("SAMLET_STATE_DIR", str(template.parent / "state"))
    template.with_name("samlet.toml").write_text('[parameters]\nStage = "{env.STAGE}"\n')
    words = [command, *(["http"] if command == "generate-event" else [])]
    main(words)
    said = capsys.readouterr()
    assert "nothing fills {env.STAGE}" in said.out + said.err
    template.with_name(".env").write_text("STAGE=prod\n")
    main(words)
    said = capsys.readouterr()
    assert "{env.STAGE}" not in said.out + said.err
    assert ("/hello" in said.out) == (command == "validate")


def test_as_json_it_also_says_what_is_wrong_with_samlet_toml(
    template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template.with_name("samlet.toml").write_text('[parameters]\nStage = "{env.STAGE}"\n')
    assert main(["validate", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["valid"], "nothing fills {env.STAGE}" in told["error"], told["line"]) == (False, True, None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("words", [["validate", "--parameter", "Stage=x"], ["completion", "bash"]])
def test_a_full_disk_is_one_line(template: Path, words: list[str]) -> None:
    run = [sys.executable, "-m", "samlet", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "samlet: [Errno 28] No space left on device\n")


RUNTIMES = """
Resources:
  Wrong:
    Type: AWS::Lambda::Function
    Properties:
      Code: .
      Handler: app.handler
      Runtime: {runtime}
"""
TOO_OLD = "is too old to be run here, 3.9 is the oldest: raise the Runtime in the template"
NONE = "is no runtime that Lambda is known to have: correct it in the template"


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ("python3.8", f"Python 3.8 {TOO_OLD}"),
        ("python3.6", f"Python 3.6 {TOO_OLD}"),
        ("python3.99", f"python3.99 {NONE}"),
        ("python3.09", f"python3.09 {NONE}"),
    ],
)
def test_a_python_that_no_machine_has_is_not_run_as_strict_start_says(
    template: Path, capsys: pytest.CaptureFixture[str], runtime: str, reason: str
) -> None:
    template.write_text(RUNTIMES.format(runtime=runtime))
    (template.parent / "app.py").write_text("handler = print")
    assert main(["validate"]) == 0
    assert f"template.yaml:8  Wrong  AWS::Lambda::Function  Runtime: {reason}" in capsys.readouterr().out
    assert main(["validate", "--strict"]) == 1
    capsys.readouterr()
    assert main(["validate", "--strict", "--json"]) == 1
    (part,) = json.loads(capsys.readouterr().out)["unsupported"]
    assert (part["line"], part["reason"]) == (8, f"Runtime: {reason}")


@pytest.mark.parametrize("runtime", ["python3.9", "python3.13", "python3.14", "provided.al2023"])
def test_a_runtime_that_a_machine_may_have_is_run(
    template: Path, capsys: pytest.CaptureFixture[str], runtime: str
) -> None:
    template.write_text(RUNTIMES.format(runtime=runtime))
    (template.parent / "app.py").write_text("handler = print")
    assert main(["validate", "--strict"]) == 0
    assert "not run here" not in capsys.readouterr().out
