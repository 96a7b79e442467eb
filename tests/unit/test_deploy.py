"""A deploy's own decisions: stages, parameters, the two parts of template.yaml, and what it says when it stops."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError
from cfnlint.api import ManualArgs, lint_file

from deploy import __main__ as door
from deploy import templates
from deploy.aws import Aws
from deploy.faults import Declined, Stopped
from deploy.stages import CHECKOUT, IAC, PARTS, Stage
from deploy.templates import Template
from deploy.terminal import Terminal
from samlet.template import transform
from stacks import read_service

STAGES = sorted(path.stem for path in (IAC / "stages").glob("*.json"))


@pytest.fixture(scope="module")
def template() -> Template:
    return read_service()


def declared(part: str) -> Mapping[str, Mapping[str, Any]]:
    file = CHECKOUT / "template.yaml" if part in ("migrate", "service") else IAC / f"{part}.yaml"
    return templates.parameters(file.read_text())


# --- stages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STAGES)
def test_what_a_stages_file_says_is_a_parameter_with_an_allowed_value(name: str) -> None:
    for part, given in Stage.read(name).parameters.items():
        for parameter, value in given.items():
            about = declared(part)[parameter]
            assert value in [str(it) for it in about.get("AllowedValues", [value])], f"{part}: {parameter}"


def test_the_table_of_prices_names_what_the_stages_ask_for() -> None:
    table = (IAC / "README.md").read_text()
    asked = {name: Stage.read(name).parameters for name in STAGES}
    (row,) = [line for line in table.splitlines() if line.startswith("| kafka | ")]
    for column, name in zip(row.split("|")[2:], ("dev", "small", "large"), strict=False):
        assert f"{asked[name]['kafka']['Brokers']} × `{asked[name]['kafka']['InstanceType']}`" in column
    (row,) = [line for line in table.splitlines() if line.startswith("| network | ")]
    for column, name in zip(row.split("|")[2:], ("dev", "small", "large"), strict=False):
        assert f"`Egress={asked[name]['network']['Egress']}`" in column


@pytest.mark.parametrize("name", STAGES)
def test_new_code_of_a_stage_that_others_use_takes_over_bit_by_bit(name: str) -> None:
    assert Stage.read(name).parameters["service"]["Rollout"].startswith("AllAtOnce" if name == "dev" else "Canary")


def test_a_stage_without_a_file_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Stopped, match="there are: dev, large, small"):
        Stage.read("prod")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "is not"),
        ('{"network": {"Zones": 2}}', "2 is no text"),
        ('{"network": []}', "is not"),
        ('{"netwrok": {}}', "no stack is called netwrok"),
        ('{"migrate": {}}', "no stack is called migrate"),
    ],
)
def test_a_stages_file_that_is_wrong_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "own.json").write_text(content)
    with pytest.raises(Stopped, match=fault):
        Stage.read("own", tmp_path)


def test_a_stages_name_must_fit_into_the_names_of_what_is_made(tmp_path: Path) -> None:
    (tmp_path / "My_Stage.json").write_text("{}")
    with pytest.raises(Stopped, match="can't be a stage"):
        Stage.read("My_Stage", tmp_path)


def test_the_stages_file_comes_before_an_output_and_an_output_before_a_default() -> None:
    stage = Stage("dev", {"web": {"B": "file"}})
    about: dict[str, dict[str, object]] = {"Stage": {}, "A": {}, "B": {"Default": "default"}, "C": {"Default": 5432}}
    given = stage.parameters_of("web", about, {"A": "output", "B": "output", "D": "output"})
    assert given == {"Stage": "dev", "A": "output", "B": "file", "C": "5432"}


def test_a_parameter_that_nobody_gives_is_named() -> None:
    with pytest.raises(Stopped, match="taskflow-dev-data needs DatabaseName"):
        Stage("dev", {}).parameters_of("data", {"DatabaseName": {}}, {})


def test_a_parameter_that_there_is_not_is_named() -> None:
    with pytest.raises(Stopped, match="network has no parameter Egres"):
        Stage("dev", {"network": {"Egres": "nat"}}).parameters_of("network", {"Egress": {}}, {})


# --- the two parts of template.yaml -----------------------------------------------------------------------------------


def test_migration_and_service_are_all_of_the_template_and_share_the_layer_alone(template: Template) -> None:
    migration, service = templates.in_two(template)
    assert set(migration["Resources"]) | set(service["Resources"]) == set(template["Resources"])
    shared = {template["Resources"][it]["Type"] for it in migration["Resources"].keys() & service["Resources"].keys()}
    assert shared == {"AWS::Serverless::LayerVersion"}
    functions = [it for it in migration["Resources"].values() if it["Type"] == "AWS::Serverless::Function"]
    assert [it["Properties"]["Handler"] for it in functions] == ["migrate.handler.handler"]


def test_each_part_refers_to_what_it_has(template: Template) -> None:
    for part in templates.in_two(template):
        named = set(templates._names({key: part.get(key) for key in ("Globals", "Resources", "Outputs")}))
        assert not named & (template["Resources"].keys() - part["Resources"].keys())


def test_each_output_is_given_by_one_part(template: Template) -> None:
    migration, service = templates.in_two(template)
    assert migration["Outputs"].keys() | service["Outputs"].keys() == template["Outputs"].keys()
    assert not migration["Outputs"].keys() & service["Outputs"].keys()


@pytest.mark.parametrize("part", ["migration", "service"])
def test_each_part_is_a_template_that_aws_understands(template: Template, part: str, tmp_path: Path) -> None:
    text = json.dumps(dict(zip(("migration", "service"), templates.in_two(template), strict=True))[part])
    file = tmp_path / "part.json"
    # As `sam package` leaves it: the code is in a bucket.
    file.write_text(text.replace('"functions/"', '"s3://b/code"').replace('"layers/common/"', '"s3://b/layer"'))
    # A part need not use every parameter and condition of the whole.
    found = lint_file(file, config=ManualArgs(regions=["eu-central-1"], ignore_checks=["W2001", "W8001"]))
    assert [str(fault) for fault in found] == []


def test_what_speaks_of_the_migration_goes_with_it() -> None:
    function = {"Type": "AWS::Serverless::Function"}
    migration, service = templates.in_two(
        {
            "Resources": {
                "MigrateFunction": {**function, "Logs": {"Ref": "Logs"}, "Key": {"Ref": "Shared"}},
                "Alarm": {"Of": {"Fn::Sub": "${MigrateFunction}:live"}, "Tells": {"Ref": "Topic"}},
                "Topic": {},
                "Logs": {},
                "Shared": {},
                "OtherFunction": {**function, "DependsOn": "Shared"},
            },
            "Outputs": {"One": {"Value": {"Fn::GetAtt": ["Alarm", "Arn"]}}, "Two": {"Value": {"Ref": "OtherFunction"}}},
        }
    )
    assert set(migration["Resources"]) == {"MigrateFunction", "Alarm", "Topic", "Logs", "Shared"}
    assert set(service["Resources"]) == {"OtherFunction", "Shared"}
    assert (set(migration["Outputs"]), set(service["Outputs"])) == ({"One"}, {"Two"})


# --- versions -------------------------------------------------------------------------------------------------------


def versions(template: Template, **given: str) -> dict[str, str]:
    """The version that each function of the service is published as, once AWS has expanded the template."""
    packaged = json.loads(json.dumps(template).replace('"functions/"', '"s3://b/code"'))
    parameters: dict[str, str] = {name: str(it.get("Default", "x")) for name, it in packaged["Parameters"].items()}
    parameters |= given
    service = templates.versioned(templates.in_two(packaged)[1], parameters)
    expanded = transform.expand(service, parameters, lambda node, _place: node, root=CHECKOUT, region="eu-central-1")
    found = {id_: it for id_, it in expanded["Resources"].items() if it["Type"] == "AWS::Lambda::Version"}
    return {it["Properties"]["FunctionName"]["Ref"]: id_ for id_, it in found.items()}


def with_layer(template: Template, address: str) -> Template:
    changed: Template = json.loads(json.dumps(template).replace('"layers/common/"', f'"{address}"'))
    return changed


def test_a_new_layer_makes_a_new_version_of_every_function(template: Template) -> None:
    before, after = (versions(with_layer(template, f"s3://b/layer-{number}")) for number in (1, 2))
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] == after[name]] == []


def test_a_parameter_makes_a_new_version_of_the_functions_that_are_given_it(template: Template) -> None:
    packaged = with_layer(template, "s3://b/layer")
    before, after = versions(packaged), versions(packaged, MailFrom="Else <else@example.com>")
    assert [name for name in before if before[name] != after[name]] == ["MailSenderFunction"]


def test_what_is_no_part_of_a_version_makes_none(template: Template) -> None:
    """AWS refuses a version that does not differ from the one before it."""
    packaged = with_layer(template, "s3://b/layer")
    changed = json.loads(json.dumps(packaged))
    changed["Resources"]["AuthFunction"]["Properties"]["Policies"] = []
    rights = {"LogDays": "7", "Rollout": "Canary10Percent5Minutes", "PermissionsBoundary": "b", "RelayConcurrency": "0"}
    assert versions(packaged) == versions(changed, **rights)


@pytest.mark.parametrize(
    "name", ["Auth", "Tasks", "Meta", "OutboxRelay", "NightlyDigest", "MailSender", "Housekeeping"]
)
def test_only_errors_of_the_new_version_roll_it_back(template: Template, name: str) -> None:
    """Else a function that fails could not be mended by a deploy: its alarm rings already."""
    dimensions = template["Resources"][f"{name}Errors"]["Properties"]["Dimensions"]
    assert {it["Name"]: it["Value"] for it in dimensions} == {
        "FunctionName": {"Ref": f"{name}Function"},
        "Resource": {"Fn::Sub": f"${{{name}Function}}:live"},
        "ExecutedVersion": {"Fn::GetAtt": [f"{name}Function", "Version.Version"]},
    }


def test_no_template_is_longer_than_cloudformation_takes_without_a_bucket(template: Template) -> None:
    texts = [(IAC / f"{part}.yaml").read_text() for part in PARTS if part not in ("migrate", "service")]
    texts += [json.dumps(part) for part in templates.in_two(template)]
    assert [len(text.encode()) for text in texts if len(text.encode()) > 51_200] == []


def test_parameters_are_read_from_a_template_with_short_tags() -> None:
    resources = "{B: !Sub ['${A}', {A: !GetAtt B.Arn}], C: !If [a, {}]}"
    text = f"Parameters: {{A: {{Type: String, Default: ''}}}}\nResources: {resources}"
    assert templates.parameters(text) == {"A": {"Type": "String", "Default": ""}}


# --- what is said -----------------------------------------------------------------------------------------------------


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateChangeSet")


@pytest.mark.parametrize(
    ("ends_by", "status", "line"),
    [
        (Stopped("Do this."), 1, "FAILED: Do this."),
        (Declined("You said no."), 1, "stopped: You said no."),
        (NoCredentialsError(), 1, "FAILED: No credentials of AWS were found."),
        (refused("AccessDenied", "no rights"), 1, "FAILED: AWS refuses CreateChangeSet: no rights"),
        (OSError("no route"), 1, "FAILED: no route"),
        (ResponseParserError("<!doctype html>\n<html>"), 1, "FAILED: What answered was not AWS"),
        (KeyboardInterrupt(), 130, "stopped: Interrupted."),
    ],
)
def test_whatever_ends_a_deploy_is_one_line(
    ends_by: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise ends_by

    monkeypatch.setattr(Aws, "connect", fails)
    assert door.main(["up", "dev"]) == status
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(line)


def test_without_a_region_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert door.main(["check", "dev"]) == 1
    assert "Set AWS_REGION" in capsys.readouterr().err


class Keyboard:
    """Somebody at a terminal, who types one line, or ctrl-D."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._line


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_only_yes_is_yes(typed: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    if goes_on:
        Terminal().confirm("Execute?")
    else:
        with pytest.raises(Declined):
            Terminal().confirm("Execute?")


def test_where_nobody_can_answer_only_yes_1_goes_on() -> None:
    Terminal(yes=True).confirm("Execute?")
    with pytest.raises(Stopped, match="YES=1"):
        Terminal().confirm("Execute?")
    with pytest.raises(Stopped, match="YES=1 does not answer"):
        Terminal(yes=True).confirm("Execute?", ask_anyway=True)


def test_a_stages_name_has_to_be_typed_even_with_yes_1(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stopped, match="no way around"):
        Terminal(yes=True).type_out("All ends.", "dev")
    monkeypatch.setattr("sys.stdin", Keyboard("dev\n"))
    Terminal().type_out("All ends.", "dev")
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    with pytest.raises(Declined):
        Terminal().type_out("All ends.", "dev")
