"""`samlet events create`, `produce`, `follow`, `lag` and `redrive`, against a real Kafka."""

import json
import subprocess
import sys
import uuid
from typing import Any

import httpx
import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from samlet.cli.topics import lags
from samlet.cluster import Record
from samlet.errors import KafkaFailed
from samlet.kafka_client import commit_offsets, describe_topics, read_topic, write
from samlet.redrive import Redrive, memory_of
from toy import Toy
from waiting import eventually

pytestmark = pytest.mark.xdist_group("whole")


@pytest.fixture
def topic(whole: Toy) -> str:
    """A topic of three partitions, and one with `.dead` after its name."""
    name = f"orders-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=whole.addresses["kafka"])
    admin.create_topics([NewTopic(name, 3, 1), NewTopic(f"{name}.dead", 2, 1)])
    admin.close()
    eventually(lambda: {name, f"{name}.dead"} <= set(_ready(whole)), timeout=30)
    return name


def _ready(whole: Toy) -> dict[str, Any]:
    """The topics whose leaders answer: a new one has none for a moment."""
    try:
        return dict(describe_topics(whole.addresses["kafka"]))
    except KafkaFailed:
        return {}


def records(whole: Toy, topic: str) -> list[Record]:
    return list(read_topic(whole.addresses["kafka"], topic))


def test_a_topic_that_was_created_takes_records_at_once(whole: Toy) -> None:
    name = f"made-{uuid.uuid4().hex[:8]}"
    refused = whole.command("events", "produce", "--topic", name, "x")
    assert f"`samlet events create {name}` makes it" in refused.stderr
    done = whole.command("events", "create", name, "--partitions", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name} is made, with 3 partitions\n", "")
    assert list(_ready(whole)[name]) == [0, 1, 2]
    assert whole.command("events", "produce", "--topic", name, "--partition", "2", "x").returncode == 0
    assert [record.value for record in records(whole, name)] == [b"x"]


def test_a_topic_has_one_partition_and_is_told_as_json(whole: Toy) -> None:
    name = f"made-{uuid.uuid4().hex[:8]}"
    done = whole.command("events", "create", name, "--json")
    assert json.loads(done.stdout) == {"topic": name, "partitions": 1}
    assert list(_ready(whole)[name]) == [0]


def test_produce_writes_values_with_key_headers_and_partition(whole: Toy, topic: str) -> None:
    words = ("--topic", topic, "--key", "k", "--header", "trace=abc", "--partition", "2")
    done = whole.command("events", "produce", *words, '{"n": 1}', "-", stdin="two\n\nthree\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"3 records written to {topic}\n")
    assert [(record.partition, record.key, record.value) for record in records(whole, topic)] == [
        (2, b"k", b'{"n": 1}'),
        (2, b"k", b"two"),
        (2, b"k", b"three"),
    ]
    assert records(whole, topic)[0].headers == (("trace", b"abc"),)


def test_produce_takes_the_lines_of_a_file_and_the_key_chooses_the_partition(whole: Toy, topic: str) -> None:
    (whole.folder / "values").write_text("a\nb\n")
    for _ in range(2):
        assert whole.command("events", "produce", "--topic", topic, "--key", "k", "--file", "values").returncode == 0
    found = records(whole, topic)
    assert [record.value for record in found] == [b"a", b"b", b"a", b"b"]
    assert len({record.partition for record in found}) == 1


def test_follow_shows_what_is_there_and_what_comes(whole: Toy, topic: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "samlet", "events", "follow", "--topic", topic, "--json"],
        cwd=whole.folder, env=whole.variables(), stdout=subprocess.PIPE, text=True,
    ) as following:  # fmt: skip
        assert following.stdout
        for value in ("1", "2"):
            assert whole.command("events", "produce", "--topic", topic, value).returncode == 0
            assert json.loads(following.stdout.readline())["value"] == int(value)
        following.terminate()


def test_lag_counts_by_group_and_partition(whole: Toy, topic: str) -> None:
    bootstrap, group = whole.addresses["kafka"], f"group-{topic}"
    write(bootstrap, topic, [Record(topic, 0, 0, 0, None, b"x")] * 5, partition=1)
    commit_offsets(bootstrap, group, topic, {1: 2})
    shown = whole.command("events", "lag", "--group", group, "--json")
    assert [(row["partition"], row["next"], row["end"], row["lag"]) for row in json.loads(shown.stdout)] == [
        (0, 0, 0, 0),
        (1, 2, 5, 3),
        (2, 0, 0, 0),
    ]
    table = whole.command("events", "lag").stdout.splitlines()
    assert table[0].split() == ["group", "topic", "partition", "next", "end", "lag"]
    assert [group, topic, "1", "2", "5", "3"] in [line.split() for line in table]


def test_a_partition_whose_beginning_is_gone_lags_from_its_first_offset() -> None:
    (row,) = lags({"t": {0: (10, 15)}}, {"g": {("t", 0): 3}}, None)
    assert (row["next"], row["lag"]) == (10, 5)


@pytest.fixture
def dead(whole: Toy, topic: str) -> str:
    """Four records that were given up, in two partitions."""
    kept = (("trace", b"abc"), ("kafka_dlt-exception-message", b"no"), ("attempts", b"3"))
    for partition in (0, 1):
        given = [
            Record(topic, 0, 0, 0, f"k{partition}".encode(), f'{{"n": {10 * partition + n}}}'.encode(), kept)
            for n in range(2)
        ]  # fmt: skip
        write(whole.addresses["kafka"], f"{topic}.dead", given, partition=partition)
    return f"{topic}.dead"


