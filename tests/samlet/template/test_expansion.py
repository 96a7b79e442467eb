"""What is kept of an expansion: found again when nothing has changed, and never when anything has."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from samlet.template import Template, load
from servers import CHECKOUT

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Size: {Type: Number, Default: 128}, Network: {Type: String, Default: none}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: a.b
      CodeUri: code
      MemorySize: !Ref Size
      Environment: {Variables: {A: {"Fn::Transform": {Name: AWS::Include, Parameters: {Location: value.yaml}}}}}
  Api: {Type: AWS::Serverless::HttpApi, Properties: {DefinitionUri: api.yaml}}
"""
API = """
openapi: 3.0.1
paths:
  /%s:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        payloadFormatVersion: "2.0"
        uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "value.yaml").write_text("one")
    (tmp_path / "api.yaml").write_text(API % "one")
    return tmp_path


def _load(folder: Path, **given: str) -> Template:
    return load(folder / "template.yaml", given, cache=folder / "cache")


def _entries(folder: Path) -> list[Path]:
    return sorted((folder / "cache").iterdir())


def test_an_unchanged_template_is_loaded_without_the_translator(folder: Path) -> None:
    first = _load(folder)
    script = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from samlet.template import load
template = load(Path({str(folder / "template.yaml")!r}), {{}}, cache=Path({str(folder / "cache")!r}))
print(sorted(name for name in sys.modules if name.startswith(("samtranslator", "pydantic", "boto"))))
print(template.functions["F"].memory, [route.key for route in template.apis[0].routes])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "local")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["[]", "128 ['GET /one']"]
    assert _load(folder) == first
    assert len(_entries(folder)) == 1


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("template.yaml", "Handler: a.b", "Handler: a.c"),
        ("template.yaml", "Default: 128", "Default: 256"),
        ("value.yaml", "one", "two"),
        ("api.yaml", "/one", "/two"),
    ],
)
def test_a_change_of_any_file_that_goes_into_it_counts(folder: Path, file: str, old: str, new: str) -> None:
    before = _load(folder)
    path = folder / file
    path.write_text(path.read_text().replace(old, new))
    assert _load(folder) != before
    assert _load(folder) == load(folder / "template.yaml", {})


def test_a_file_that_is_saved_while_the_others_are_read_counts_the_next_time(folder: Path) -> None:
    other, template = folder / "other.yaml", folder / "template.yaml"
    template.write_text(
        f"{TEMPLATE}  Other: {{Type: AWS::Serverless::HttpApi, Properties: {{DefinitionUri: {other}}}}}\n"
    )
    os.mkfifo(other)

    def save_meanwhile() -> None:
        with other.open("w") as reader_waits:  # for the second file, so it has read the first one
            (folder / "api.yaml").write_text(API % "saved-meanwhile")
            other.unlink()
            other.write_text(API % "other")
            reader_waits.write(API % "other")

    with ThreadPoolExecutor(1) as saving:
        saved = saving.submit(save_meanwhile)
        assert "GET /one" in _routes(_load(folder))
        saved.result()
    assert "GET /saved-meanwhile" in _routes(_load(folder))


def _routes(template: Template) -> set[str]:
    return {route.key for api in template.apis for route in api.routes}


def test_parameters_region_and_imports_count(folder: Path) -> None:
    path, cache = folder / "template.yaml", folder / "cache"
    _load(folder)
    assert _load(folder, Size="512").functions["F"].memory == 512
    assert load(path, {}, cache=cache, region="us-east-1").region == "us-east-1"
    load(path, {}, cache=cache, imports={"a": "b"})
    assert len(_entries(folder)) == 4


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"files": {}}', '{"files": {"/nowhere": "x"}}'])
def test_a_damaged_entry_counts_as_none(folder: Path, damage: str) -> None:
    first = _load(folder)
    (entry,) = _entries(folder)
    whole = entry.read_text()
    entry.write_text(damage)
    assert _load(folder) == first
    assert json.loads(entry.read_text()) == json.loads(whole)


def test_an_entry_is_its_owners_alone_since_parameters_may_be_secrets(folder: Path) -> None:
    _load(folder, Network="secret")
    (entry,) = _entries(folder)
    assert entry.stat().st_mode & 0o077 == 0


def test_only_the_newest_entries_are_kept(folder: Path) -> None:
    (folder / "template.yaml").write_text("Parameters: {P: {Type: String}}\nResources: {}")
    for number in range(24):
        _load(folder, P=str(number))
    assert len(_entries(folder)) == 20


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(folder: Path) -> None:
    (folder / "cache").write_text("a file")
    assert set(_load(folder).functions) == {"F"}
