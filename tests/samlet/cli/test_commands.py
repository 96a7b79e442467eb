"""The commands against a running Samlet: what they print, and what they end with."""

import json
import os
import re
import shlex
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from samlet import __version__
from samlet.cli.invoke import _refusal
from samlet.errors import Throttled
from samlet.runtime.invoke_errors import _throttled
from samlet.runtime.pool import LOCAL, RESERVED
from servers import CHECKOUT
from toy import Toy

pytestmark = pytest.mark.xdist_group("whole")


def test_schedule_list_prints_one_line_a_schedule_with_its_name_first(whole: Toy) -> None:
    listed = whole.command("schedule", "list")
    assert listed.returncode == 0
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert [line[0] for line in lines] == ["toy-failing", "toy-nightly"]
    assert "cron(0 0 * * ? *)" in listed.stdout


def test_schedule_next_shows_ten_times_in_the_zone_and_in_utc(whole: Toy) -> None:
    shown = whole.command("schedule", "next", "toy-failing", "--after", "2027-03-27T12:00:00Z")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert len(lines) == 10
    assert lines[0] == "Sun 2027-03-28 01:00:00 CET  2027-03-28T00:00:00Z"
    assert lines[1] == "Mon 2027-03-29 01:00:00 CEST  2027-03-28T23:00:00Z"
    assert len(whole.command("schedule", "next", "toy-nightly", "--count", "3").stdout.splitlines()) == 3


def test_schedule_next_says_that_no_time_comes(whole: Toy) -> None:
    shown = whole.command("schedule", "next", "toy-nightly", "--after", "2200-01-01T00:00:00Z")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr == "samlet: toy-nightly has no time to come\n"


def test_schedules_and_their_times_can_be_had_as_json(whole: Toy) -> None:
    rows = json.loads(whole.command("schedule", "list", "--json").stdout)
    assert [(row["name"], row["timezone"], row["paused"]) for row in rows] == [
        ("toy-failing", "Europe/Berlin", False),
        ("toy-nightly", "UTC", False),
    ]
    after = ("--after", "2027-03-27T00:00:00Z", "--count", "1")
    shown = whole.command("schedule", "next", "toy-nightly", "--json", *after)
    assert json.loads(shown.stdout) == ["2027-03-28T00:00:00+00:00"]


def test_a_paused_schedule_is_listed_as_such_until_it_is_resumed(whole: Toy) -> None:
    for action, shown in (("pause", "paused"), ("resume", "next ")):
        assert whole.command("schedule", action, "toy-nightly").returncode == 0
        (line,) = (
            line for line in whole.command("schedule", "list").stdout.splitlines() if line.startswith("toy-nightly")
        )
        assert shown in line


@pytest.mark.parametrize("action", ["next", "pause", "resume"])
def test_an_unknown_schedule_has_no_times_and_no_pause(whole: Toy, action: str) -> None:
    done = whole.command("schedule", action, "none")
    assert (done.returncode, len(done.stderr.splitlines()), "toy-nightly" in done.stderr) == (1, 1, True)


def test_schedule_run_waits_for_the_outcome_of_the_chosen_slot(whole: Toy) -> None:
    ran = whole.command("schedule", "run", "toy-nightly", "--at", "2026-11-21T00:00:00Z")
    assert ran.returncode == 0
    assert json.loads(ran.stdout) == {"slot": "2026-11-21T00:00:00Z"}


def test_schedule_run_fails_with_its_function_and_shows_why(whole: Toy) -> None:
    ran = whole.command("schedule", "run", "toy-failing")
    assert ran.returncode == 1
    assert "as was wished" in ran.stderr
    assert "about to fail" in ran.stderr


def test_an_unknown_schedule_is_one_line_with_the_known_ones(whole: Toy) -> None:
    ran = whole.command("schedule", "run", "none")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)
    assert ran.stderr.startswith("samlet: ")
    assert "toy-nightly" in ran.stderr


def test_a_slot_that_is_no_time_is_refused(whole: Toy) -> None:
    ran = whole.command("schedule", "run", "toy-nightly", "--at", "soon")
    assert ran.returncode == 1
    assert "is no ISO 8601 time" in ran.stderr


def test_invoke_takes_its_event_from_standard_input(whole: Toy) -> None:
    done = whole.command("invoke", "Tick", "--event", "-", stdin='{"a": 1}')
    assert (done.returncode, json.loads(done.stdout)) == (0, {"a": 1})


def test_invoke_takes_its_event_from_a_file(whole: Toy) -> None:
    (whole.folder / "event.json").write_text('{"b": 2}')
    assert json.loads(whole.command("invoke", "Tick", "--event", "event.json").stdout) == {"b": 2}


def test_invoke_fails_with_its_function(whole: Toy) -> None:
    done = whole.command("invoke", "Tick", "--event", "-", stdin='{"fail": true}')
    assert done.returncode == 1
    assert json.loads(done.stdout)["errorMessage"] == "as was wished"
    assert "about to fail" in done.stderr


