"""`make deploy` and `make destroy` against a pretended account: order, parameters, refusals, and what is left alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import stacks
from deploy import page
from deploy.down import Demolition
from deploy.faults import Declined, Stopped
from deploy.stages import CHECKOUT, FOUNDATION, Stage
from deploy.templates import Template
from integration.deploying import API, BROKERS, GIVEN, Pretended, client

ORDER = [f"taskflow-dev-{part}" for part in ("network", "secrets", "data", "kafka", "web", "migrate")]
WHOLE = [*ORDER, "taskflow-dev", "taskflow-dev-web", "taskflow-dev-observability"]
SECRET = "taskflow/dev/smtp-url"


@pytest.fixture(scope="module")
def template() -> Template:
    return stacks.read_service()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, template: Template) -> Iterator[Pretended]:
    """An account with nothing in it but the secret that is made by hand."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", stacks.REGION)
    with mock_aws():
        client("secretsmanager").create_secret(Name=SECRET, SecretString="smtp://mail.example")
        yield Pretended(Stage.read("dev"), template)


def bucket(account: Pretended) -> str:
    return account.stacks().outputs("taskflow-dev-web")["WebBucketName"]


def test_the_stacks_are_made_in_order_and_the_page_after_the_functions(account: Pretended) -> None:
    account.deploy()
    assert account.executed() == WHOLE
    assert account.events == ["package taskflow-dev", "Invoke", "PutObject", "CreateInvalidation", f"smoke {API}"]
    assert f"  HTTP API   {API}" in account.person.lines


def test_an_output_fills_the_parameter_of_the_same_name_and_the_stages_file_the_rest(account: Pretended) -> None:
    account.deploy()
    network = account.stacks().outputs("taskflow-dev-network")
    assert account.given("taskflow-dev-data")["SubnetIds"] == network["SubnetIds"]
    assert account.given("taskflow-dev-kafka")["Brokers"] == "2"
    service = account.given("taskflow-dev")
    assert service["KafkaBootstrapServers"] == ",".join(sorted(BROKERS.split(",")))
    assert service["SmtpUrl"] == f"secretsmanager:{SECRET}"
    assert service["WebUrl"] == account.stacks().outputs("taskflow-dev-web")["WebUrl"]
    assert (service["Stage"], service["RelayConcurrency"], service["Rollout"]) == ("dev", "0", "AllAtOnce")
    assert account.given("taskflow-dev-migrate")["DatabaseAdminUrl"].startswith("postgresql://")
    assert account.given("taskflow-dev-web")["ApiUrl"] == API
    assert account.given("taskflow-dev-observability")["MailSenderFunctionName"] == "the-MailSenderFunctionName"


def test_what_migrates_is_a_stack_of_its_own_and_not_in_the_service(account: Pretended) -> None:
    account.deploy()
    bodies = {asked["StackName"]: asked["TemplateBody"] for asked in account.cloudformation.executed}
    assert set(json.loads(bodies["taskflow-dev-migrate"])["Resources"]) >= {"MigrateFunction", "CommonLayer"}
    assert "MigrateFunction" not in bodies["taskflow-dev"]


def test_each_function_is_marked_for_a_version_of_its_own(account: Pretended) -> None:
    account.deploy()
    bodies = {it["StackName"]: it["TemplateBody"] for it in account.cloudformation.executed}
    parts = [json.loads(bodies[name])["Resources"] for name in ("taskflow-dev-migrate", "taskflow-dev")]
    found = {name: it["Properties"] for part in parts for name, it in part.items()}
    marks = {name: it.get("AutoPublishCodeSha256") for name, it in found.items() if name.endswith("Function")}
    assert len(set(marks.values()) - {None}) == len(marks) == 8


def test_a_second_deploy_changes_nothing_and_names_the_api_to_the_page_at_once(account: Pretended) -> None:
    account.deploy()
    before = account.executed()
    account.deploy()
    assert account.executed() == before
    assert account.person.lines.count("taskflow-dev-data: nothing to change") == 1


def test_the_change_set_is_shown_before_it_is_executed(account: Pretended) -> None:
    account.deploy()
    lines = account.person.lines
    asked = lines.index("Execute this on taskflow-dev-network?")
    assert lines.index("  + Vpc (AWS::EC2::VPC)") < asked < lines.index("  CREATE_COMPLETE taskflow-dev-network")


def test_nothing_happens_when_somebody_says_no(account: Pretended) -> None:
    account.person.declines = "taskflow-dev-secrets?"
    with pytest.raises(Declined):
        account.deploy()
    assert account.executed() == ["taskflow-dev-network"]
    assert not account.stacks().exists("taskflow-dev-secrets")
    account.person.declines = ""
    account.deploy()
    assert account.executed() == WHOLE


