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


LOCAL = """
[default.global.parameters]
env_vars = "global.json"
port = 1
[default.local_start_api.parameters]
port = 8000
env_vars = "env.json"
host = "0.0.0.0"
warm_containers = "EAGER"
docker_network = "mine"
[default.local_start_lambda.parameters]
port = "8001"
profile = "dev"
"""


def test_ports_and_variables_count_and_what_somebody_would_miss_is_named(tmp_path: Path) -> None:
    sam = read_samconfig(_toml(tmp_path, LOCAL))
    assert sam.ports == {"api": 8000, "lambda": 8001}
    assert sam.env_vars == tmp_path / "env.json"
    assert sam.left_out == ("host (SAMLET_HOST, which opens the console as well)", "profile (--profile)")


def test_variables_named_for_all_commands_count_where_none_are_named_for_the_api(tmp_path: Path) -> None:
    sam = read_samconfig(_toml(tmp_path, LOCAL.replace('env_vars = "env.json"', "")))
    assert sam.env_vars == tmp_path / "global.json"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[default.local_start_api.parameters]\nport = 0", r"default\.local_start_api\.parameters\.port: needs a port"),
        ("[default.local_start_lambda.parameters]\nport = true", r"local_start_lambda\.parameters\.port: needs a port"),
        ("[default.local_start_api.parameters]\nport = '80x'", r"needs a port, 1 to 65535, not '80x'"),
        ("[default.local_start_api.parameters]\nport = 65536", r"needs a port, 1 to 65535, not 65536"),
        ("[default.local_start_api.parameters]\nenv_vars = 1", r"env_vars: needs the name of a file"),
        ("[default]\nlocal_start_lambda = 1", r"default\.local_start_lambda\.parameters: needs a table"),
    ],
)
def test_what_is_no_port_or_file_is_an_error_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        read_samconfig(_toml(tmp_path, text))
