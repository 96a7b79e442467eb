"""Code that is no folder: archives, and text in the template."""

import stat
import zipfile
from pathlib import Path

import pytest

from samlet.errors import TemplateError

from .conftest import Loader

INLINE = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties:
          Runtime: python3.13
          Handler: index.handler
          Code:
            ZipFile: |
              def handler(event, context):
                  return %s
"""
FROM_ARCHIVE = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties: {Runtime: provided.al2023, Handler: bootstrap, Code: function.zip, Layers: [!Ref L]}
      L: {Type: AWS::Lambda::LayerVersion, Properties: {Content: layer.zip}}
"""


def _archive(path: Path, name: str, text: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, text)


def test_inline_code_is_index_py_in_a_folder_of_its_own(loaded: Loader) -> None:
    one, again, two = loaded(INLINE % 1), loaded(INLINE % 1), loaded(INLINE % 2)
    code = one.functions["F"].code
    assert (code / "index.py").read_text() == "def handler(event, context):\n    return 1\n"
    assert again.functions["F"].code == code
    assert two.functions["F"].code != code
    assert one.unsupported == ()


def test_sams_inline_code_is_the_same(loaded: Loader) -> None:
    template = loaded(
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties: {Runtime: python3.13, Handler: index.handler, InlineCode: "handler = print"}
        """
    )
    assert (template.functions["F"].code / "index.py").read_text() == "handler = print"


def test_an_archive_is_unpacked_once_for_each_content_and_keeps_what_can_be_run(tmp_path: Path, loaded: Loader) -> None:
    _archive(tmp_path / "function.zip", "bootstrap", "#!/bin/sh")
    _archive(tmp_path / "layer.zip", "python/shared.py", "")
    first = loaded(FROM_ARCHIVE).functions["F"]
    assert (first.code / "bootstrap").stat().st_mode & stat.S_IXUSR
    assert (first.layers[0] / "python" / "shared.py").is_file()
    (first.code / "mark").touch()
    assert (loaded(FROM_ARCHIVE).functions["F"].code / "mark").exists()
    _archive(tmp_path / "function.zip", "bootstrap", "#!/bin/sh\n")
    changed = loaded(FROM_ARCHIVE).functions["F"]
    assert (changed.code / "bootstrap").read_text() == "#!/bin/sh\n"
    assert not (changed.code / "mark").exists()


def test_an_archive_writes_nothing_outside_its_folder(tmp_path: Path, loaded: Loader) -> None:
    _archive(tmp_path / "function.zip", "../../../escaped", "x")
    _archive(tmp_path / "layer.zip", "/python/a.py", "")
    template = loaded(FROM_ARCHIVE)
    assert not list(tmp_path.glob("escaped")) + list(tmp_path.parent.glob("escaped"))
    assert (template.functions["F"].layers[0] / "python" / "a.py").is_file()


def test_what_is_no_archive_is_named(tmp_path: Path, loaded: Loader) -> None:
    (tmp_path / "function.zip").write_text("no archive")
    _archive(tmp_path / "layer.zip", "a", "")
    with pytest.raises(TemplateError, match=r"Resources\.F\.Properties\.Code: .*function\.zip cannot be unpacked"):
        loaded(FROM_ARCHIVE)
    assert not [entry for entry in (tmp_path / ".samlet" / "code").iterdir() if entry.name.startswith("tmp")]


def test_a_missing_archive_is_named(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"Content: no folder .*layer\.zip"):
        loaded(FROM_ARCHIVE)


LINKED = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties: {Runtime: python3.13, Handler: app.handler, Code: %s, Layers: [!Ref L]}
      L: {Type: AWS::Lambda::LayerVersion, Properties: {Content: current}}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("current", "current"),
        ("./code/../current/inner", "current/inner"),
        ("current/inner/../inner", "current/inner"),
        ("current/../v1", "releases/v1"),
    ],
)
def test_a_link_to_code_stays_a_link_so_that_it_may_lead_elsewhere(
    tmp_path: Path, loaded: Loader, written: str, meant: str
) -> None:
    (tmp_path / "releases" / "v1" / "inner").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/v1")
    function = loaded(LINKED % written).functions["F"]
    assert function.code == tmp_path / meant
    assert function.layers == (tmp_path / "current",)
