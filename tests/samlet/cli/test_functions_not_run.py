"""A project whose functions Samlet does not run: every command says so, with the line and what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from samlet.cli.main import main

SCRIPT = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      CodeUri: .
      Handler: index.handler
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "template.yaml").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    for part in ("API", "LAMBDA", "CONSOLE"):
        monkeypatch.setenv(f"SAMLET_{part}_PORT", "0")
    return tmp_path


def samlet(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "samlet", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)


def test_validate_does_not_say_that_such_a_template_can_be_run(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{project / 'template.yaml'} can be read, but no function of it can be run\n")
    assert "template.yaml:6" in shown
    assert "Runtime: nodejs22.x needs `sam local`; python3.x and provided.al2023 are run here" in shown


def test_invoking_it_says_why_it_is_not_run_and_where(project: Path) -> None:
    done = samlet("invoke", "Hello")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("samlet: Function not found: Hello; it is not run here: template.yaml:6: Hello")
    assert "nodejs22.x" in last
    assert "no function of template.yaml can be run here" in done.stderr


def test_invoking_what_the_template_has_not_names_what_it_has(project: Path) -> None:
    (project / "template.yaml").write_text(SCRIPT.replace("nodejs22.x", f"python3.{sys.version_info[1]}"))
    done = samlet("invoke", "Helo", "--python", sys.executable)
    assert done.stderr.splitlines()[-1] == "samlet: Function not found: Helo; the template has Hello"
    assert "no function of template.yaml" not in done.stderr
