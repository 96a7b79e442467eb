"""What the command line tells functions: `--env-vars`, `--profile`, `--region`, and `invoke` on its own."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from samlet.cli import env_vars, profile
from samlet.cli.main import main
from samlet.emulator import Options, Overrides
from samlet.errors import ProjectError
from servers import CHECKOUT
from toy import PARTS, Toy

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Env:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: shop-env
      CodeUri: .
      Handler: app.handler
      Runtime: python3.13
      Environment: {Variables: {DECLARED: template, GREETING: !Ref Greeting}}
"""
CODE = (
    "import os\ndef handler(event, context):\n    print('was here')\n    return {n: os.environ.get(n) for n in event}\n"
)
KEYS = "[default]\naws_access_key_id = AKIDEFAULT\naws_secret_access_key = s%cret-default\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    (tmp_path / "app.py").write_text(CODE)
    (tmp_path / "samlet.toml").write_text('[environment]\nPROJECT = "toml"\n')
    return tmp_path


def samlet(folder: Path, *words: str, asked: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAMLET_", "AWS_"))}
    ports = {f"SAMLET_{part}_PORT": "0" for part in PARTS}
    return subprocess.run(
        [sys.executable, "-m", "samlet", *words], cwd=folder, input=json.dumps(asked), capture_output=True, text=True,
        env={**kept, **ports, "HOME": str(folder), "SAMLET_CACHE_DIR": str(CHECKOUT / ".samlet")},
        timeout=60, check=False,
    )  # fmt: skip


def told(folder: Path, *words: str, asked: tuple[str, ...]) -> dict[str, Any]:
    done = samlet(folder, "invoke", "Env", "-e", "-", "--python", sys.executable, *words, asked=asked)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_env_vars_win_over_template_and_project_and_need_no_declaration(folder: Path) -> None:
    variables = {
        "Env": {"DECLARED": "file", "UNDECLARED": 5, "FLAG": True},
        "Parameters": {"PROJECT": "all", "ALL": "x", "DECLARED": "all"},
    }
    (folder / "env.json").write_text(json.dumps(variables))
    asked = ("DECLARED", "UNDECLARED", "FLAG", "PROJECT", "ALL", "GREETING")
    given = ("--env-vars", "env.json", "--parameter", "Greeting=salve")
    assert told(folder, *given, asked=asked) == {
        "DECLARED": "file", "UNDECLARED": "5", "FLAG": "true", "PROJECT": "all", "ALL": "x", "GREETING": "salve",
    }  # fmt: skip


def test_a_profile_gives_functions_its_keys_and_region_and_shows_them_nowhere(folder: Path) -> None:
    (folder / ".aws").mkdir()
    (folder / ".aws" / "credentials").write_text(KEYS)
    (folder / ".aws" / "config").write_text("[default]\nregion = us-west-2\n")
    asked = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
    answer = told(folder, "--profile", "default", asked=asked)
    assert answer == dict(zip(asked, ("AKIDEFAULT", "s%cret-default", "", "us-west-2"), strict=True))
    assert told(folder, "--profile", "default", "--region", "eu-west-1", asked=asked)["AWS_REGION"] == "eu-west-1"
    kept = [path.read_bytes() for path in (folder / ".samlet").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"s%cret" in content for content in kept)


def test_options_show_no_credentials() -> None:
    assert "s%cret" not in repr(Options(overrides=Overrides({"A": "s%cret"}, {"F": {"B": "s%cret"}})))
    assert "s%cret" not in repr(profile.Profile({"AWS_SECRET_ACCESS_KEY": "s%cret"}))


def test_a_name_that_no_function_has_is_told(folder: Path) -> None:
    (folder / "env.json").write_text('{"Evn": {"A": "b"}, "shop-env": {"DECLARED": "by name"}}')
    done = samlet(
        folder, "invoke", "-e", "-", "--python", sys.executable, "--env-vars", "env.json", asked=("DECLARED",)
    )
    assert json.loads(done.stdout) == {"DECLARED": "by name"}
    assert "no function Evn" in done.stderr


def test_json_has_answer_error_and_log_and_a_log_file_takes_what_would_be_shown(folder: Path) -> None:
    words = ("invoke", "Env", "--no-event", "--python", sys.executable, "--json", "--log-file", "log.txt")
    done = samlet(folder, *words)
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["error"], answer["payload"]) == (True, None, {})
    assert "was here" in answer["log"]
    assert done.stderr == ""
    assert f"END RequestId: {answer['request_id']}" in (folder / "log.txt").read_text()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is no JSON"),
        ("[]", "needs an object"),
        ('{"F": 1}', "F needs an object"),
        ('{"F": {"A": []}}', "F.A needs a text"),
    ],
)
def test_a_wrong_file_of_variables_is_one_line(tmp_path: Path, content: str | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "env.json").write_text(content)
    with pytest.raises(ProjectError, match=fault):
        env_vars.read(tmp_path / "env.json")


