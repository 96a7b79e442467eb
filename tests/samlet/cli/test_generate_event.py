"""`samlet generate-event` prints what the event sources send."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from samlet.cli.main import main
from toy import Toy

CLAIMS = ("--claim", "sub=ada", "--scope", "read", "--scope", "write")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["generate-event", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_request_has_its_query_headers_body_and_claims(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--method", "post", "--path", "/a%20b", "--query", "x=1", "--query", "x=2", "--header", "Cookie=c=d")
    event = made(capsys, "http", *words, "--body", '{"y": 1}', *CLAIMS)
    assert (event["routeKey"], event["rawPath"], event["queryStringParameters"]) == ("POST /a b", "/a b", {"x": "1,2"})
    assert (event["cookies"], event["body"], event["isBase64Encoded"]) == (["c=d"], '{"y": 1}', False)
    authorizer = {"jwt": {"claims": {"sub": "ada"}, "scopes": ["read", "write"]}}
    assert event["requestContext"]["authorizer"] == authorizer


def test_a_request_takes_its_route_from_the_template(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--template", str(toy.folder / "template.yaml"))
    (toy.folder / "template.yaml").write_text(
        (toy.folder / "template.yaml").read_text().replace("Path: /hello", "'Path': '/hello/{name}'")
    )
    event = made(capsys, "http", "--path", "/hello/ada", *given)
    assert (event["routeKey"], event["pathParameters"]) == ("GET /hello/{name}", {"name": "ada"})
    assert made(capsys, "http", "--path", "/none", *given)["routeKey"] == "GET /none"


def test_a_request_equals_the_one_that_the_gateway_makes(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    (toy.folder / "code" / "app.py").write_text("import json\ndef http(event, context): return json.dumps(event)\n")
    (toy.folder / "samlet.toml").write_text('[parameters]\nGate = "x"\n')
    toy.start()
    url = httpx.URL(toy.addresses["api"])
    sent = httpx.Request(
        "GET", f"{url}/hello?a=1&a=2", headers=[("Host", "127.0.0.1:3000"), ("X-Of", "b"), ("Cookie", "c=d")]
    )
    with httpx.Client() as client:
        really = client.send(sent).json()
    words = (
        "http",
        "--path",
        "/hello",
        "--query",
        "a=1",
        "--query",
        "a=2",
        "--header",
        "X-Of=b",
        "--header",
        "Cookie=c=d",
    )
    event = made(capsys, *words, "--template", str(toy.folder / "template.yaml"))
    for context in (really["requestContext"], event["requestContext"]):
        for name in ("requestId", "time", "timeEpoch"):
            del context[name]
    for headers in (really["headers"], event["headers"]):
        assert headers.pop("x-amzn-trace-id").startswith("Root=1-")
    assert event == really


def test_a_schedule_of_the_template_sends_its_input_and_a_made_up_one_the_default(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--template", str(toy.folder / "template.yaml"), "--at", "2026-11-21T00:00:00Z")
    assert made(capsys, "schedule", "toy-nightly", *given) == {"slot": "2026-11-21T00:00:00Z"}
    at = ("--at", "2026-11-21T00:00:00Z")
    rule = made(capsys, "schedule", "--kind", "rule", *at)
    assert (rule["source"], rule["detail"], rule["time"]) == ("aws.events", {}, "2026-11-21T00:00:00Z")
    assert made(capsys, "schedule", *at)["source"] == "aws.scheduler"
    assert made(capsys, "schedule", "--input", '["<aws.scheduler.scheduled-time>"]', *at) == ["2026-11-21T00:00:00Z"]


def test_records_have_topic_partition_offsets_key_headers_and_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("two\nthree\n"))
    words = ("--topic", "orders", "--partition", "4", "--offset", "7", "--key", "k", "--header", "t=x")
    event = made(capsys, "kafka", *words, "one", "-")
    records = event["records"]["orders-4"]
    assert [(record["offset"], base64.b64decode(record["value"])) for record in records] == [
        (7, b"one"),
        (8, b"two"),
        (9, b"three"),
    ]
    assert (records[0]["key"], records[0]["headers"]) == ("aw==", [{"t": [120]}])
    assert event["eventSource"] == "SelfManagedKafka"
    assert made(capsys, "kafka", "--source-arn", "arn:aws:kafka:x")["eventSource"] == "aws:kafka"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["http", "--path", "hello"], "must begin with a slash"),
        (["http", "--path", "/a?b=c"], "has a query"),
        (["http", "--path", "/%ff"], "not encoded as UTF-8"),
        (["schedule", "none"], "no schedule none"),
        (["schedule", "--at", "soon"], "no ISO 8601 time"),
        (["schedule", "--at", "2026-11-21"], "has no time zone"),
        (["http", "--template", "none.yaml"], "does not exist"),
    ],
)
def test_what_no_event_can_be_made_of_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], fault: str
) -> None:
    assert main(["generate-event", *words]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert fault in said


def test_an_event_can_be_piped_into_invoke(toy: Toy) -> None:
    toy.gate.touch()
    event = toy.command("generate-event", "kafka", "--topic", "orders", "one").stdout
    done = toy.command("invoke", "Tick", "--event", "-", stdin=event)
    assert json.loads(done.stdout)["records"]["orders-0"][0]["offset"] == 0
