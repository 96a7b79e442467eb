"""The programs that a deploy runs: where they are looked for, what they are told, and what their failure means."""

from pathlib import Path

import pytest

from deploy import tools
from deploy.faults import Stopped
from deploy.tools import Tools

SAM = """#!/bin/sh
echo "$@" >arguments.txt
while [ "$1" != --output-template-file ]; do shift; done
echo '{"Resources": {}}' >"$2"
"""


@pytest.mark.parametrize(("bucket", "where"), [("ours", "--s3-bucket ours"), (None, "--resolve-s3")])
def test_the_functions_are_uploaded_to_the_bucket_that_there_is(
    bucket: str | None, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = tmp_path / "sam"
    sam.write_text(SAM)
    sam.chmod(0o755)
    monkeypatch.setattr(tools, "_SAM", sam)
    monkeypatch.setattr(tools, "_PACKAGED", tmp_path / "packaged.json")
    monkeypatch.setattr(tools, "CHECKOUT", tmp_path)
    assert Tools("eu-central-1").package("taskflow-dev", bucket) == {"Resources": {}}
    said = (tmp_path / "arguments.txt").read_text()
    assert f"--s3-prefix taskflow-dev {where} --region eu-central-1 " in said


def test_without_the_sam_cli_make_deploy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_SAM", tmp_path / "sam")
    with pytest.raises(Stopped, match="Run this as make deploy"):
        Tools("eu-central-1").package("taskflow-dev", None)


def test_an_api_that_nobody_serves_fails_the_smoke_test(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped, match="does not work"):
        Tools("eu-central-1").smoke("http://127.0.0.1:1")
    assert "smoke: FAILED" in capfd.readouterr().err


def test_a_file_of_the_layer_is_found_where_functions_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_BUILT", tmp_path / "template.yaml")
    assert not Tools("eu-central-1").is_in_layer("/opt/rds-ca.pem")
    (tmp_path / "CommonLayer").mkdir()
    (tmp_path / "CommonLayer" / "rds-ca.pem").touch()
    assert Tools("eu-central-1").is_in_layer("/opt/rds-ca.pem")
