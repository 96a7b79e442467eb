from pathlib import Path

import pytest

from samlet.errors import ProjectError
from samlet.template import SamConfig, read_samconfig


def _toml(folder: Path, text: str) -> Path:
    (folder / "samconfig.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    "said",
    [
        "\"Stage=local Text='a b' Empty= Names=x,y\"",
        '"Stage=local Text=\\"a b\\" Empty=\\"\\" Names=x,y"',
        '["Stage=local", "Text=a b", "Empty=", "Names=x,y"]',
        "['Stage=\"local\"', 'Text=\"a b\"', 'Empty=\"\"', 'Names=x,y']",
        "\"ParameterKey=Stage,ParameterValue=local ParameterKey=Text,ParameterValue='a b' "
        'ParameterKey=Empty,ParameterValue= ParameterKey=Names,ParameterValue=x,y"',
        '{Stage = "local", Text = "a b", Empty = "", Names = ["x", "y"]}',
        '["file://values.json", "Names=x,y"]',
        '"file://values.json Names=x,y"',
    ],
)
def test_each_form_of_parameter_overrides_gives_the_same_values(tmp_path: Path, said: str) -> None:
    (tmp_path / "values.json").write_text('{"Stage": "local", "Text": "a b", "Empty": "", "Names": "z"}')
    folder = _toml(tmp_path, f"version = 0.1\n[default.deploy.parameters]\nparameter_overrides = {said}\n")
    assert read_samconfig(folder).parameters == {"Stage": "local", "Text": "a b", "Empty": "", "Names": "x,y"}


def test_deploy_wins_over_global_and_running_locally_over_both(tmp_path: Path) -> None:
    folder = _toml(
        tmp_path,
        """
[default.global.parameters]
region = "eu-north-1"
parameter_overrides = "A=global B=global C=global"
stack_name = "mine"
[default.deploy.parameters]
region = "eu-west-1"
parameter_overrides = "B=deploy C=deploy"
[default.local_start_api.parameters]
parameter_overrides = "C=local"
[default.build.parameters]
parameter_overrides = "A=build"
""",
    )
    assert read_samconfig(folder) == SamConfig({"A": "global", "B": "deploy", "C": "local"}, "eu-west-1")


def test_an_environment_is_chosen_by_name(tmp_path: Path) -> None:
    folder = _toml(tmp_path, '[default.global.parameters]\nregion = "a"\n[prod.global.parameters]\nregion = "b"\n')
    assert (read_samconfig(folder).region, read_samconfig(folder, "prod").region) == ("a", "b")
    with pytest.raises(ProjectError, match=r"samconfig\.toml: no environment dev; there are default, prod"):
        read_samconfig(folder, "dev")


def test_yaml_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "samconfig.yaml").write_text(
        "version: 0.1\ndefault: {deploy: {parameters: {parameter_overrides: [Stage=local], region: eu-west-3}}}\n"
    )
    assert read_samconfig(tmp_path) == SamConfig({"Stage": "local"}, "eu-west-3")


def test_without_a_file_nothing_is_said_unless_an_environment_is_asked_for(tmp_path: Path) -> None:
    assert read_samconfig(tmp_path) == SamConfig()
    with pytest.raises(ProjectError, match=r"--config-env dev: there is no samconfig\.toml"):
        read_samconfig(tmp_path, "dev")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", r"samconfig\.toml: Invalid initial character"),
        ("default = 1", r"default\.global\.parameters: needs a table"),
        ("[default]\ndeploy = 1", r"default\.deploy\.parameters: needs a table"),
        ("[default.deploy.parameters]\nparameter_overrides = 'A'", r"parameter_overrides: 'A' is not NAME=VALUE"),
        ('[default.deploy.parameters]\nparameter_overrides = "A=\'"', r"parameter_overrides: No closing quotation"),
        ("[default.deploy.parameters]\nparameter_overrides = 1", r"parameter_overrides: needs"),
        ("[default.deploy.parameters]\nregion = 1", r"region: needs text"),
    ],
)
def test_what_is_wrong_with_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        read_samconfig(_toml(tmp_path, text))


def test_a_template_that_sam_build_made_has_the_samconfig_of_its_project(tmp_path: Path) -> None:
    built = _toml(tmp_path, '[default.deploy.parameters]\nregion = "eu-west-1"\n') / ".aws-sam" / "build"
    built.mkdir(parents=True)
    assert read_samconfig(built).region == "eu-west-1"
    assert read_samconfig(tmp_path / ".aws-sam" / "cache").region is None