def redrive(whole: Toy, dead: str, *words: str) -> dict[str, Any]:
    done = whole.command("events", "redrive", "--from", dead, "--to", dead.removesuffix(".dead"), "--json", *words)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_redrive_keeps_key_value_and_headers_without_those_of_the_failure(whole: Toy, topic: str, dead: str) -> None:
    assert redrive(whole, dead, "--drop-header", "attempts")["redriven"] == 4
    found = records(whole, topic)
    assert sorted(json.loads(record.value or b"")["n"] for record in found) == [0, 1, 10, 11]
    assert {(record.key, record.headers) for record in found} == {
        (b"k0", (("trace", b"abc"),)),
        (b"k1", (("trace", b"abc"),)),
    }


def test_a_second_redrive_takes_only_what_has_come_since(whole: Toy, topic: str, dead: str) -> None:
    assert [redrive(whole, dead)["redriven"] for _ in range(2)] == [4, 0]
    write(whole.addresses["kafka"], dead, [Record(dead, 0, 0, 0, None, b"new")])
    assert redrive(whole, dead)["redriven"] == 1
    assert len(records(whole, topic)) == 5


def test_a_dry_run_counts_and_changes_nothing(whole: Toy, topic: str, dead: str) -> None:
    assert redrive(whole, dead, "--dry-run")["would_be"] == 4
    assert redrive(whole, dead, "--dry-run", "--count", "3")["would_be"] == 3
    assert records(whole, topic) == []
    said = whole.command("events", "redrive", "--from", dead, "--to", topic, "--dry-run").stdout
    assert said == f"4 records would be redriven from {dead} to {topic}\n"


def test_count_stops_where_the_next_run_goes_on(whole: Toy, topic: str, dead: str) -> None:
    assert [redrive(whole, dead, "--count", "3")["redriven"] for _ in range(3)] == [3, 1, 0]
    found = sorted(json.loads(record.value or b"")["n"] for record in records(whole, topic))
    assert found == [0, 1, 10, 11]


def test_what_a_filter_leaves_stays_waiting(whole: Toy, topic: str, dead: str) -> None:
    pattern = '{"value": {"n": [10]}}'
    assert [redrive(whole, dead, "--filter", pattern)["redriven"] for _ in range(2)] == [1, 0]
    assert redrive(whole, dead, "--dry-run")["would_be"] == 4


def test_console_and_command_line_remember_a_redrive_together(whole: Toy, topic: str, dead: str) -> None:
    def waiting() -> tuple[int, Any]:
        rows = {row["name"]: row["waiting"] for row in httpx.get(f"{whole.addresses['console']}/api/topics").json()}
        return redrive(whole, dead, "--dry-run")["would_be"], rows[dead].get(topic)

    assert waiting() == (4, None)
    assert redrive(whole, dead, "--count", "1")["redriven"] == 1
    assert waiting() == (3, 3)
    answer = httpx.post(f"{whole.addresses['console']}/api/topics/{dead}/redrive", json={"to": topic})
    assert answer.json() == {"redriven": 3, "to": topic}
    assert waiting() == (0, 0)
    assert sorted(json.loads(record.value or b"")["n"] for record in records(whole, topic)) == [0, 1, 10, 11]
    assert {record.headers for record in records(whole, topic)} == {(("trace", b"abc"), ("attempts", b"3"))}


def test_the_headers_of_known_tools_failures_go() -> None:
    redriving = Redrive("a", "b", memory_of("a", "b", None), lambda _: True, frozenset({"mine"}))
    headers = tuple((name, b"") for name in ("kafka_dlt-original-topic", "__connect.errors.topic", "mine", "kept"))
    assert redriving.cleaned(Record("a", 0, 0, 0, None, None, headers)).headers == (("kept", b""),)
    assert memory_of("a", "b", "x") != memory_of("a", "b", "y") != memory_of("a", "b", None)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["create", "TOPIC"], "already"),
        (["create", "a/b"], "'a/b' is no name for a topic: letters"),
        (["produce", "--topic", "none", "x"], "there is no topic none; there are: "),
        (["produce", "--topic", "TOPIC", "--partition", "9", "x"], "has partitions 0 to 2"),
        (["produce", "--file", "none.txt"], "none.txt cannot be read"),
        (["lag", "--group", "none"], "there is no group none"),
        (["redrive", "--from", "none", "--to", "TOPIC"], "there is no topic none"),
        (["redrive", "--from", "TOPIC", "--to", "TOPIC"], "into itself"),
    ],
)
def test_what_cannot_be_done_is_one_line(whole: Toy, topic: str, words: list[str], fault: str) -> None:
    done = whole.command("events", *(topic if word == "TOPIC" else word for word in words))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert fault in done.stderr


@pytest.mark.parametrize("words", [["create", "x"], ["produce", "x"], ["lag"], ["redrive", "--from", "a", "--to", "b"]])
def test_where_nothing_runs_the_verbs_say_so(toy: Toy, words: list[str]) -> None:
    done = toy.command("events", *words)
    assert (done.returncode, done.stderr.startswith("samlet: nothing runs here")) == (1, True)
