"""AWS::Include of files beside the template."""

from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template import load

from .conftest import Loader

FUNCTION = "Type: AWS::Lambda::Function\nProperties: {Runtime: python3.13, Handler: a.b, Code: code}\n"


def test_an_included_file_takes_the_place_of_its_transform_with_its_intrinsics(tmp_path: Path, loaded: Loader) -> None:
    (tmp_path / "f.yaml").write_text(FUNCTION)
    (tmp_path / "outputs.json").write_text('{"Name": {"Value": {"Ref": "F"}}, "Mine": {"Value": "theirs"}}')
    template = loaded(
        """
        Parameters: {File: {Type: String, Default: f}}
        Resources:
          F:
            Fn::Transform: {Name: AWS::Include, Parameters: {Location: !Sub "${File}.yaml"}}
        Outputs:
          Fn::Transform: {Name: AWS::Include, Parameters: {Location: outputs.json}}
          Mine: {Value: mine}
        """
    )
    assert set(template.functions) == {"F"}
    assert template.outputs == {"Name": "F", "Mine": "mine"}


def test_a_whole_file_may_be_included_and_include_another(tmp_path: Path, loaded: Loader) -> None:
    inner = "Fn::Transform: {Name: AWS::Include, Parameters: {Location: f.yaml}}"
    (tmp_path / "f.yaml").write_text(FUNCTION)
    more = "Parameters: {P: {Type: String}}\nOutputs: {P: {Value: theirs}, Q: {Value: theirs}}\nResources:\n  F:\n"
    (tmp_path / "more.yaml").write_text(f"{more}    {inner}\n")
    template = loaded(
        """
        Transform: {Name: AWS::Include, Parameters: {Location: more.yaml}}
        Resources: {G: {Type: AWS::IAM::Role}}
        Outputs: {P: {Value: !Ref P}}
        """,
        P="given",
    )
    assert set(template.functions) == {"F"}
    assert template.outputs == {"P": "given", "Q": "theirs"}
    assert template.unsupported == ()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("s3://bucket/f.yaml", "put the file beside the template"),
        ("missing.yaml", r"Resources\.F: missing\.yaml cannot be read"),
        ("", "needs a Location"),
        ("itself.yaml", r"itself\.yaml includes itself"),
        ("bad.yaml", r"bad\.yaml:2: "),
    ],
)
def test_what_cannot_be_included_is_named(tmp_path: Path, location: str, message: str) -> None:
    include = "Fn::Transform: {Name: AWS::Include, Parameters: {Location: %r}}"
    (tmp_path / "itself.yaml").write_text(include % "itself.yaml")
    (tmp_path / "bad.yaml").write_text("a: 1\nb: [")
    path = tmp_path / "template.yaml"
    path.write_text(f"Resources:\n  F:\n    {include % location}\n")
    with pytest.raises(TemplateError, match=rf"^{path}:\d: .*{message}"):
        load(path, {})
