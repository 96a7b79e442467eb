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


def test_messages_of_a_queue_have_bodies_and_attributes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("two\nthree\n"))
    records = made(capsys, "sqs", "--queue", "jobs", "--attribute", "kind=a", "one", "-")["Records"]
    assert [record["body"] for record in records] == ["one", "two", "three"]
    assert records[0]["messageAttributes"]["kind"]["stringValue"] == "a"
    assert records[0]["md5OfBody"] == "f97c5d29941bfb1b2fdab0874906ab82"
    assert {record["eventSourceARN"] for record in records} == {"arn:aws:sqs:eu-central-1:000000000000:jobs"}


def test_a_message_of_a_topic_has_its_subject_and_attributes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("rain\nall day"))
    (record,) = made(capsys, "sns", "--topic", "news", "--subject", "Weather", "--attribute", "kind=a", "-")["Records"]
    assert (record["EventSource"], record["Sns"]["Message"]) == ("aws:sns", "rain\nall day")
    assert (record["Sns"]["Subject"], record["Sns"]["MessageAttributes"]["kind"]["Value"]) == ("Weather", "a")
    assert record["EventSubscriptionArn"].startswith("arn:aws:sns:eu-central-1:000000000000:news:")


def test_what_a_bucket_tells_of_an_object_has_its_key_encoded(capsys: pytest.CaptureFixture[str]) -> None:
    (record,) = made(capsys, "s3", "--bucket", "uploads", "--size", "7", "in/red flower+1.jpg")["Records"]
    assert (record["eventName"], record["s3"]["bucket"]["name"]) == ("ObjectCreated:Put", "uploads")
    assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("in/red+flower%2B1.jpg", 7)
    (record,) = made(capsys, "s3", "--event", "ObjectRemoved:Delete", "old.txt")["Records"]
    assert set(record["s3"]["object"]) == {"key", "sequencer"}


def test_an_event_of_a_bucket_may_be_named_as_in_templates(capsys: pytest.CaptureFixture[str]) -> None:
    (record,) = made(capsys, "s3", "--event", "s3:ObjectCreated:Copy")["Records"]
    assert record["eventName"] == "ObjectCreated:Copy"


@pytest.mark.parametrize("words", [["s3", "--size"], ["kafka", "--partition"], ["kafka", "--offset"]])
def test_nothing_is_counted_below_nought(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["generate-event", *words, "-1"])
    assert "'-1' is no whole number from 0 on" in capsys.readouterr().err


def test_such_events_are_of_the_templates_region(toy: Toy, capsys: pytest.CaptureFixture[str]) -> None:
    (toy.folder / "samconfig.toml").write_text('[default.deploy.parameters]\nregion = "eu-north-1"\n')
    given = ("--template", str(toy.folder / "template.yaml"))
    assert made(capsys, "s3", *given)["Records"][0]["awsRegion"] == "eu-north-1"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["s3", "s3://uploads/a"], "is no key"),
        (["s3", ""], "is no key"),
        (["s3", "--bucket", "arn:aws:s3:::uploads"], "is no name; is 'uploads' meant?"),
        (["sqs", "--queue", "http://127.0.0.1:4566/000000000000/jobs"], "is no name; is 'jobs' meant?"),
        (["sns", "--topic", "arn:aws:sns:eu-central-1:1:news"], "is no name; is 'news' meant?"),
        (["sns", "--topic", ""], "is no name"),
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
