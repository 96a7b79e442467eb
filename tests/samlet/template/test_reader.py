from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template.reader import MalformedText, parse, read, text_of


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


@pytest.mark.parametrize("text", ["123456789012", "0123", "yes", "1.5", "2012-10-17", "~"])
def test_a_key_is_text_as_it_is_written(text: str) -> None:
    assert parse(f"{text}: 1") == {text: 1}


@pytest.mark.parametrize(
    "text", ["a:\r\n  b: 1\r\nc: d\r\n", "\ufeffa:\n  b: 1\nc: d\n", '\ufeff{"a": {\t"b": 1}, "c": "d"}']
)
def test_other_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.yaml"
    file.write_bytes(text.encode())
    assert parse(text_of(file)) == {"a": {"b": 1}, "c": "d"}


def test_merge_keys_and_anchors_work() -> None:
    assert parse("a: &a {x: 1}\nb: {<<: *a, y: 2}") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: [1", 1, "expected"),
        ("a: 1\na: 2", 2, "a stands twice"),
        ('{"a": 1,\n "a": 2}', 2, "a stands twice"),
        ("a: !!python/object:x {}", 1, "could not determine a constructor"),
        ('{"a": ', 1, "expected"),
        ("a:\n\tb: 1", 2, "a tab indents"),
        ("a: 1\n---\nb: 2", 2, "expected a single document|another document"),
        ("a: &a [*a]", 1, "recursive"),
        ("[1]: 2", 1, "a key has to be text"),
        ("a: *nobody", 1, "undefined alias"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(MalformedText, match=message) as raised:
        parse(text)
    assert raised.value.line == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("[]", "no Resources section"),
        ("Resources: []", "no Resources section"),
        ("Resources: {A: 1}", "Resources.A: needs a map"),
        ("Resources: {A: {Properties: {}}}", "Resources.A.Type: is missing"),
        ("Resources: {A: {Type: X, Properties: [1]}}", "Resources.A.Properties: needs a map"),
        ("Resources: {}\nParameters: [A]", "Parameters: needs a map"),
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