def test_without_the_mail_servers_secret_nothing_is_begun(account: Pretended) -> None:
    client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    with pytest.raises(Stopped, match=f"aws secretsmanager create-secret --name {SECRET}"):
        account.deploy()
    assert account.executed() == []


def test_a_mail_servers_secret_that_was_deleted_is_no_secret(account: Pretended) -> None:
    client("secretsmanager").delete_secret(SecretId=SECRET)
    with pytest.raises(Stopped, match="aws secretsmanager restore-secret"):
        account.deploy()


def test_without_the_databases_authorities_in_the_layer_nothing_is_begun(account: Pretended) -> None:
    account.tools.layer = ()
    with pytest.raises(Stopped, match="RDS_CA_BUNDLE="):
        account.deploy()
    assert account.executed() == []


def test_a_migration_that_fails_leaves_the_service_and_the_page_as_they_were(account: Pretended) -> None:
    with pytest.raises(Stopped, match="left as it was: relation exists"):
        account.deploy(migration={"errorMessage": "relation exists", "errorType": "DBAPIError"})
    assert account.executed() == ORDER
    assert account.page(bucket(account)) == []
    account.deploy()
    assert account.executed() == WHOLE


def test_a_service_that_does_not_work_is_a_failure(account: Pretended) -> None:
    account.tools.works = False
    with pytest.raises(Stopped, match="does not work"):
        account.deploy()


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_is_what_the_local_web_server_serves_with_its_types(account: Pretended) -> None:
    account.deploy()
    s3, where = account.s3, bucket(account)
    served = {path.name for path in (CHECKOUT / "frontend").glob("*.*")} - {"README.md"}
    assert set(account.page(where)) == served | {"config.json"}
    heads = {name: s3.head_object(Bucket=where, Key=name) for name in account.page(where)}
    assert heads["index.html"]["ContentType"] == "text/html; charset=utf-8"
    assert heads["app.js"]["ContentType"] == "text/javascript; charset=utf-8"
    assert {head["CacheControl"] for name, head in heads.items() if name != "config.json"} == {"public, max-age=60"}
    config = s3.get_object(Bucket=where, Key="config.json")
    assert (config["ContentType"], config["CacheControl"]) == ("application/json", "no-cache")
    assert json.loads(config["Body"].read()) == {"api": API}


def test_what_is_no_longer_part_of_the_page_is_taken_away(account: Pretended) -> None:
    account.deploy()
    account.s3.put_object(Bucket=bucket(account), Key="old.js", Body=b"")
    account.deploy()
    assert "old.js" not in account.page(bucket(account))


# --- what GitHub may do ----------------------------------------------------------------------------------------------


def deliver(account: Pretended) -> dict[str, str]:
    account.deploy()
    for name in ("taskflow-dev", "taskflow-dev-migrate"):
        account.stacks().delete(name)
    outputs = stacks.create("delivery", {"Repository": "somebody/taskflow"})
    account.cloudformation.calls.clear()
    account.cloudformation.executed.clear()
    account.operations.clear()
    account.deploy(service_only=True)
    return outputs


def test_as_github_only_the_service_is_touched_with_the_roles_of_delivery(account: Pretended) -> None:
    outputs = deliver(account)
    assert account.executed() == ["taskflow-dev-migrate", "taskflow-dev"]
    assert {asked["RoleARN"] for asked in account.cloudformation.executed} == {outputs["ExecutionRoleArn"]}
    assert account.given("taskflow-dev")["PermissionsBoundary"] == outputs["PermissionsBoundary"]
    assert account.given("taskflow-dev")["CodeDeployRoleArn"] == outputs["CodeDeployRoleArn"]
    assert account.given("taskflow-dev-migrate")["PermissionsBoundary"] == outputs["PermissionsBoundary"]
    assert account.tools.bucket == outputs["ArtifactBucketName"]


