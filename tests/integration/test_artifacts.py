"""What a deploy uploads: made by the makefile targets of `sam build`, looked into, and run without the checkout."""

import platform
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from samlet.runtime import interpreters
from servers import CHECKOUT

TEMPLATE: dict[str, Any] = decode(str(CHECKOUT / "template.yaml"))[0]
GLOBALS: dict[str, Any] = TEMPLATE["Globals"]["Function"]
HANDLERS: dict[str, str] = {
    name: resource["Properties"]["Handler"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}
(ARCHITECTURE,) = GLOBALS["Architectures"]
MACHINES = {"x86_64": 62, "arm64": 183}  # in the head of an ELF file
MOST_ZIPPED = 40_000_000

pytestmark = [pytest.mark.xdist_group("artifacts"), pytest.mark.timeout(300)]


def make(folder: str, target: str, *words: str) -> str:
    command = ["make", "-C", str(CHECKOUT / folder), target, f"PYTHON={sys.executable}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


def environment(name: str) -> dict[str, str]:
    """The variables that the template gives a function, filled with defaults, or likely values where there is none."""
    own = TEMPLATE["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {})
    filled = {}
    for variable, value in (GLOBALS["Environment"]["Variables"] | own).items():
        parameter = TEMPLATE["Parameters"].get(value["Ref"], {}) if isinstance(value, dict) and "Ref" in value else {}
        filled[variable] = value if isinstance(value, str) else str(parameter.get("Default", "A" * 43 + "="))
    return filled | {"DATABASE_URL": "postgresql://role@127.0.0.1:1/taskflow"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bundle") / "some authorities.pem"
    file.write_text("what AWS publishes")
    return file


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    make("layers/common", "build-CommonLayer", f"ARTIFACTS_DIR={folder}", f"RDS_CA_BUNDLE={bundle}")
    return folder


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts")
    for name in HANDLERS:
        make("functions", f"build-{name}", f"ARTIFACTS_DIR={folder / name}")
    return folder


@pytest.mark.parametrize("name", HANDLERS)
def test_an_artifact_holds_the_functions_own_folder_whole_and_nothing_else(artifacts: Path, name: str) -> None:
    own = HANDLERS[name].partition(".")[0]
    assert [path.name for path in (artifacts / name).iterdir()] == [own]
    assert files(artifacts / name / own) == files(CHECKOUT / "functions" / own)


def test_the_layer_holds_our_package_whole_and_no_compiled_files(layer: Path) -> None:
    assert files(layer / "python" / "taskflow") == files(CHECKOUT / "layers/common/python/taskflow")
    assert not list(layer.rglob("__pycache__"))
    assert not (layer / "python" / "bin").exists(), "scripts name the interpreter of whoever built this"


def test_the_layer_carries_the_databases_authorities_if_it_is_given_them(layer: Path, bundle: Path) -> None:
    assert {path.name for path in layer.iterdir()} == {"python", "rds-ca.pem"}
    assert (layer / "rds-ca.pem").read_text() == bundle.read_text()
    assert "rds-ca" not in make("layers/common", "build-CommonLayer", "--just-print", "ARTIFACTS_DIR=nowhere")


def test_the_layer_is_below_its_limit_when_zipped(layer: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files(layer):
            archive.write(layer / name, name)
    assert (tmp_path / "layer.zip").stat().st_size < MOST_ZIPPED


def test_what_is_compiled_is_for_the_templates_processor_and_python(layer: Path) -> None:
    libraries = list(layer.rglob("*.so"))
    assert libraries
    for library in libraries:
        head = library.read_bytes()[:20]
        assert head[:4] == b"\x7fELF"
        assert struct.unpack_from("<H", head, 18) == (MACHINES[ARCHITECTURE],), library
        assert f".cpython-{GLOBALS['Runtime'].removeprefix('python').replace('.', '')}-" in library.name or (
            library.name.endswith(".abi3.so")
        ), library


def test_the_layer_says_of_itself_what_it_was_built_for() -> None:
    properties = TEMPLATE["Resources"]["CommonLayer"]["Properties"]
    assert properties["CompatibleRuntimes"] == [GLOBALS["Runtime"]]
    assert properties["CompatibleArchitectures"] == GLOBALS["Architectures"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what was compiled once is kept for the other handlers, and not beside its source, which is looked at."""
    return tmp_path_factory.mktemp("compiled")


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != ARCHITECTURE,
    reason=f"THE LAYER IS FOR LINUX ON {ARCHITECTURE}: its packages cannot be loaded here",
)
@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_loads_from_its_artifact_and_the_layer_alone(
    artifacts: Path, layer: Path, compiled: Path, name: str
) -> None:
    python = interpreters.find(GLOBALS["Runtime"], strict=True).path
    module, _, function = HANDLERS[name].rpartition(".")
    paths = [str(artifacts / name), str(layer / "python")]
    code = (
        f"import sys; sys.path[:0] = {paths}; import {module} as door; print(callable(door.{function}), door.__file__)"
    )
    # Isolated and without site-packages, in a folder that holds nothing.
    done = subprocess.run(
        [python, "-I", "-S", "-X", f"pycache_prefix={compiled}", "-c", code],
        cwd=artifacts,
        env=environment(name),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["True", str(artifacts / name / Path(*module.split(".")).with_suffix(".py"))]
