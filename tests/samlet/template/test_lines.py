"""Lines of what the word-for-word listing does not have: JSON, loops, and messages of the translator."""

from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template import load
from samlet.template.lines import Lines


def test_json_has_lines_too_even_when_tabs_indent_it(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text('{\n\t"Resources": {\n\t\t"Own": {\n\t\t\t"Type": "Custom::X"\n\t\t}\n\t}\n}\n')
    (part,) = load(path, {}).unsupported
    assert part.line == 3


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("Resources.F.Properties.Timeout", 4),
        ("Resources.F.Properties.Layers[1]", 7),
        ("Resources.F.Properties.Layers[1].Ref", 7),
        ("Resources.F.Properties.Environment.Variables", 3),
        ("Resources.G", 1),
        ("Outputs.O", None),
        ("", None),
    ],
)
def test_a_place_that_is_not_written_has_the_line_of_what_encloses_it(place: str, line: int | None) -> None:
    text = "Resources:\n  F:\n    Properties:\n      Timeout: 1\n      Layers:\n        - a\n        - !Ref b\n"
    assert Lines(text).of(place) == line


def test_what_the_translator_complains_of_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Fine: {Type: AWS::IAM::Role}\n"
        "  Bad:\n    Type: AWS::Serverless::Function\n    Properties: {Oops: 1}\n"
    )
    with pytest.raises(TemplateError, match=rf"^{path}:4: .*\[Bad\]"):
        load(path, {})


def test_what_is_wrong_with_something_that_the_expansion_made_has_the_line_of_what_it_was_made_from(
    tmp_path: Path,
) -> None:
    (tmp_path / "code").mkdir()
    path = tmp_path / "template.yaml"
    path.write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties:\n      Runtime: python3.13\n      Handler: a.b\n      CodeUri: code\n      Events:\n"
        "        Slow: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), State: odd}}\n"
    )
    with pytest.raises(TemplateError, match=rf"^{path}:10: Resources\.FSlow\.Properties\.State"):
        load(path, {})


def test_text_that_cannot_be_read_has_no_lines() -> None:
    lines = Lines("a: [")
    assert (lines.of("a"), lines.of_message("[F] is wrong")) == (None, None)
