"""A whole Samlet whose code, template and project are edited while it runs: each save counts for the next request."""

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from samlet.emulator.project_changes import differences
from samlet.model import HttpApi, KafkaMapping, Schedule, Template
from toy import Toy
from waiting import eventually

MAPPING = """
  Orders:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Tick
      SelfManagedEventSource: {{Endpoints: {{KafkaBootstrapServers: ["127.0.0.1:1"]}}}}
      SelfManagedKafkaEventSourceConfig: {{ConsumerGroupId: orders}}
      Topics: [orders]
      StartingPosition: TRIM_HORIZON
      BatchSize: {size}
"""
SECOND_API = """
  SecondApi: {Type: AWS::Serverless::HttpApi}
  Second:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.http
      Environment: {Variables: {SECRET: second}}
      Events: {Get: {Type: HttpApi, Properties: {ApiId: !Ref SecondApi, Method: GET, Path: /second}}}
"""
LATER = """
  LaterApi: {{Type: AWS::Serverless::HttpApi, Properties: {api}}}
  Later:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {code}
      Handler: app.http
      Layers: {layers}
      Environment: {{Variables: {{SECRET: later}}}}
      Events: {{Get: {{Type: HttpApi, Properties: {{ApiId: !Ref LaterApi, Method: GET, Path: {path}}}}}}}
  Shared: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: {layer}}}}}
"""
DESCRIBED_API = """
  DescribedApi:
    Type: AWS::Serverless::HttpApi
    Properties: {DefinitionUri: api.yaml}
"""
DESCRIPTION = """
openapi: 3.0.1
paths:
  PATH:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        payloadFormatVersion: "2.0"
        uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Hello.Arn}/invocations
"""

pytestmark = pytest.mark.xdist_group("whole")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    toy = Toy(tmp_path_factory.mktemp("reloaded") / "toy")
    toy.start()
    yield toy
    toy.end()


@pytest.fixture
def edited(started: Toy) -> Iterator[Toy]:
    """A running Samlet whose files are put back afterwards."""
    names = ("template.yaml", "samlet.toml", "code/app.py")
    before = {name: (started.folder / name).read_text() for name in names}
    yield started
    (started.folder / ".env").unlink(missing_ok=True)
    for name, text in before.items():
        if (started.folder / name).read_text() != text:
            (started.folder / name).write_text(text)
    assert get(started, "/hello").text.startswith("hello ")


def get(toy: Toy, path: str, part: str = "api") -> httpx.Response:
    return httpx.get(f"{toy.addresses[part]}{path}")


def change(toy: Toy, name: str, before: str, after: str) -> None:
    text = (toy.folder / name).read_text()
    assert before in text
    (toy.folder / name).write_text(text.replace(before, after))


def test_a_saved_handler_answers_the_next_request(edited: Toy) -> None:
    change(edited, "code/app.py", 'os.environ["GREETING"]', '"goodbye "')
    assert get(edited, "/hello").text.startswith("goodbye ")


def test_a_route_of_the_template_is_where_the_next_request_finds_it(edited: Toy) -> None:
    change(edited, "template.yaml", "Path: /hello", "Path: /hi")
    assert get(edited, "/hi").text.startswith("hello ")
    assert get(edited, "/hello").status_code == 404
    eventually(lambda: "template.yaml changed: 1 HTTP API taken over in" in edited.log)
    change(edited, "template.yaml", "Path: /hi", "Path: /hello")
    assert get(edited, "/hello").status_code == 200


def test_a_function_that_was_just_added_is_found_by_its_name(edited: Toy) -> None:
    added = LATER.format(api="{}", code="code/", layers="[]", path="/later", layer="code/")
    change(edited, "template.yaml", "Resources:\n", f"Resources:{added}")
    functions = f"{edited.addresses['lambda']}/2015-03-31/functions/Later"
    assert httpx.post(f"{functions}/invocations", content="{}").json()["body"] == "hello later"
    change(edited, "template.yaml", added, "\n")
    assert httpx.get(f"{functions}/configuration").status_code == 404


def test_a_template_that_cannot_be_read_leaves_the_old_one_in_force(edited: Toy) -> None:
    (edited.folder / "template.yaml").write_text("Resources: [")
    assert get(edited, "/hello").status_code == 200
    eventually(lambda: "template.yaml changed, and what was before stays in force: " in edited.log)


