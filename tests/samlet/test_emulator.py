"""A whole Samlet as a process: how it starts, what it tells meanwhile, and that nothing of it stays behind."""

import json
import os
import signal
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from samlet.services import reset
from toy import SERVICES, Toy, gone
from waiting import eventually

STOP_WITHIN = 5.0

pytestmark = pytest.mark.xdist_group("whole")


def test_before_it_is_ready_the_console_says_503(toy: Toy) -> None:
    toy.launch()
    health = eventually(toy.health, timeout=30)
    assert (health["status"], health["ready"]) == (503, False)
    assert health["parts"]["samlet"]["state"] == "starting"
    toy.gate.touch()
    eventually(lambda: toy.health()["ready"], timeout=30)
    health = toy.health()
    assert health["status"] == 200
    assert health["parts"]["functions"]["Prepare"]["sandboxes"][0]["pid"]


def test_each_part_tells_its_state_and_processes(whole: Toy) -> None:
    parts = whole.health()["parts"]
    assert {name: parts[name]["state"] for name in ("postgres", "kafka", "mail")} == dict.fromkeys(
        ("postgres", "kafka", "mail"), "ready"
    )
    pids = {process.pid for process in whole.family()}
    assert {parts["postgres"]["pid"], parts["kafka"]["pid"]} < pids


def test_the_api_answers_with_environment_and_secret(whole: Toy) -> None:
    answer = httpx.get(f"{whole.addresses['api']}/hello")
    assert answer.status_code == 200
    greeting, secret = answer.text.split(" ")
    assert greeting == "hello"
    assert secret in (whole.folder / ".samlet" / "secrets.json").read_text()


def test_the_web_page_gets_the_address_of_the_api(whole: Toy) -> None:
    assert "toy" in httpx.get(whole.addresses["web"]).text
    config = httpx.get(f"{whole.addresses['web']}/config.json")
    assert config.json() == {"api": whole.addresses["api"]}


def test_a_second_start_on_the_same_state_is_refused_by_name(toy: Toy) -> None:
    toy.start()
    first = toy.process
    second = toy.command("up")
    assert second.returncode == 1
    assert f"pid {first.pid}, console {toy.addresses['console']}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert first.poll() is None


def test_ctrl_c_ends_everything_within_five_seconds(tmp_path: Path) -> None:
    toy = Toy(tmp_path / "toy", SERVICES)
    toy.start()
    httpx.get(f"{toy.addresses['api']}/hello")
    family = toy.family()
    began = time.monotonic()
    toy.process.send_signal(signal.SIGINT)
    assert toy.process.wait(20) == 0
    assert time.monotonic() - began < STOP_WITHIN
    assert gone(family)
    assert not (toy.folder / ".samlet" / "running.json").exists()
    reset(toy.folder / ".samlet")


def test_kill_9_leaves_no_process_and_the_next_start_works(tmp_path: Path) -> None:
    toy = Toy(tmp_path / "toy", SERVICES)
    toy.start()
    httpx.get(f"{toy.addresses['api']}/hello")
    family = toy.family()
    toy.process.kill()
    toy.process.wait()
    eventually(lambda: gone(family), timeout=10)
    toy.start()
    toy.end()
    reset(toy.folder / ".samlet")


def test_ctrl_c_while_starting_ends_it(toy: Toy) -> None:
    toy.launch()
    eventually(lambda: "Prepare" in toy.health().get("parts", {}).get("functions", {}), timeout=30)
    family = toy.family()
    toy.process.send_signal(signal.SIGTERM)
    assert toy.process.wait(STOP_WITHIN) == 0
    eventually(lambda: gone(family), timeout=2)


def test_a_second_ctrl_c_ends_it_at_once(toy: Toy) -> None:
    toy.start()
    family = toy.family()
    toy.process.send_signal(signal.SIGINT)
    toy.process.send_signal(signal.SIGINT)
    assert toy.process.wait(STOP_WITHIN) in {0, 130}
    eventually(lambda: gone(family), timeout=2)


def test_a_function_of_on_start_that_fails_ends_the_start_with_its_log(toy: Toy) -> None:
    toy.gate.write_text("fail")
    toy.launch()
    assert toy.process.wait(30) == 1
    assert "samlet: Prepare, which on_start names, failed:" in toy.log
    assert "cannot prepare" in toy.log
    assert not toy.addresses


def test_invoke_without_a_running_samlet_starts_what_it_needs(toy: Toy) -> None:
    toy.gate.touch()
    done = toy.command("invoke", "Tick", "--python", sys.executable, "--event", "-", stdin='{"a": 1}')
    assert (done.returncode, done.stdout) == (0, '{"a": 1}\n'), done.stderr
    assert "nothing runs here" in done.stderr


def test_parts_that_cannot_be_run_are_named_and_strict_makes_them_errors(toy: Toy) -> None:
    template = toy.folder / "template.yaml"
    template.write_text(template.read_text() + "  Orders: {Type: Custom::Orders}\n")
    refused = toy.command("up", "--strict")
    assert refused.returncode == 1
    assert "template.yaml:38: Orders (Custom::Orders): nobody calls" in refused.stderr
    assert "--strict was given: Orders" in refused.stderr
    toy.start()
    assert "Orders (" in toy.log


def test_a_parameter_of_the_command_line_counts(toy: Toy) -> None:
    toy.gate.touch()
    toy.arguments = ("--parameter", "Secret=given")
    toy.start()
    assert httpx.get(f"{toy.addresses['api']}/hello").text == "hello given"


def test_a_taken_port_is_told_with_its_setting(toy: Toy) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        toy.environment["SAMLET_WEB_PORT"] = str(port)
        refused = toy.command("up")
    assert refused.returncode == 1
    assert f"port {port} for the web page is taken; set SAMLET_WEB_PORT" in refused.stderr


def test_slots_that_passed_while_it_was_off_fire_at_start_if_wished(toy: Toy) -> None:
    kept = toy.folder / ".samlet" / "schedules.json"
    kept.parent.mkdir()
    long_ago = datetime.now(UTC) - timedelta(days=3)
    nightly = {"expression": "cron(0 0 * * ? *)", "timezone": "UTC", "handled_until": long_ago.isoformat()}
    kept.write_text(json.dumps({"scheduler/default/toy-nightly": nightly}))
    toy.arguments = ("--catch-up", "latest")
    toy.start()
    eventually(lambda: "slots that passed while Samlet was off: 3; firing 1" in toy.log, timeout=10)
    eventually(lambda: (kept.parent / "logs" / "Tick.log").exists(), timeout=10)
    handled = json.loads(kept.read_text())["scheduler/default/toy-nightly"]["handled_until"]
    assert datetime.fromisoformat(handled) > long_ago + timedelta(days=2)


@pytest.mark.parametrize("word", ["START", "END", "REPORT"])
def test_the_log_is_kept_in_the_state_folder(whole: Toy, word: str) -> None:
    kept = whole.folder / ".samlet" / "samlet.log"
    eventually(lambda: f"{word} RequestId" in kept.read_text())


def test_everything_listens_on_loopback_only(whole: Toy) -> None:
    listening = [
        connection.laddr.ip
        for process in whole.family()
        for connection in process.net_connections()
        if connection.status == "LISTEN"
    ]
    assert listening
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_no_secret_is_readable_by_others(whole: Toy) -> None:
    for name in ("secrets.json", "running.json"):
        assert os.stat(whole.folder / ".samlet" / name).st_mode & 0o077 == 0  # noqa: PTH116
