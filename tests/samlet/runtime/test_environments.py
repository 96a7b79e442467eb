"""Which Python a function gets, and what is installed for it."""

import asyncio
import sys
import venv
from pathlib import Path

import pytest

from samlet.errors import EnvironmentFailed
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime import Environments, environments, interpreters
from samlet.runtime.environments import CLIENT, _own_pip, fingerprint, requirement_files
from samlet.runtime.interpreters import Interpreter, find

from .wheels import wheel

HERE = (sys.version_info[0], sys.version_info[1])

IN_TREE = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import shutil
from pathlib import Path

def build_wheel(folder, *_):
    return Path(shutil.copy("{made}", folder)).name
"""


def function(code: Path, **properties: object) -> Function:
    settings = {"runtime": f"python{HERE[0]}.{HERE[1]}"} | properties
    return Function("Echo", "echo", handler="app.handler", code=code, **settings)  # type: ignore[arg-type]


def test_the_interpreter_is_the_one_that_the_runtime_names() -> None:
    assert find(f"python{HERE[0]}.{HERE[1]}", strict=True).version == HERE


def test_a_missing_version_is_replaced_by_the_nearest_with_a_loud_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interpreters, "_candidates_for", lambda _wanted: iter([Interpreter(Path("/a"), (3, 12))]))
    assert find("python3.99").version == (3, 12)
    assert "Python 3.99 is missing" in capfd.readouterr().err


def test_a_missing_version_is_an_error_with_the_remedy_when_strict() -> None:
    with pytest.raises(EnvironmentFailed, match=r"pyenv install 3\.99.*--python PATH"):
        find("python3.99", strict=True)


def test_a_runtime_that_cannot_be_run_is_named() -> None:
    with pytest.raises(EnvironmentFailed, match=r"nodejs22\.x"):
        find("nodejs22.x")


def test_what_does_not_run_is_no_interpreter(tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert interpreters.probe(shim) is None
    assert interpreters.probe(tmp_path / "nothing") is None


def test_layers_come_before_the_code_and_a_built_artifact_needs_nothing(tmp_path: Path) -> None:
    folders = [tmp_path / "layer", tmp_path / "code", tmp_path / ".aws-sam" / "build" / "Echo"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "requirements.txt").touch()
    layer, code, built = folders
    assert requirement_files(function(code, layers=(layer,))) == [
        layer / "requirements.txt",
        code / "requirements.txt",
    ]
    assert requirement_files(function(built)) == []


def test_equal_requirements_make_equal_environments_and_a_change_makes_another(tmp_path: Path) -> None:
    interpreter = Interpreter(Path("/a"), (3, 13))
    one, two = tmp_path / "1.txt", tmp_path / "2.txt"
    one.write_text("answer==1\n")
    two.write_text("answer==1\n")
    assert fingerprint(interpreter, [one]) == fingerprint(interpreter, [two])
    two.write_text("answer==2\n")
    assert fingerprint(interpreter, [one]) != fingerprint(interpreter, [two])
    assert fingerprint(interpreter, [one]) != fingerprint(Interpreter(Path("/a"), (3, 12)), [one])


def test_the_runtime_client_is_pinned_with_hashes_and_names_no_address() -> None:
    text = CLIENT.read_text()
    assert "awslambdaric==" in text
    assert "--hash=sha256:" in text
    assert "://" not in text


async def test_requirements_are_installed_once_and_a_half_built_environment_is_built_again(
    tmp_path: Path, reaper: Reaper, capfd: pytest.CaptureFixture[str]
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "requirements.txt").write_text(f"{wheel(tmp_path, '1')}\n")
    built = Environments(tmp_path / "state", reaper=reaper)
    pythons = await asyncio.gather(*(built.python_for(function(code)) for _ in range(3)))
    assert len(set(pythons)) == 1
    assert capfd.readouterr().err.count("packages installed in") == 1
    assert await _answer(pythons[0]) == "1"
    (pythons[0].parent.parent / ".complete").unlink()
    (pythons[0].parent.parent / "rubbish").touch()
    await built.prepare([function(code)])
    assert not (pythons[0].parent.parent / "rubbish").exists()


async def test_an_environment_has_the_interpreters_pip_which_sees_no_package_of_the_interpreters(
    tmp_path: Path, reaper: Reaper
) -> None:
    (tmp_path / "requirements.txt").touch()
    python = await Environments(tmp_path / "state", reaper=reaper).python_for(function(tmp_path))
    assert await _said(python, "import pip; print(pip.__file__)") == str(_packages(python) / "pip" / "__init__.py")
    assert not list(python.parent.glob("pip*")), "copied, not installed"
    assert await _version_of_pip(python) == await _version_of_pip(find(f"python{HERE[0]}.{HERE[1]}").path)
    installed = await _said(python, "import importlib.metadata as m; print(*{d.name for d in m.distributions()})")
    assert set(installed.split()) == {"awslambdaric", "pip", "simplejson", "snapshot-restore-py"}


@pytest.mark.parametrize(("version", "copied"), [((3, 11), False), ((3, 12), True)])
def test_pip_is_not_copied_where_setuptools_has_to_come_with_it(
    tmp_path: Path, version: tuple[int, int], copied: bool
) -> None:
    packages = tmp_path / "lib" / "python{}.{}".format(*version) / "site-packages"
    for name in ("pip", "pip-24.2.dist-info"):
        (packages / name).mkdir(parents=True)
    assert bool(_own_pip(Interpreter(tmp_path / "bin" / "python", version))) is copied


async def test_a_python_without_pip_gets_the_bundled_one_and_nothing_is_written_beside_it(
    tmp_path: Path, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    before = sorted((tmp_path / "bare").rglob("*"))
    bare = Interpreter(tmp_path / "bare" / "bin" / "python", HERE)
    monkeypatch.setattr(environments, "find", lambda _runtime, strict: bare)
    (tmp_path / "requirements.txt").touch()
    python = await Environments(tmp_path / "state", reaper=reaper).python_for(function(tmp_path))
    assert await _version_of_pip(python)
    assert sorted((tmp_path / "bare").rglob("*")) == before


async def test_a_folder_that_pip_builds_from_stays_as_it_is(tmp_path: Path, reaper: Reaper) -> None:
    made, source = wheel(tmp_path, "2"), tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(IN_TREE)
    (source / "backend.py").write_text(BACKEND.format(made=made))
    (tmp_path / "requirements.txt").write_text(f"{source}\n")
    assert await _answer(await Environments(tmp_path / "state", reaper=reaper).python_for(function(tmp_path))) == "2"
    assert {path.name for path in source.iterdir()} == {"pyproject.toml", "backend.py"}


async def test_packages_that_cannot_be_installed_are_an_error_with_pips_words(tmp_path: Path, reaper: Reaper) -> None:
    (tmp_path / "requirements.txt").write_text("./not-there.whl\n")
    with pytest.raises(EnvironmentFailed, match=r"(?s)echo: .*not-there"):
        await Environments(tmp_path / "state", reaper=reaper).python_for(function(tmp_path))


async def test_a_named_python_is_used_as_it_is(tmp_path: Path, reaper: Reaper) -> None:
    named = Environments(tmp_path, reaper=reaper, python_override=Path(sys.executable))
    assert await named.python_for(function(tmp_path)) == Path(sys.executable)
    with pytest.raises(EnvironmentFailed, match="no Python that runs"):
        await Environments(tmp_path, reaper=reaper, python_override=tmp_path).python_for(function(tmp_path))


async def _answer(python: Path) -> str:
    return await _said(python, "import answer; print(answer.VALUE)")


async def _version_of_pip(python: Path) -> str:
    return await _said(python, "import pip; print(pip.__version__)")


def _packages(python: Path) -> Path:
    (folder,) = python.parents[1].glob("lib/python*/site-packages")
    return folder


async def _said(python: Path, program: str) -> str:
    process = await asyncio.create_subprocess_exec(python, "-c", program, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode().strip()
