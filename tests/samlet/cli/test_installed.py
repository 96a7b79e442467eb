"""The README's first screen, word for word, by a stranger: installed elsewhere, with a template of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from servers import CHECKOUT
from toy import PARTS
from waiting import eventually

pytestmark = [pytest.mark.xdist_group("installed"), pytest.mark.timeout(500)]
README = (CHECKOUT / "local" / "README.md").read_text()
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Runtime: python3.13
      Events: {Get: {Type: HttpApi, Properties: {Method: GET, Path: /hello}}}
"""
CODE = """
import isodate

def handler(event, context):
    return {"statusCode": 200, "body": isodate.duration_isoformat(isodate.parse_duration("PT1H"))}
"""
TYPED = """
from pathlib import Path
from samlet.template import load

template = load(Path("template.yaml"), {})
reveal_type(template.functions)
load(5, {})
"""


def first_screen() -> list[list[str]]:
    """The blocks of commands, one a paragraph."""
    screen = README.partition("## In two commands")[2].partition("\n## ")[0]
    return [block.split("\n    ") for block in re.findall(r"\n\n    ((?:.+\n    )*.+)\n\n", screen)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout's copy of the package, an empty environment, and a project of somebody's own."""
    folder = tmp_path_factory.mktemp("stranger")
    leftovers = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(CHECKOUT / "local", folder / "checkout" / "local", ignore=leftovers)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    (folder / "shop" / "src").mkdir(parents=True)
    (folder / "shop" / "template.yaml").write_text(TEMPLATE)
    (folder / "shop" / "src" / "app.py").write_text(CODE)
    (folder / "shop" / "src" / "requirements.txt").write_text("isodate\n")
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAMLET_", "PYTHON"))}
    path = f"{folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**kept, **{f"SAMLET_{part}_PORT": "0" for part in PARTS}, "PATH": path}


def shell(folder: Path, place: str, command: str) -> str:
    done = subprocess.run(
        command, shell=True, cwd=folder / place, env=environment(folder), capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[dict[str, str]]:
    """The two commands, as they stand there; the second one runs on."""
    install, start = first_screen()[0]
    shell(folder, "checkout", install)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {start}"], cwd=folder / "shop", env=environment(folder), stdout=log, stderr=log
        )
    told = folder / "shop" / ".samlet" / "running.json"
    eventually(lambda: "ready in" in (folder / "log").read_text() or process.poll() is not None, timeout=150, every=0.2)
    assert process.poll() is None, (folder / "log").read_text()
    yield json.loads(told.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_stranger_has_a_template_running_in_two_commands_and_looks_at_it_with_four(
    folder: Path, running: dict[str, str]
) -> None:
    assert httpx.get(f"{running['api']}/hello").text == "PT1H"
    doctor, validate, invoke, logs = first_screen()[1]
    assert "python3.13" in shell(folder, "shop", doctor)
    assert "GET /hello  Hello" in shell(folder, "shop", validate)
    assert json.loads(shell(folder, "shop", invoke))["body"] == "PT1H"
    assert "REPORT RequestId" in shell(folder, "shop", logs)
    assert shell(folder, "shop", "python -m samlet --version") == shell(folder, "shop", "samlet --version")


def test_what_is_installed_is_not_the_checkout_and_its_types_are_seen(folder: Path, running: dict[str, str]) -> None:
    place = shell(folder, "shop", "python -c 'import samlet; print(samlet.__file__)'").strip()
    assert Path(place).is_relative_to(folder / "venv")
    (folder / "typed.py").write_text(TYPED)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", folder / "venv" / "bin" / "python", "--cache-dir",
         folder / "cache", "--strict", "typed.py"],
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ", samlet.model.Function]" in checked.stdout
    assert 'typed.py:7: error: Argument 1 to "load" has incompatible type "int"; expected "Path"' in checked.stdout
    assert checked.stdout.count("error:") == 1


def test_every_command_in_the_readme_is_one() -> None:
    from samlet.cli.main import _parser

    blocks = re.findall(r"^    (.+)$", README, re.MULTILINE)
    commands = [part for line in blocks for part in re.findall(r"(?:^|\| |[A-Z]=\S+ )samlet ([^|]+)", line)]
    assert len(commands) >= 6
    for command in commands:
        _parser().parse_args(command.partition("#")[0].split())
