"""Functions in each Python that is on this machine, and what is said where one is missing or doesn't fit."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.errors import EnvironmentFailed
from samlet.runtime import Environments, interpreter_places
from samlet.runtime.artifacts import Target, packed, unfit
from samlet.runtime.interpreter_places import places
from samlet.runtime.interpreters import find, probe

from .conftest import ENVIRONMENTS
from .wheels import wheel

KNOWN = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def is_there(version: str) -> bool:
    try:
        return find(f"python{version}", strict=True) is not None
    except EnvironmentFailed:
        return False


# At least the one that runs these tests.
FOUND = [version for version in KNOWN if is_there(version)]


def kept(folder: Path, version: str) -> Path:
    """A package at a path that stays, so that its environment is built once and not for each run of the tests."""
    wheels = ENVIRONMENTS / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    made = wheel(folder, version)
    return Path(shutil.move(made, wheels / made.name))


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


def test_the_python_that_runs_these_tests_is_among_those_found() -> None:
    assert HERE in FOUND


def test_a_python_that_is_too_old_is_not_said_to_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EnvironmentFailed, match=r"^Python 3\.8 is too old to be run here, 3\.9 is the oldest: raise"):
        find("python3.8", strict=True)
    find("python3.8")
    said = "".join(capsys.readouterr())
    assert "Python 3.8 is too old; functions of it run on 3." in said
    assert "install" not in said


@pytest.mark.parametrize("version", FOUND)
async def test_a_function_runs_in_the_python_its_runtime_names_with_its_own_packages(
    make: MakeFunction, running: Running, version: str, tmp_path: Path
) -> None:
    source = """
        import os, sys
        import answer
        def handler(event, context):
            if event == "fail":
                raise ValueError("no")
            return [list(sys.version_info[:2]), answer.VALUE, event, os.environ["AWS_EXECUTION_ENV"]]
    """
    function = make(source, runtime=f"python{version}")
    (function.code / "requirements.txt").write_text(f"{kept(tmp_path, version)}\n")
    async with running(function) as functions:
        major, minor = map(int, version.split("."))
        expected = [[major, minor], version, {"a": "é"}, f"AWS_Lambda_python{version}"]
        assert told(await functions.invoke("Echo", '{"a": "é"}'.encode())) == expected
        failed = await functions.invoke("Echo", b'"fail"')
        assert (failed.function_error, told(failed)["errorType"]) == ("Unhandled", "ValueError")
        assert (await functions.invoke("Echo", b"1")).init_ms is None, "the process is still the same"


async def test_functions_in_several_pythons_run_side_by_side(make: MakeFunction, running: Running) -> None:
    source = "import sys\ndef handler(event, context):\n    return sys.version_info[1]\n"
    made = [make(source, f"Echo{version.replace('.', '')}", runtime=f"python{version}") for version in FOUND]
    async with running(*made) as functions:
        answers = [told(await functions.invoke(function.logical_id, b"{}")) for function in made]
    assert answers == [int(version.split(".")[1]) for version in FOUND]


@pytest.mark.parametrize(
    ("variable", "place"),
    [
        ("PYENV_ROOT", "versions/3.99.1/bin/python"),
        ("ASDF_DATA_DIR", "installs/python/3.99.1/bin/python"),
        ("MISE_DATA_DIR", "installs/python/3.99.1/bin/python"),
        ("UV_PYTHON_INSTALL_DIR", "cpython-3.99.1-linux-x86_64-gnu/bin/python3"),
        ("PATH", "python3.99"),
    ],
)
def test_a_python_is_found_where_its_manager_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, place: str
) -> None:
    python = tmp_path / place
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setenv(variable, str(tmp_path))
    assert python in list(places("3.99"))
    assert variable == "PATH" or python in list(places("3"))


def test_a_python_of_homebrew_and_one_of_python_org_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    brewed = tmp_path / "brew/opt/python@3.99/bin/python3.99"
    installed = tmp_path / "framework/3.99/bin/python3.99"
    for python in (brewed, installed):
        python.parent.mkdir(parents=True)
        python.touch()
    monkeypatch.setattr(interpreter_places, "_HOMEBREW", (str(tmp_path / "brew"),))
    monkeypatch.setattr(interpreter_places, "_FRAMEWORK", tmp_path / "framework")
    for version in ("3.99", "3"):
        assert {brewed, installed} <= set(places(version))


def test_the_newest_of_several_patch_releases_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for release in ("3.99.2", "3.99.10", "3.99.9"):
        (tmp_path / "versions" / release / "bin").mkdir(parents=True)
        (tmp_path / "versions" / release / "bin" / "python").touch()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert [python.parts[-3] for python in places("3.99") if tmp_path in python.parents] == [
        "3.99.10",
        "3.99.9",
        "3.99.2",
    ]


@pytest.mark.parametrize("lie", ["sys.implementation.name = 'pypy'", "sysconfig.get_config_var = lambda name: 1"])
def test_a_python_of_another_kind_is_not_taken(tmp_path: Path, lie: str) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys, sysconfig; {lie}; exec(sys.argv[1])" "$3"\n')
    python.chmod(0o755)
    assert probe(python) is None
    python.write_text(python.read_text().replace(lie, "pass"))
    probe.cache_clear()
    assert probe(python) is not None, "the lie alone made the difference"


HOST = Target((3, 13), "linux", "x86_64")


@pytest.mark.parametrize(
    ("name", "target", "fits"),
    [
        ("x.cpython-313-x86_64-linux-gnu.so", HOST, True),
        ("x.cpython-311-x86_64-linux-gnu.so", HOST, False),
        ("x.cpython-313-aarch64-linux-gnu.so", HOST, False),
        ("x.cpython-313-darwin.so", HOST, False),
        ("x.abi3.so", HOST, True),
        ("libx.so", HOST, True),
        ("x.cpython-313-darwin.so", Target((3, 13), "darwin", "arm64"), True),
        ("x.cpython-313-x86_64-linux-gnu.so", Target((3, 13), "darwin", "x86_64"), False),
        ("x.cpython-39-aarch64-linux-gnu.so", Target((3, 9), "linux", "arm64"), True),
    ],
)
def test_a_native_module_fits_by_its_name(name: str, target: Target, fits: bool) -> None:
    assert target.fits(Path(name)) is fits


def test_a_module_that_is_there_for_several_pythons_fits_if_one_of_them_does(tmp_path: Path) -> None:
    for version in ("311", "313"):
        (tmp_path / f"x.cpython-{version}-x86_64-linux-gnu.so").touch()
    assert unfit(tmp_path, HOST) is None
    told = unfit(tmp_path, Target((3, 12), "linux", "x86_64"))
    assert told
    assert "x.cpython-311-x86_64-linux-gnu.so and 1 more" in told
    assert "3.12 on x86_64 linux" in told


def test_only_folders_that_carry_packages_are_searched(tmp_path: Path) -> None:
    for name in (
        "code",
        "built/x.dist-info",
        "layer/python/x.dist-info",
        "deep/python/lib/python3.13/site-packages/x.dist-info",
    ):
        (tmp_path / name).mkdir(parents=True)
    folders = [tmp_path / name for name in ("code", "built", "layer", "deep")]
    found = [str(folder.relative_to(tmp_path)) for folder in packed(folders)]
    assert found == ["built", "layer/python", "deep/python/lib/python3.13/site-packages"]


async def test_a_built_function_with_modules_for_another_python_is_named_and_is_an_error_when_strict(
    make: MakeFunction, environments: Environments, capfd: pytest.CaptureFixture[str]
) -> None:
    function = make("", runtime=f"python{HERE}")
    (function.code / "fast-1.0.dist-info").mkdir()
    (function.code / "fast.cpython-36-x86_64-linux-gnu.so").touch()
    await environments.prepare([function])
    line = capfd.readouterr().err
    assert "test-echo" in line
    assert "fast.cpython-36-x86_64-linux-gnu.so" in line
    fine = make("", "Fine", runtime=f"python{HERE}")
    await environments.prepare([fine, function, replace(function, name="test-twin")])
    assert "test-fine" not in (lines := capfd.readouterr().err)
    assert lines.count("build it anew") == 2, "once for each function that has it"
    environments.strict = True
    with pytest.raises(EnvironmentFailed, match=r"test-echo: .*build it anew"):
        await environments.prepare([fine, function])


def test_the_interpreter_of_each_version_found_is_of_that_version() -> None:
    for version in FOUND:
        path = find(f"python{version}", strict=True).path
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        assert said.startswith(f"Python {version}.")
