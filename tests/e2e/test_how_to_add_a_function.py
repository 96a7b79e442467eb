"""docs/how-to/add-a-function.md, followed word for word in a copy of the project."""

import re
import shutil
import signal
from pathlib import Path
from textwrap import dedent, indent

import pytest

from e2e.system import CHECKOUT, System

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
COPIED = ("functions", "layers", "frontend", "template.yaml", "samlet.toml")


def block(language: str) -> str:
    page = (CHECKOUT / "docs" / "how-to" / "add-a-function.md").read_text()
    found = re.search(rf"^ *```{language}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    assert found, language
    return dedent(found[1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "project"
    copy.mkdir()
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def test_a_function_is_one_folder_and_one_entry_in_the_template(project: Path, tmp_path: Path) -> None:
    folder = project / "functions" / "clock_face"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "handler.py").write_text(block("python"))
    template = project / "template.yaml"
    template.write_text(template.read_text().replace("\nOutputs:\n", f"\n{indent(block('yaml'), '  ')}\nOutputs:\n"))

    system = System(tmp_path / "state", project=project).start()
    try:
        with system.api() as client:
            answer = client.get("/time")
        assert answer.status_code == 200, answer.text
        assert answer.json()["now"].endswith("Z")
    finally:
        system.stop(signal.SIGINT)
        system.samlet("reset")
