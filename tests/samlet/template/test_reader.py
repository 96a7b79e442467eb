from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template.reader import parse, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!Sub 'x-${A}'", {"Fn::Sub": "x-${A}"}),
        ("!GetAtt A.Arn", {"Fn::GetAtt": ["A", "Arn"]}),
        ("!GetAtt A.Outputs.B", {"Fn::GetAtt": ["A", "Outputs.B"]}),
        ("!GetAtt [A, Arn]", {"Fn::GetAtt": ["A", "Arn"]}),
        ("!If [C, !Ref A, !Ref 'AWS::NoValue']", {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]}),
        ("!Condition C", {"Condition": "C"}),
        ("!Select\n- 0\n- !Split [',', 'a,b']", {"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]}),
        ("!Transform {Name: X}", {"Fn::Transform": {"Name": "X"}}),
    ],
)
def test_short_tags_become_their_long_forms(text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", ["2012-10-17", "2012-10-17T10:00:00Z"])
def test_a_bare_date_stays_text(text: str) -> None:
    assert parse(f"Version: {text}") == {"Version": text}


def test_json_is_read_too() -> None:
    assert parse('{"a": {"Ref": "B"},\t"c": [1, true]}') == {"a": {"Ref": "B"}, "c": [1, True]}


def test_merge_keys_and_anchors_work() -> None:
    assert parse("a: &a {x: 1}\nb: {<<: *a, y: 2}") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "line 1"),
        ("a: 1\na: 2", "line 2, column 1: a stands twice"),
        ("a: !!python/object:x {}", "line 1"),
        ('{"a": ', "line 1"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no Resources section"),
        ("[]", "no Resources section"),
        ("Resources: []", "no Resources section"),
        ("Resources: {A: 1}", "Resources.A: needs a map"),
        ("Resources: {A: {Properties: {}}}", "Resources.A.Type: is missing"),
        ("Resources: {A: {Type: X, Properties: [1]}}", "Resources.A.Properties: needs a map"),
        ("Resources: {}\nParameters: [A]", "Parameters: needs a map"),
        ("Resources: {'Fn::ForEach::X': [A, [], {}]}", "LanguageExtensions"),
    ],
)
def test_what_is_no_template_is_said_to_be_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError, match=message):
        read(path)


def test_a_missing_file_and_a_binary_one_are_template_errors(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("none", "binary"):
        with pytest.raises(TemplateError, match="cannot be read"):
            read(tmp_path / name)