def test_invoke_of_an_unknown_function_and_of_a_missing_file(whole: Toy) -> None:
    assert whole.command("invoke", "Nobody").stderr.startswith("samlet: Function not found: Nobody; the template has ")
    missing = whole.command("invoke", "Tick", "--event", "none.json")
    assert (missing.returncode, missing.stderr) == (
        1,
        "samlet: the event none.json cannot be read: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("reason", "text", "said"),
    [
        (RESERVED, "the reserved concurrency of 0 is used up", f"Rate Exceeded. ({RESERVED})"),
        (LOCAL, "all 4 sandboxes were busy for 10 s", f"all 4 sandboxes were busy for 10 s ({LOCAL})"),
    ],
)
def test_invoke_says_in_words_why_an_event_is_throttled(reason: str, text: str, said: str) -> None:
    throttled = _throttled(Throttled(reason, text))
    assert isinstance(throttled.body, bytes)
    assert _refusal(throttled.status, throttled.body) == said


def test_invoke_says_once_why_an_event_is_not_taken(whole: Toy) -> None:
    large = whole.command("invoke", "Tick", "--event", "-", stdin=f'"{"x" * 6_291_456}"')
    assert (large.returncode, large.stdout) == (1, "")
    assert large.stderr == (
        "samlet: 6291458 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)\n"
    )


def test_mails_are_an_array_decoded(whole: Toy) -> None:
    host, port = whole.addresses["mail"].split(":")
    with smtplib.SMTP(host, int(port)) as client:
        text = "From: a@example.org\r\nTo: b@example.org\r\nSubject: =?utf-8?q?H=C3=A9?=\r\n\r\nhello\r\n"
        client.sendmail("a@example.org", ["b@example.org"], text)
    (mail,) = json.loads(whole.command("mails", "--json").stdout)
    assert set(mail) == {"id", "received_at", "from", "to", "subject", "text", "html"}
    assert (mail["subject"], mail["text"].strip()) == ("Hé", "hello")
    assert "Hé" in whole.command("mails").stdout


def test_events_of_a_topic_that_is_not_there_are_an_empty_array(whole: Toy) -> None:
    done = whole.command("events", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert done.stderr.startswith("samlet: there is no topic events yet; there ")


def test_exec_tells_a_command_where_the_services_are_and_ends_as_it_does(whole: Toy) -> None:
    told = "import os, sys; print(os.environ['DATABASE_ADMIN_URL'], os.environ['KAFKA_BOOTSTRAP_SERVERS']); sys.exit(3)"
    done = whole.command("exec", "--", sys.executable, "-c", told)
    database, kafka = done.stdout.split()
    assert (done.returncode, kafka) == (3, whole.addresses["kafka"])
    assert database.startswith("postgresql://samlet_admin:")
    assert database.endswith(f"@{whole.addresses['postgres']}/toy")


def test_exec_leaves_what_the_environment_names_already(whole: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092")
    done = whole.command("exec", sys.executable, "-c", "import os; print(os.environ['KAFKA_BOOTSTRAP_SERVERS'])")
    assert done.stdout == "elsewhere:9092\n"


def test_reset_is_refused_while_samlet_runs(whole: Toy) -> None:
    refused = whole.command("reset")
    assert refused.returncode == 1
    assert "already runs" in refused.stderr
    assert whole.health()["ready"]


def test_reset_deletes_the_data(toy: Toy) -> None:
    toy.start()
    toy.end()
    assert toy.command("reset").returncode == 0
    assert [path.name for path in (toy.folder / ".samlet").iterdir()] == ["lock"]


def test_without_a_running_samlet_the_commands_say_so(toy: Toy) -> None:
    for arguments in (["mails"], ["events"], ["schedule", "list"]):
        done = toy.command(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("samlet: nothing runs here; start it with `samlet up`")


def test_the_version_and_wrong_usage(toy: Toy) -> None:
    assert toy.command("--version").stdout == f"samlet {__version__}\n"
    assert toy.command("dance").returncode == 2
    assert toy.command("start", "--template", "template.yaml", "--parameter", "x").returncode == 2


def test_start_where_there_is_no_template_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "samlet", "start"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"no samlet.toml and no template.yaml in {tmp_path}" in done.stderr


def test_a_bad_setting_is_one_line(toy: Toy) -> None:
    toy.environment["SAMLET_API_PORT"] = "many"
    done = toy.command("up")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "SAMLET_API_PORT" in done.stderr


def test_what_the_handbook_exports_is_all_that_boto3_needs_to_invoke(whole: Toy) -> None:
    section = (CHECKOUT / "local" / "README.md").read_text().partition("## The Invoke API")[2].partition("\n## ")[0]
    exported = dict(
        word.split("=", 1)
        for line in re.findall(r"^    export (.+)$", section, re.MULTILINE)
        for word in shlex.split(line)
    )
    assert exported["AWS_ENDPOINT_URL_LAMBDA"] == "http://127.0.0.1:3001"
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing_else = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    script = "import boto3; print(boto3.client('lambda').invoke(FunctionName='Tick', Payload='{}')['Payload'].read())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**own, **nothing_else, **exported, "AWS_ENDPOINT_URL_LAMBDA": whole.addresses["lambda"]},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("b'{}'\n", 0), done.stderr