@pytest.mark.parametrize("kind", ["folder", "archive", "layer", "openapi"])
def test_what_the_template_names_is_read_as_soon_as_it_is_there_though_nothing_else_is_saved(
    edited: Toy, kind: str
) -> None:
    folder, path = edited.folder / "later", f"/{kind}"
    later = {"folder": "later/code", "archive": "later/code.zip", "layer": "code", "openapi": "code"}[kind]
    layer = "[!Ref Shared]" if kind == "layer" else "[]"
    api = "{DefinitionUri: later/api.yaml}" if kind == "openapi" else "{}"
    content = "later/layer" if kind == "layer" else "code"
    before = (edited.folder / "template.yaml").read_text()
    (edited.folder / "template.yaml").write_text(
        before + LATER.format(code=later, layers=layer, layer=content, api=api, path=path)
    )
    assert get(edited, "/hello").status_code == 200
    eventually(lambda: f"{edited.folder / 'later'}" in edited.log)
    folder.mkdir()
    if kind == "archive":
        draft = shutil.make_archive(str(edited.folder / "draft"), "zip", edited.folder / "code")
        Path(draft).rename(folder / "code.zip")
    elif kind == "openapi":
        (folder / "api.yaml").write_text("openapi: 3.0.1\npaths: {}\n")
    else:
        shutil.copytree(edited.folder / "code", edited.folder / "draft")
        (edited.folder / "draft").rename(folder / ("code" if kind == "folder" else "layer"))
    try:
        eventually(lambda: "api LaterApi" in edited.addresses, timeout=30)
        assert get(edited, path, "api LaterApi").text.startswith("hello ")
    finally:
        (edited.folder / "template.yaml").write_text(before)
        assert get(edited, "/hello").status_code == 200
        shutil.rmtree(folder)


def test_a_new_api_gets_a_port_that_is_told_and_goes_with_it(edited: Toy) -> None:
    before = (edited.folder / "template.yaml").read_text()
    (edited.folder / "template.yaml").write_text(before + SECOND_API)
    assert get(edited, "/hello").status_code == 200
    url = edited.addresses["api SecondApi"]
    assert httpx.get(f"{url}/second").text.startswith("hello ")
    eventually(lambda: f"api SecondApi {url}" in edited.log)
    (edited.folder / "template.yaml").write_text(before)
    assert get(edited, "/hello").status_code == 200
    assert "api SecondApi" not in edited.addresses
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/second")


def test_an_api_that_is_described_in_a_file_of_its_own_follows_that_file(edited: Toy) -> None:
    described = edited.folder / "api.yaml"
    described.write_text(DESCRIPTION.replace("PATH", "/first"))
    before = (edited.folder / "template.yaml").read_text()
    (edited.folder / "template.yaml").write_text(before + DESCRIBED_API)
    assert get(edited, "/hello").status_code == 200
    assert get(edited, "/first", "api DescribedApi").status_code == 200
    described.write_text(DESCRIPTION.replace("PATH", "/second"))
    assert get(edited, "/second", "api DescribedApi").status_code == 200
    assert get(edited, "/first", "api DescribedApi").status_code == 404


def test_a_file_that_is_saved_while_the_template_that_first_names_it_is_read_counts(edited: Toy) -> None:
    described, last = edited.folder / "api.yaml", edited.folder / "last.yaml"
    described.write_text(DESCRIPTION.replace("PATH", "/first"))
    os.mkfifo(last)

    def save_meanwhile() -> None:
        with last.open("w") as reader_waits:  # for the second file, so it has read the first one
            described.write_text(DESCRIPTION.replace("PATH", "/second"))
            last.unlink()
            last.write_text(DESCRIPTION.replace("PATH", "/last"))
            reader_waits.write(DESCRIPTION.replace("PATH", "/last"))

    before = (edited.folder / "template.yaml").read_text()
    with ThreadPoolExecutor(1) as saving:
        saved = saving.submit(save_meanwhile)
        others = DESCRIBED_API + DESCRIBED_API.replace("DescribedApi", "LastApi").replace("api.yaml", "last.yaml")
        (edited.folder / "template.yaml").write_text(before + others)
        assert get(edited, "/hello").status_code == 200
        saved.result(30)
    assert get(edited, "/last", "api LastApi").status_code == 200
    assert get(edited, "/second", "api DescribedApi").status_code == 200


