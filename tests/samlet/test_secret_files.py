"""Secrets as files: made once, whole or not at all, and never read as anything else than a secret."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from samlet import secret_files
from samlet.cli.main import main
from samlet.errors import ProjectError
from samlet.secret_files import token_of

PROJECT = '[secrets]\nnames = ["one", "two"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text("Resources: {}")
    path = tmp_path / "samlet.toml"
    path.write_text(PROJECT)
    return path


def test_each_secret_is_a_file_that_its_owner_and_group_may_read_and_nobody_change(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "secrets"
    assert secret_files.make_missing(folder, ["one", "two"]) == ["one", "two"]
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two"]
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o440
        assert len(base64.b64decode(path.read_text(), validate=True)) == 32


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("chosen by hand\n")
    assert secret_files.make_missing(tmp_path, ["one", "two"]) == ["two"]
    assert secret_files.read(tmp_path, ["one"]) == {"one": "chosen by hand"}


def test_of_two_who_make_the_same_secret_at_once_one_wins_and_both_read_it(tmp_path: Path) -> None:
    def make(_: int) -> tuple[list[str], str]:
        return secret_files.make_missing(tmp_path, ["one"]), secret_files.read_one(tmp_path / "one")

    # Threads have one process id, as processes in different containers do.
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(make, range(64)))
    assert sum(len(made) for made, _ in results) == 1
    assert len({secret for _, secret in results}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "it is no text")],
)
def test_what_is_no_secret_is_an_error_that_names_its_file(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "one").write_bytes(content)
    with pytest.raises(ProjectError, match=why) as failed:
        secret_files.read(tmp_path, ["one"])
    assert str(tmp_path / "one") in str(failed.value)


def test_a_folder_is_no_secret_and_the_error_says_what_makes_one(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(ProjectError, match=f"`samlet secrets {tmp_path} one` makes it"):
        secret_files.read_one(tmp_path / "one")


def test_the_command_makes_what_the_project_names_and_tells_no_secret(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "secrets"
    assert main(["secrets", str(folder), "--config", str(project)]) == 0
    assert capsys.readouterr().out == "one: made\ntwo: made\n"
    kept = secret_files.read(folder, ["one", "two"])
    assert kept["one"] != kept["two"]
    assert main(["secrets", str(folder), "--config", str(project)]) == 0
    assert capsys.readouterr().out == "one: was there\ntwo: was there\n"
    assert secret_files.read(folder, ["one", "two"]) == kept
    assert main(["secrets", str(folder), "one", "three", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == [{"name": "one", "made": False}, {"name": "three", "made": True}]


def test_the_command_makes_named_secrets_where_no_project_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["secrets", "here", "token"]) == 0
    assert capsys.readouterr().out == "token: made\n"
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["token"]


@pytest.mark.parametrize("name", ["../token", "a/b", "", ".", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["secrets", str(tmp_path / "here"), "fine", name]) == 1
    assert capsys.readouterr().err == f"samlet: {name!r} is no name of a secret\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["secrets", str(tmp_path / "file"), "one"]) == 1
    assert capsys.readouterr().err.startswith(f"samlet: no secrets can be made in {tmp_path / 'file'}: ")


def test_each_function_has_a_token_of_its_own_that_tells_nothing_of_the_shared_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["secrets", str(tmp_path), "token", "--agents", "Hello", "Bye"]
    assert main(command) == 0
    assert capsys.readouterr().out.split("\n") == ["token: made", "Hello/token: made", "Bye/token: made", ""]
    shared, hello, bye = ((tmp_path / name).read_text() for name in ("token", "Hello/token", "Bye/token"))
    assert len({shared, hello, bye}) == 3
    assert (hello, bye) == (token_of(shared, "Hello"), token_of(shared, "Bye"))
    assert (tmp_path / "Hello" / "token").stat().st_mode & 0o777 == 0o440
    assert main(command) == 0
    assert "made" not in capsys.readouterr().out


def test_tokens_of_functions_are_made_anew_with_another_shared_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["secrets", str(tmp_path), "token", "--agents", "Hello", "--json"]
    assert main(command) == 0
    (tmp_path / "token").unlink()
    assert main(command) == 0
    assert (tmp_path / "Hello" / "token").read_text() == token_of((tmp_path / "token").read_text(), "Hello")
    assert capsys.readouterr().out.count('"made": true') == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--agents", "Hello"], "--agents needs one NAME"),
        (["a", "b", "--agents", "Hello"], "--agents needs one NAME"),
        (["a", "--agents", "../Hello"], "'../Hello' is no name"),
    ],
)
def test_tokens_of_functions_need_a_shared_one_and_names_that_stay_in_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["secrets", str(tmp_path / "made"), *words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