def test_github_may_do_what_its_deploy_does_and_nothing_else(account: Pretended) -> None:
    deliver(account)
    policies = stacks.read("delivery")["Resources"]["DeployRole"]["Properties"]["Policies"]
    statements = policies[0]["PolicyDocument"]["Statement"]
    granted = {action for it in statements for action in listed(it["Action"])}
    handing_over = {"iam:PassRole"}
    uploading = {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketLocation"}  # sam package
    housekeeping = {"cloudformation:DeleteChangeSet", "s3:DeleteObject"}  # of what failed, and of old files
    words = {"lambda:Invoke": "lambda:InvokeFunction", "s3:ListObjectsV2": "s3:ListBucket"}
    done = {words.get(operation, operation) for operation in account.operations}
    done |= {f"cloudformation:{camel(operation)}" for operation, _ in account.cloudformation.calls}
    assert done | handing_over | uploading | housekeeping == granted
    changed = {about for operation, about in account.cloudformation.calls if operation == "create_change_set"}
    (resources,) = [it["Resource"] for it in statements if it["Sid"] == "Stacks"]
    assert {it["Fn::Sub"].rpartition(":stack/")[2].replace("${Stage}", "dev") for it in resources} == {
        f"{name}/*" for name in changed
    }
    (migrate,) = [it["Resource"]["Fn::Sub"] for it in statements if it["Sid"] == "Migrate"]
    assert migrate.endswith(":function:taskflow-${Stage}-migrate-MigrateFunction-*")


def listed(actions: str | list[str]) -> list[str]:
    return [actions] if isinstance(actions, str) else actions


def camel(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


def test_github_brings_no_page_that_may_not_call_the_api(account: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    account.deploy()
    account.stacks().delete("taskflow-dev")
    monkeypatch.setitem(GIVEN, "ApiUrl", "https://new.example")
    with pytest.raises(Stopped, match="The API is at a new address"):
        account.deploy(service_only=True)


def test_github_makes_no_foundation(account: Pretended) -> None:
    with pytest.raises(Stopped, match="taskflow-dev-network is not there yet"):
        account.deploy(service_only=True)
    assert account.executed() == []


# --- down ------------------------------------------------------------------------------------------------------------


def destroy(account: Pretended, typed: str = "dev") -> None:
    account.person.types = typed
    account.cloudformation.calls.clear()
    person: Any = account.person
    Demolition(account.stage, account.aws(), account.stacks(), person).run()


def test_a_stage_goes_in_the_opposite_order_and_its_secrets_stay(account: Pretended) -> None:
    account.deploy()
    destroy(account)
    gone = [about for operation, about in account.cloudformation.calls if operation == "delete_stack"]
    parts = ("observability", None, "migrate", "web", "kafka", "data", "network")
    assert gone == [f"taskflow-dev-{part}" if part else "taskflow-dev" for part in parts]
    assert account.stacks().exists("taskflow-dev-secrets")
    assert any("taskflow-dev-secrets and taskflow/dev/smtp-url" in line for line in account.person.lines)


def test_the_database_may_be_deleted_only_when_its_turn_has_come(account: Pretended) -> None:
    account.deploy()
    destroy(account)
    calls = [call for call in account.cloudformation.calls if call[0] in ("update_stack", "delete_stack")]
    data = "taskflow-dev-data"
    (asked,) = account.cloudformation.updated
    assert [it for it in asked["Parameters"] if "UsePreviousValue" not in it] == [
        {"ParameterKey": "DeletionProtection", "ParameterValue": "false"}
    ]
    assert calls.index(("update_stack", data)) + 1 == calls.index(("delete_stack", data))


def test_the_pages_bucket_is_emptied_with_all_its_versions(account: Pretended) -> None:
    account.deploy()
    where = bucket(account)
    account.s3.put_bucket_versioning(Bucket=where, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        account.s3.put_object(Bucket=where, Key="index.html", Body=b"new")
    account.s3.delete_object(Bucket=where, Key="app.js")
    destroy(account)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        account.s3.head_object(Bucket=where, Key="index.html")


def test_a_bucket_is_emptied_beyond_one_page(account: Pretended) -> None:
    account.s3.create_bucket(Bucket="full", CreateBucketConfiguration={"LocationConstraint": stacks.REGION})
    for number in range(5):
        account.s3.put_object(Bucket="full", Key=str(number), Body=b"")
    account.s3.meta.events.register("provide-client-params.s3.ListObjectVersions", two_at_a_time)
    assert page.empty(account.s3, "full") == 5
    assert account.page("full") == []


def two_at_a_time(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "MaxKeys": 2}


def test_nothing_is_deleted_unless_the_stages_name_is_typed(account: Pretended) -> None:
    account.deploy()
    with pytest.raises(Declined):
        destroy(account, typed="yes")
    assert all(account.stacks().exists(name) for name in WHOLE)


def test_destroying_goes_on_where_it_was_interrupted_and_ends_in_nothing(account: Pretended) -> None:
    account.deploy()
    for name in ("taskflow-dev-observability", "taskflow-dev"):
        account.stacks().delete(name)
    destroy(account)
    assert not any(account.stacks().exists(account.stage.stack(part)) for part in FOUNDATION if part != "secrets")
    destroy(account)
    assert account.person.lines[-1] == f"nothing of dev is in account 123456789012, {stacks.REGION}"