def read_profile(home: Path, name: str, environ: Mapping[str, str] | None = None, **files: str) -> profile.Profile:
    (home / ".aws").mkdir(exist_ok=True)
    for file, content in files.items():
        (home / ".aws" / file).write_text(content)
    return profile.read(name, environ or {}, home)


def test_keys_are_found_in_either_file_and_the_credentials_win(tmp_path: Path) -> None:
    config = "[profile dev]\naws_access_key_id = a\naws_secret_access_key = b\nregion = eu-west-3\n"
    found = read_profile(tmp_path, "dev", config=config)
    assert (found.variables["AWS_SECRET_ACCESS_KEY"], found.region) == ("b", "eu-west-3")
    credentials = "[dev]\naws_access_key_id = c\naws_secret_access_key = d\naws_session_token = t\n"
    found = read_profile(tmp_path, "dev", credentials=credentials)
    assert list(found.variables.values()) == ["c", "d", "t"]
    (tmp_path / "elsewhere").write_text(KEYS)
    found = read_profile(tmp_path, "default", {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "elsewhere")})
    assert found.variables["AWS_ACCESS_KEY_ID"] == "AKIDEFAULT"


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("[profile other]\nregion = x\n", "there is no profile dev"),
        ("[profile dev]\nsso_session = corp\n", "sso_session, which is not done here"),
        ("[profile dev]\nregion = eu-west-1\n", "has no aws_access_key_id"),
        (
            "aws_secret_access_key = s%cret\n",
            r"as a file of AWS profiles \(MissingSectionHeaderError\)$",
        ),
    ],
)
def test_a_profile_without_keys_of_its_own_says_what_to_do(tmp_path: Path, config: str, fault: str) -> None:
    with pytest.raises(ProjectError, match=fault):
        read_profile(tmp_path, "dev", config=config)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--region", "Frankfurt"], "no AWS region"),
        (["--profile", "none"], "there is no profile none"),
        (["-e", "broken.json"], "broken.json is no JSON"),
        (["--log-file", "no/such/folder/log"], "cannot be written"),
    ],
)
def test_what_invoke_cannot_use_is_one_line_and_1(folder: Path, words: list[str], fault: str) -> None:
    (folder / "broken.json").write_text('{"a": ')
    done = samlet(folder, "invoke", "Env", *words)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("samlet: ")]
    assert fault in line


def test_without_a_name_the_only_function_is_meant_and_several_are_listed(
    toy: Toy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy.folder)
    assert main(["invoke"]) == 1
    assert "say which function to invoke: Hello, Prepare, Tick" in capsys.readouterr().err


def test_where_samlet_runs_already_variables_are_refused_not_dropped(toy: Toy) -> None:
    toy.arguments = ("--env-vars", "env.json")
    (toy.folder / "env.json").write_text('{"Hello": {"GREETING": "bonjour "}}')
    toy.start()
    done = toy.command("invoke", "Hello", "--env-vars", "env.json", "--parameter", "A=b")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "--env-vars, --parameter: a Samlet runs here already" in done.stderr
    answer = json.loads(toy.command("invoke", "Hello", "--json").stdout)
    assert answer["payload"]["body"].startswith("bonjour ")
    assert "REPORT RequestId" in answer["log"]


def test_a_lone_invocation_takes_its_parameters_from_the_environment_of_samconfig_that_is_named(folder: Path) -> None:
    (folder / "samconfig.toml").write_text('[other.deploy.parameters]\nparameter_overrides = "Greeting=other"\n')
    assert told(folder, "--config-env", "other", asked=("GREETING",)) == {"GREETING": "other"}
