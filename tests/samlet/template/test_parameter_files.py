from pathlib import Path

import pytest

from samlet.errors import ProjectError
from samlet.template import read_parameters

VALUES = {"Stage": "local", "Size": "012", "Names": "a,b"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "list.json",
            """[{"ParameterKey": "Stage", "ParameterValue": "local"}, {"ParameterKey": "Size", "ParameterValue": "012"},
                {"ParameterKey": "Names", "ParameterValue": "a,b", "UsePreviousValue": false}]""",
        ),
        ("map.json", '{"Stage": "local", "Size": "012", "Names": ["a", "b"]}'),
        ("pipeline.json", '{"Parameters": {"Stage": "local", "Size": "012", "Names": "a,b"}, "Tags": {"a": "b"}}'),
        ("pairs.json", '["Stage=local", "Size=012", "Names=a,b"]'),
        ("no-suffix", '{"Stage": "local", "Size": "012", "Names": "a,b"}'),
        ("map.yaml", "Stage: local\nSize: 012\nNames: [a, b]\n"),
        ("list.yml", "- {ParameterKey: Stage, ParameterValue: local}\n- Size=012\n- Names=a,b\n"),
        ("local.env", "# of one's own\nStage=local\n\nexport Size = '012'\r\nNames=\"a,b\"\n"),
    ],
)
def test_each_form_of_a_file_gives_the_same_values(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    if name == "list.yml":
        text = "- {ParameterKey: Stage, ParameterValue: local}\n- {ParameterKey: Size, ParameterValue: 012}\n"
        text += "- {ParameterKey: Names, ParameterValue: [a, b]}\n"
    file.write_text(text)
    assert read_parameters(file) == VALUES


@pytest.mark.parametrize(("text", "value"), [("1.50", "1.50"), ("true", "true"), ("12345678901234567890123", None)])
def test_a_number_in_json_is_text_as_it_is_written(tmp_path: Path, text: str, value: str | None) -> None:
    file = tmp_path / "p.json"
    file.write_text(f'{{"P": {text}}}')
    assert read_parameters(file) == {"P": value or text}


def test_yaml_turns_no_text_into_something_else(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("A: yes\nB: 2012-10-17\nC: 1:30\nD: ~\n")
    assert read_parameters(file) == {"A": "yes", "B": "2012-10-17", "C": "1:30", "D": "~"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.json", '{\n"A": ', r"p\.json:2: Expecting value"),
        ("p.yaml", "A: 1\nB: [", r"p\.yaml:2: "),
        ("p.env", "A=1\nB\n", r"p\.env: line 2 is not NAME=VALUE"),
        ("p.json", '{"A": {"B": 1}}', "A: needs text, a number or a list"),
        ("p.json", '{"A": null}', "A: needs text"),
        ("p.json", "1", "needs a list of ParameterKey and ParameterValue, a map of names, or lines"),
        ("p.json", '[{"ParameterKey": "A"}]', "needs a list of ParameterKey"),
        ("p.json", '["A"]', "'A' is not NAME=VALUE"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError, match=message):
        read_parameters(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"the parameter file .*/none cannot be read"):
        read_parameters(tmp_path / "none")