def test_a_changed_schedule_is_planned_anew_and_the_others_keep_their_pause(edited: Toy) -> None:
    console = edited.addresses["console"]
    assert httpx.post(f"{console}/api/schedules/toy-failing/pause").status_code == 200
    change(edited, "template.yaml", "cron(0 0 * * ? *)", "cron(0 5 * * ? *)")
    assert get(edited, "/hello").status_code == 200
    told = {schedule["name"]: schedule for schedule in httpx.get(f"{console}/api/schedules").json()}
    assert told["toy-nightly"]["next"].endswith("T05:00:00+00:00")
    assert told["toy-failing"]["paused"]
    assert httpx.post(f"{console}/api/schedules/toy-failing/resume").status_code == 200


def test_a_mapping_comes_changes_and_goes_with_the_template(edited: Toy) -> None:
    before = (edited.folder / "template.yaml").read_text()

    def mappings() -> dict[str, object]:
        told: dict[str, object] = edited.health()["parts"]["kafka_mappings"]["mappings"]
        return told

    assert mappings() == {}
    (edited.folder / "template.yaml").write_text(before + MAPPING.format(size=1))
    eventually(lambda: list(mappings()) == ["Orders"])
    (edited.folder / "template.yaml").write_text(before + MAPPING.format(size=2))
    eventually(lambda: "Orders: what was under way has ended, and the new template counts" in edited.log)
    eventually(lambda: list(mappings()) == ["Orders"])
    (edited.folder / "template.yaml").write_text(before)
    eventually(lambda: mappings() == {})


def test_environment_and_parameters_of_samlet_toml_count_at_once(edited: Toy) -> None:
    change(edited, "samlet.toml", '"hello "', '"good day "')
    assert get(edited, "/hello").text.startswith("good day ")
    change(edited, "samlet.toml", '"{secrets.one}"', '"open"')
    assert get(edited, "/hello").text == "good day open"


def test_what_of_samlet_toml_counts_at_a_start_only_is_named(edited: Toy) -> None:
    change(edited, "samlet.toml", "[services]", "[services]\nmail = {}")
    change(edited, "samlet.toml", 'on_start = ["Prepare"]', 'on_start = []\ntemplate = "other.yaml"')
    assert get(edited, "/hello").status_code == 200
    eventually(lambda: "samlet.toml: template, services, on_start will count when Samlet is restarted" in edited.log)


def test_a_samlet_toml_that_is_wrong_leaves_the_old_one_in_force(edited: Toy) -> None:
    change(edited, "samlet.toml", "[environment]", "[envirnment]")
    assert get(edited, "/hello").text.startswith("hello ")
    eventually(lambda: "samlet.toml changed, and what was before stays in force: " in edited.log)


def test_a_value_of_dotenv_counts_at_once(edited: Toy) -> None:
    (edited.folder / ".env").write_text("GREETING='one '\n")
    change(edited, "samlet.toml", '"hello "', '"{env.GREETING}"')
    assert get(edited, "/hello").text.startswith("one ")
    (edited.folder / ".env").write_text("GREETING='two '\n")
    assert get(edited, "/hello").text.startswith("two ")
    (edited.folder / ".env").write_text("")
    assert get(edited, "/hello").text.startswith("two ")
    eventually(lambda: f"{edited.folder / '.env'} has no GREETING" in edited.log)


def test_a_value_that_dotenv_lacks_is_one_line_at_start(toy: Toy) -> None:
    change(toy, "samlet.toml", '"hello "', '"{env.GREETING}"')
    refused = toy.command("up")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("samlet: nothing fills {env.GREETING} of ")
    assert json.dumps(refused.stderr).count("Traceback") == 0


def test_a_variable_of_samlets_own_environment_comes_before_dotenv(toy: Toy) -> None:
    (toy.folder / ".env").write_text("GREETING=file\n")
    toy.environment["GREETING"] = "shell "
    change(toy, "samlet.toml", '"hello "', '"{env.GREETING}"')
    toy.start()
    assert get(toy, "/hello").text.startswith("shell ")


def test_what_a_template_has_changed_is_counted_by_kind() -> None:
    schedule = Schedule("nightly", "rule", "rate(1 minute)", "F")
    mapping = KafkaMapping("M", "F", "topic", "group")
    old = Template(Path("t"), "r", "a", {}, apis=(HttpApi("A"),), schedules=(schedule,))
    new = Template(Path("t"), "r", "a", {}, apis=(HttpApi("A"), HttpApi("B"), HttpApi("C")), kafka_mappings=(mapping,))
    assert differences(old, new) == "2 HTTP APIs, 1 schedule, 1 Kafka mapping"
    assert differences(old, old) == "nothing that runs"
