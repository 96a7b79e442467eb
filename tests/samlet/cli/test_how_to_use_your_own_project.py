"""docs/how-to/use-your-own-project.md, word for word; replay-a-failure.md, as far as its commands go."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from samlet.cli import main
from samlet.services import reset
from servers import CHECKOUT
from toy import PARTS
from waiting import eventually

HOW_TO = CHECKOUT / "docs" / "how-to"
TEXT = (HOW_TO / "use-your-own-project.md").read_text()
FILES = {"yaml": "template.yaml", "python": "src/app.py", "toml": "samlet.toml", "json": "env.json"}

pytestmark = [pytest.mark.xdist_group("own-project"), pytest.mark.timeout(400)]


def commands(text: str) -> list[str]:
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.findall(r"^    (\S.+)$", prose, re.MULTILINE)


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAMLET_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ports = {f"SAMLET_{part}_PORT": "0" for part in PARTS}
    return {**kept, **ports, "PATH": path, "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet")}


def shell(folder: Path, command: str) -> str:
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment(), capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "src").mkdir()
    (folder / "src" / "requirements.txt").touch()
    for language, content in re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL):
        (folder / FILES[language]).write_text(content)
    yield folder
    reset(folder / ".samlet")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[dict[str, str]]:
    (start,) = (line for line in commands(TEXT) if line.startswith("samlet start"))
    for line in commands(TEXT)[: commands(TEXT).index(start)]:
        assert "problem" not in shell(folder, line)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", f"exec {start}"], cwd=folder, env=environment(), stdout=log, stderr=log)
    eventually(lambda: "ready in" in (folder / "log").read_text() or process.poll() is not None, timeout=150, every=0.2)
    assert process.poll() is None, (folder / "log").read_text()
    addresses = json.loads((folder / ".samlet" / "running.json").read_text())
    yield addresses
    process.send_signal(signal.SIGINT)
    process.wait(20)


def test_every_command_does_what_the_page_says(folder: Path, running: dict[str, str]) -> None:
    curl, following, following_logs = "curl http://127.0.0.1:3000/", "samlet events follow", "samlet logs --follow"
    said = {}
    lines = commands(TEXT)
    for line in lines[lines.index("samlet start") + 1 : lines.index("samlet logs --follow")]:
        if line.startswith(curl):
            said[line] = httpx.get(f"{running['api']}/{line.removeprefix(curl)}").text
        elif "--env-vars" not in line:  # refused while Samlet runs; see below
            said[line] = shell(folder, line)
    assert json.loads(said[f"{curl}hello/ada"]) == {"hello": "ada", "table": "orders", "stage": "local"}
    assert said["samlet events create orders"] == "orders is made, with 1 partition\n"
    assert said["samlet schedule next nightly --count 3"].count(" 02:00:00 CE") == 3
    answer = json.loads(said["samlet invoke HelloFunction --event event.json"])
    assert json.loads(answer["body"])["hello"] == "ada"
    for line in lines[lines.index(following_logs) : lines.index("samlet events lag") + 1]:
        if line not in (following_logs, f"{following} --topic orders") and "REQUEST_ID" not in line:
            said[line] = shell(folder, line)
    assert "REPORT RequestId" in said["samlet logs --function HelloFunction --since 10m"]
    eventually(lambda: '{"order": {"total": 5}' in shell(folder, "samlet logs --function OrdersFunction"))
    request_id = json.loads(shell(folder, "samlet invoke HelloFunction --event event.json --json"))["request_id"]
    assert shell(folder, f"samlet logs --trace {request_id}").count(request_id) == 3


def test_variables_and_ci_start_a_samlet_of_their_own(folder: Path, tmp_path: Path) -> None:
    lines = commands(TEXT)
    for line in lines[lines.index("samlet generate-event http --path /hello/ada > event.json") :][:1]:
        shell(folder, line)
    (variables,) = (line for line in lines if "--env-vars" in line)
    elsewhere = f"export SAMLET_STATE_DIR={tmp_path / 'state'}; "
    body = json.loads(json.loads(shell(folder, elsewhere + variables))["body"])
    assert body == {"hello": "ada", "table": "orders-of-mine", "stage": "mine"}
    shell(folder, elsewhere + "; ".join(lines[lines.index(next(line for line in lines if "export" in line)) :]))
    assert json.loads((folder / "coverage.json").read_text())["valid"] is True
    assert json.loads((folder / "answer.json").read_text())["ok"] is True
    reset(tmp_path / "state")


@pytest.mark.parametrize("page", ["use-your-own-project.md", "replay-a-failure.md"])
def test_every_command_of_the_page_is_understood(page: str) -> None:
    found = [part for line in commands((HOW_TO / page).read_text()) for part in line.split(" | ")]
    samlets = [part for part in found if part.startswith("samlet ")]
    assert len(samlets) > 8
    for command in samlets:
        main._parser().parse_args(shlex.split(command.partition(" > ")[0])[1:])
