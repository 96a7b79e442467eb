"""samlet.toml: what it may say, and how it says what is wrong."""

from pathlib import Path

import pytest

from samlet import project
from samlet.errors import ProjectError

WHOLE = """
template = "stack.yaml"
on_start = ["Prepare"]
[services]
postgres = { database = "shop" }
kafka = {}
mail = {}
[web]
root = "page"
config = { api = "{api.url}" }
[secrets]
names = ["key"]
[parameters]
Host = "{postgres.host}"
Key = "{secrets.key}"
Json = '{"a": 1}'
Count = 3
[environment]
MODE = "local"
[jwks]
"https://issuer.example" = "page/keys.json"
[kafka_secrets]
"kafka/app" = "page/keys.json"
[console]
correlation = ["x-order-id"]
"""


def write(folder: Path, text: str, template: str = "stack.yaml") -> Path:
    (folder / "page").mkdir(exist_ok=True)
    (folder / "page" / "keys.json").write_text('{"keys": []}')
    (folder / template).write_text("Resources: {}")
    path = folder / "samlet.toml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found = project.read(write(tmp_path, WHOLE))
    assert found.template == tmp_path / "stack.yaml"
    assert found.on_start == ("Prepare",)
    assert found.postgres == project.PostgresWanted("shop")
    assert (found.kafka, found.mail) == (True, True)
    assert found.web == project.Web(tmp_path / "page", {"api": "{api.url}"})
    assert found.secrets == ("key",)
    assert found.parameters["Count"] == "3"
    assert found.environment == {"MODE": "local"}
    assert found.jwks == {"https://issuer.example": tmp_path / "page" / "keys.json"}
    assert found.kafka_secrets == {"kafka/app": tmp_path / "page" / "keys.json"}
    assert found.correlation == ("x-order-id",)
    assert found.folder == tmp_path


def test_placeholders_are_filled_and_other_braces_stay(tmp_path: Path) -> None:
    found = project.read(write(tmp_path, WHOLE))
    facts = {"postgres.host": "127.0.0.1", "secrets.key": "s3"}
    assert project.fill(found.parameters, facts) == {
        "Host": "127.0.0.1",
        "Key": "s3",
        "Json": '{"a": 1}',
        "Count": "3",
    }


def test_an_empty_file_means_a_template_and_nothing_around_it(tmp_path: Path) -> None:
    found = project.read(write(tmp_path, "", "template.yaml"))
    assert found == project.Project(template=tmp_path / "template.yaml", source=tmp_path / "samlet.toml")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", True),
        ("services = { aws = {} }", True),
        ("services = { aws = true }", True),
        ("services = { aws = false }", False),
    ],
)
def test_other_resources_are_made_unless_the_file_says_no(tmp_path: Path, text: str, *, made: bool) -> None:
    assert project.read(write(tmp_path, f'template = "stack.yaml"\n{text}')).aws is made


def test_values_of_other_stacks_exports_are_read(tmp_path: Path) -> None:
    read = project.read(write(tmp_path, 'template = "stack.yaml"\n[imports]\n"network-vpc" = "vpc-1"\nport = 1\n'))
    assert read.imports == {"network-vpc": "vpc-1", "port": "1"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colour = 1", "colour: unknown key"),
        ("[console]\nport = 1", "console.port: unknown key"),
        ("[console]\ncorrelation = 1", "console.correlation: must be a list of strings"),
        ("on_start = 'Prepare'", "on_start: must be a list of strings"),
        ("on_start = [1]", "on_start: must be a list of strings"),
        ("template = 3", "template: must be a non-empty string, not a number"),
        ("template = ''", "template: must be a non-empty string, not an empty one"),
        ("template = 'none.yaml'", "none.yaml does not exist"),
        ("services = 1", "services: must be a table, not a number"),
        ("[services]\nredis = {}", "services.redis: unknown key"),
        ("[services]\nkafka = true", "services.kafka: must be a table, not a boolean"),
        ("[services]\npostgres = { databse = 'x' }", "services.postgres.databse: unknown key"),
        ("[services]\npostgres = { database = [] }", "services.postgres.database: must be a non-empty string"),
        ("[web]\nconfig = {}", "web.root: is missing"),
        ("[web]\nroot = 'nowhere'", "nowhere is no folder"),
        ("[parameters]\nA = true", "parameters.A: must be a string or a number, not a boolean"),
        ("[environment]\nA = []", "environment.A: must be a string or a number, not a list"),
        ("[parameters]\nA = '{kafka.bootstrap_servers}'", "parameters.A: nothing fills {kafka.bootstrap_servers}"),
        ("[parameters]\nA = '{secrets.nothing}'", "parameters.A: nothing fills {secrets.nothing}"),
        ("[jwks]\n'https://i' = 'nowhere.json'", "nowhere.json does not exist"),
        ("[kafka_secrets]\nkafka = 'nowhere.json'", "kafka_secrets.kafka:"),
        ("[jwks]\n'https://i' = 5", "jwks.https://i: must be a non-empty string, not a number"),
        ("template = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text, "template.yaml")
    with pytest.raises(ProjectError) as caught:
        project.read(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_file_beside_the_template_counts_not_the_one_in_the_working_directory(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write(here, "on_start = ['Here']", "template.yaml")
    (there / "template.yaml").write_text("")
    found = project.find(template=there / "template.yaml", folder=here)
    assert found == project.Project(template=there / "template.yaml")
    write(there, "on_start = ['There']", "template.yaml")
    assert project.find(template=there / "template.yaml", folder=here).on_start == ("There",)


def test_config_names_another_file_and_template_another_template(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    other = tmp_path / "other.yaml"
    other.write_text("")
    found = project.find(config=path, template=other, folder=tmp_path / "elsewhere")
    assert (found.source, found.template) == (path, other)


def test_without_template_the_working_directory_counts(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    assert project.find(folder=tmp_path).source == path


def test_a_folder_with_a_template_alone_is_a_project(tmp_path: Path) -> None:
    (tmp_path / "template.yml").write_text("")
    assert project.find(folder=tmp_path) == project.Project(template=tmp_path / "template.yml")


def test_an_empty_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no samlet\.toml and no template\.yaml in"):
        project.find(folder=tmp_path)


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"missing\.yaml does not exist"):
        project.find(template=tmp_path / "missing.yaml")


def test_a_project_that_a_link_leads_to_stays_that_one_when_the_link_leads_elsewhere(tmp_path: Path) -> None:
    for release in ("1", "2"):
        (tmp_path / release).mkdir()
        write(tmp_path / release, WHOLE)
    current = tmp_path / "current"
    current.symlink_to("1")
    found = [project.find(folder=current), project.find(template=current / "stack.yaml")]
    current.unlink()
    current.symlink_to("2")
    assert {each.template for each in found} == {tmp_path / "1" / "stack.yaml"}
