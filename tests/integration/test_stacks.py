"""The stacks of iac/, made by moto as far as it can, each from the outputs of those before it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.cloudformation.parsing import resource_class_from_type

import stacks
from observability.panels import FUNCTIONS
from taskflow.settings import DatabaseSettings, Environment
from taskflow.tokens import TokenKeys

BY_HAND = {
    "web": {"ApiUrl": "https://api.example"},
    "observability": {"ApiId": "abc", **{f"{function}Name": f"taskflow-dev-{function}-1" for function in FUNCTIONS}},
    "delivery": {"Repository": "somebody/taskflow"},
}


@pytest.fixture(autouse=True)
def _pretended_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", stacks.REGION)
    with mock_aws():
        yield


def client(service: str) -> Any:
    factory: Any = boto3.client  # the installed stubs know Lambda alone
    return factory(service, stacks.REGION)


def create_up_to(last: str, **parameters: str) -> dict[str, str]:
    """Make the stacks in order; an output fills every parameter of the same name."""
    outputs: dict[str, str] = {}
    for name in stacks.NAMES:
        declared = stacks.read(name)["Parameters"]
        given = outputs | BY_HAND.get(name, {}) | parameters
        outputs |= stacks.create(name, {key: given[key] for key in declared if key in given})
        if name == last:
            break
    return outputs


@pytest.mark.filterwarnings("ignore:No Moto CloudFormation support")
def test_only_types_that_moto_does_not_know_are_left_out() -> None:
    types = {resource["Type"] for name in stacks.NAMES for resource in stacks.read(name)["Resources"].values()}
    unknown = {kind for kind in types if resource_class_from_type(kind) is None}
    assert unknown == set(stacks.UNKNOWN_TO_MOTO)


def test_each_stack_is_made_from_the_outputs_of_those_before_it() -> None:
    outputs = create_up_to("delivery")
    assert {name for name, value in outputs.items() if not value} == set()
    assert outputs["DatabaseAdminUrl"].startswith("postgresql://taskflow_admin@")
    assert re.fullmatch(r"secretsmanager:arn:aws:secretsmanager:.*#password", outputs["DatabaseAdminPassword"])


def test_every_parameter_of_the_service_has_a_source() -> None:
    class Loader(yaml.SafeLoader): ...

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    service = yaml.load((stacks.IAC.parent / "template.yaml").read_text(), Loader)
    required = {name for name, declared in service["Parameters"].items() if "Default" not in declared}
    given = {name for stack in stacks.NAMES for name in stacks.read(stack)["Outputs"]}
    assert required - given == {"KafkaBootstrapServers", "SmtpUrl"}  # iac/README.md says where those two come from


# --- network --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("egress", "per_zone", "zones", "endpoints", "gateways"),
    [
        ("endpoints", "no", "2", 2, 0),
        ("endpoints", "no", "3", 2, 0),
        ("nat", "no", "2", 0, 1),
        ("nat", "yes", "3", 0, 3),
        ("both", "no", "3", 2, 1),
        ("both", "yes", "2", 2, 2),
    ],
)
def test_the_way_out_is_what_the_parameters_say(
    egress: str, per_zone: str, zones: str, endpoints: int, gateways: int
) -> None:
    outputs = stacks.create("network", {"Egress": egress, "NatPerZone": per_zone, "Zones": zones})
    ec2 = client("ec2")
    made = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])["VpcEndpoints"]
    assert len([one for one in made if one["VpcEndpointType"] == "Interface"]) == endpoints
    nats = ec2.describe_nat_gateways(Filter=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])["NatGateways"]
    assert len(nats) == gateways
    private = outputs["SubnetIds"].split(",")
    assert len(private) == int(zones)
    assert {nat["SubnetId"] for nat in nats} & set(private) == set()
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])["RouteTables"]
    behind = [
        table["Routes"] for table in tables if any("DestinationPrefixListId" in route for route in table["Routes"])
    ]
    assert len(behind) == int(zones), "each private subnet has a table of its own, and the way to S3 in it"
    ways = [route for routes in behind for route in routes if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
    assert len(ways) == (int(zones) if gateways else 0)
    assert len({way["NatGatewayId"] for way in ways}) == gateways


def test_the_zones_are_those_that_were_named() -> None:
    """Not every zone of a region has every endpoint and every machine."""
    outputs = stacks.create(
        "network", {"ZoneNames": "eu-central-1c,eu-central-1b", "Egress": "both", "NatPerZone": "yes"}
    )
    of_the_vpc = [{"Name": "vpc-id", "Values": [outputs["VpcId"]]}]
    subnets = client("ec2").describe_subnets(Filters=of_the_vpc)["Subnets"]
    assert sorted(one["AvailabilityZone"][-1] for one in subnets) == ["b", "b", "c", "c"]


def test_pollers_get_endpoints_of_lambda_and_sts_where_they_are_asked_for() -> None:
    outputs = stacks.create("network", {"PollerEndpoints": "yes"})
    ec2 = client("ec2")
    made = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [outputs["VpcId"]]}])["VpcEndpoints"]
    services = {one["ServiceName"].rpartition(".")[2]: one for one in made}
    assert set(services) == {"secretsmanager", "email-smtp", "lambda", "sts", "s3"}
    (group,) = [one["GroupId"] for one in services["sts"]["Groups"]]
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    functions = outputs["SecurityGroupIds"]
    assert _who_comes_in(found) == {(443, functions), (587, functions), (443, outputs["KafkaSecurityGroupId"])}


def test_each_subnet_follows_the_table_of_its_own_kind() -> None:
    resources = stacks.read("network")["Resources"]  # moto makes the associations, but does not tell
    subnets = {name for name, resource in resources.items() if resource["Type"] == "AWS::EC2::Subnet"}
    follows = {
        resource["Properties"]["SubnetId"]["Ref"]: resource["Properties"]["RouteTableId"]["Ref"]
        for resource in resources.values()
        if resource["Type"] == "AWS::EC2::SubnetRouteTableAssociation"
    }
    private = {f"Subnet{zone}": f"Routes{zone}" for zone in "ABC"}
    assert follows == private | {f"PublicSubnet{zone}": "PublicRoutes" for zone in "ABC"}
    assert set(follows) == subnets


def test_the_database_is_reached_by_functions_and_proxy_alone_and_kafka_by_functions_and_pollers() -> None:
    outputs = stacks.create("network", {"Egress": "both"})
    groups = {group["GroupId"]: group for group in client("ec2").describe_security_groups()["SecurityGroups"]}
    functions, proxy = outputs["SecurityGroupIds"], outputs["ProxySecurityGroupId"]
    kafka = outputs["KafkaSecurityGroupId"]
    assert _who_comes_in(groups[outputs["DatabaseSecurityGroupId"]]) == {(5432, functions), (5432, proxy)}
    assert _who_comes_in(groups[proxy]) == {(5432, functions)}
    assert _who_comes_in(groups[kafka]) == {(9096, functions), (9096, kafka)}
    assert _who_comes_in(groups[functions]) == set()
    ours = [
        group for group in groups.values() if group["VpcId"] == outputs["VpcId"] and group["GroupName"] != "default"
    ]
    assert {net["CidrIp"] for group in ours for rule in group["IpPermissions"] for net in rule["IpRanges"]} == set()


def test_nothing_leaves_a_group_but_by_a_rule_of_its_own() -> None:
    resources = stacks.read("network")["Resources"].values()  # moto lets everything out all the same
    groups = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::EC2::SecurityGroup"]
    assert {rule["CidrIp"] for group in groups for rule in group["SecurityGroupEgress"]} == {"127.0.0.1/32"}
    assert all(group["SecurityGroupEgress"] for group in groups)
    rules = [resource for resource in resources if resource["Type"] == "AWS::EC2::SecurityGroupEgress"]
    wide = [rule for rule in rules if "CidrIp" in rule["Properties"]]
    assert {rule["Condition"] for rule in wide} == {"HasNat"}
    assert {rule["Properties"]["GroupId"]["Fn::GetAtt"][0] for rule in wide} == {"FunctionGroup"}


def _who_comes_in(group: Mapping[str, Any]) -> set[tuple[int, str]]:
    assert all(rule["FromPort"] == rule["ToPort"] for rule in group["IpPermissions"])
    return {(rule["FromPort"], pair["GroupId"]) for rule in group["IpPermissions"] for pair in rule["UserIdGroupPairs"]}


# --- secrets --------------------------------------------------------------------------------------------------------


def generate_secrets(name: str, **values: str) -> None:
    """What CloudFormation does for each secret of a stack: a password of that length, in the template's JSON."""
    manager = client("secretsmanager")
    for resource in stacks.read(name)["Resources"].values():
        if resource["Type"] != "AWS::SecretsManager::Secret":
            continue
        wanted = resource["Properties"]["GenerateSecretString"]
        password = manager.get_random_password(PasswordLength=wanted["PasswordLength"], ExcludePunctuation=True)
        text = password["RandomPassword"]
        if "GenerateStringKey" in wanted:
            shape = wanted["SecretStringTemplate"]
            around = json.loads(_filled(shape["Fn::Sub"] if isinstance(shape, dict) else shape, values))
            text = json.dumps(around | {wanted["GenerateStringKey"]: text})
        manager.create_secret(Name=_filled(resource["Properties"]["Name"]["Fn::Sub"], values), SecretString=text)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


@pytest.mark.parametrize("function", ["Auth", "Tasks", "OutboxRelay", "NightlyDigest", "MailSender", "Housekeeping"])
def test_a_function_reads_its_password_by_the_reference_that_the_stack_gives(function: str) -> None:
    generate_secrets("secrets", Stage="dev", DatabaseName="taskflow")
    reference = _filled(
        stacks.read("secrets")["Outputs"][f"{function}DatabasePassword"]["Value"]["Fn::Sub"], {"Stage": "dev"}
    )
    settings = DatabaseSettings.read(
        Environment({"DATABASE_URL": "postgresql://taskflow_x@db/taskflow", "DATABASE_PASSWORD": reference})
    )
    assert re.fullmatch(r"[A-Za-z0-9]{40}", settings.password or "")


def test_the_generated_keys_are_keys_to_the_service() -> None:
    generate_secrets("secrets", Stage="dev", DatabaseName="taskflow")
    outputs = stacks.read("secrets")["Outputs"]
    references = {
        name: _filled(outputs[name]["Value"]["Fn::Sub"], {"Stage": "dev"}) for name in ("TokenKeys", "CursorKey")
    }
    assert TokenKeys.read(Environment({"TOKEN_KEYS": references["TokenKeys"]}))
    assert len(Environment({"CURSOR_KEY": references["CursorKey"]}).text("CURSOR_KEY")) == 64


def test_the_proxy_is_given_the_login_of_each_role() -> None:
    roles = {
        json.loads(resource["Properties"]["GenerateSecretString"]["SecretStringTemplate"]["Fn::Sub"])["username"]
        for resource in stacks.read("secrets")["Resources"].values()
        if "GenerateStringKey" in resource["Properties"]["GenerateSecretString"]
    }
    assert roles == {
        f"${{DatabaseName}}_{function}"
        for function in ("auth", "tasks", "outbox_relay", "nightly_digest", "mail_sender", "housekeeping")
    }
    logins = stacks.read("data")["Resources"]["Proxy"]["Properties"]["Auth"]
    assert [login["SecretArn"]["Fn::Select"][0] for login in logins] == list(range(len(roles)))


# --- data, Kafka, web page, observability, delivery -------------------------------------------------------------------


def test_the_database_is_private_encrypted_and_restorable() -> None:
    create_up_to("data", MultiAz="true", BackupDays="14")
    (made,) = client("rds").describe_db_instances()["DBInstances"]
    assert made["StorageEncrypted"]
    assert made["MultiAZ"]
    assert made["Endpoint"]["Port"] == 5432
    assert not made["PubliclyAccessible"]
    assert made["BackupRetentionPeriod"] == 14
    assert made["EngineVersion"].startswith("18.")
    (group,) = [
        one
        for one in client("rds").describe_db_parameter_groups()["DBParameterGroups"]
        if "taskflow" in one["DBParameterGroupName"].lower()
    ]
    assert group["DBParameterGroupFamily"] == "postgres18"
    assert stacks.read("data")["Resources"]["Settings"]["Properties"]["Parameters"]["rds.force_ssl"] == "1"


def test_the_database_leaves_a_snapshot_and_its_password_is_nobodys() -> None:
    database = stacks.read("data")["Resources"]["Database"]
    assert (database["DeletionPolicy"], database["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert database["Properties"]["DeletionProtection"] == {"Ref": "DeletionProtection"}
    assert stacks.read("data")["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert database["Properties"]["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in database["Properties"]


def test_kafkas_key_is_rotated_and_its_clients_log_in_over_tls() -> None:
    outputs = create_up_to("kafka")
    assert client("kms").get_key_rotation_status(KeyId=outputs["KafkaKeyArn"])["KeyRotationEnabled"]
    (group,) = client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30
    cluster = stacks.read("kafka")["Resources"]["Cluster"]["Properties"]
    assert cluster["ClientAuthentication"]["Sasl"]["Scram"]["Enabled"] is True
    assert cluster["ClientAuthentication"]["Unauthenticated"]["Enabled"] is False
    assert cluster["EncryptionInfo"]["EncryptionInTransit"]["ClientBroker"] == "TLS"
    assert "auto.create.topics.enable=false" in json.dumps(stacks.read("kafka")["Resources"]["Settings"])


def test_nobody_reaches_the_pages_bucket_but_cloudfront() -> None:
    outputs = stacks.create("web")
    s3, bucket = client("s3"), outputs["WebBucketName"]
    block = stacks.read("web")["Resources"]["Bucket"]["Properties"]["PublicAccessBlockConfiguration"]  # untold by moto
    assert len(block) == 4
    assert set(block.values()) == {True}
    assert stacks.read("web")["Resources"]["Bucket"]["Properties"]["VersioningConfiguration"]["Status"] == "Enabled"
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    allowed = stacks.read("web")["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "AWS:SourceArn".lower() in json.dumps(allowed["Condition"]).lower()


def test_the_dashboard_watches_the_stage_that_it_was_made_for() -> None:
    outputs = create_up_to("observability")
    (made,) = client("cloudwatch").list_dashboards()["DashboardEntries"]
    assert outputs["DashboardUrl"].endswith(f"dashboard/{made['DashboardName']}")
    body = client("cloudwatch").get_dashboard(DashboardName="taskflow-dev")["DashboardBody"]
    lines = [line for widget in json.loads(body)["widgets"] for line in widget["properties"]["metrics"]]
    assert ["Taskflow", "OldestEventAge", "stage", "dev", "service", "outbox_relay"] in [line[:-1] for line in lines]
    assert ["AWS/Lambda", "Errors", "FunctionName", "taskflow-dev-TasksFunction-1"] in [line[:-1] for line in lines]
    assert "${" not in body


def test_every_alarm_tells_the_topic_which_takes_it_from_alarms_and_budgets_of_this_account_alone() -> None:
    resources = stacks.read("observability")["Resources"]
    topic = {"Ref": "Topic"}
    alarms = [it["Properties"] for it in resources.values() if it["Type"] == "AWS::CloudWatch::Alarm"]
    assert all(alarm["AlarmActions"] == [topic] and alarm["TreatMissingData"] for alarm in alarms)
    notified = resources["Budget"]["Properties"]["NotificationsWithSubscribers"]
    assert all(it["Subscribers"] == [{"SubscriptionType": "SNS", "Address": topic}] for it in notified)
    allowed = resources["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {it["Principal"]["Service"] for it in allowed} == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}
    assert {json.dumps(it["Condition"]["StringEquals"]) for it in allowed} == {
        json.dumps({"aws:SourceAccount": {"Ref": "AWS::AccountId"}})
    }


def test_every_parameter_of_the_observability_stack_has_a_source() -> None:
    required = {name for name, it in stacks.read("observability")["Parameters"].items() if "Default" not in it}
    service = (stacks.IAC.parent / "template.yaml").read_text().partition("\nOutputs:\n")[2]
    given = {name for stack in stacks.NAMES for name in stacks.read(stack)["Outputs"]}
    assert required <= given | set(re.findall(r"^  (\w+):", service, re.MULTILINE))


def test_only_one_environment_of_one_repository_may_deploy() -> None:
    outputs = stacks.create("delivery", {"Repository": "somebody/taskflow", "Environment": "production"})
    role = _role(outputs["DeployRoleArn"])
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:somebody/taskflow:environment:production",
        }
    }


def test_roles_are_made_inside_the_boundary_alone_and_never_the_roles_of_delivery() -> None:
    outputs = stacks.create("delivery", {"Repository": "somebody/taskflow"})
    policies = stacks.read("delivery")["Resources"]["ExecutionRole"]["Properties"]["Policies"]
    granted = {statement["Sid"]: statement for statement in policies[0]["PolicyDocument"]["Statement"]}
    making = granted["RolesInsideTheBoundary"]
    assert making["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
    assert outputs["PermissionsBoundary"].endswith(
        client("iam").list_policies(Scope="Local")["Policies"][0]["PolicyName"]
    )
    otherwise = granted["RolesOtherwise"]["Action"]
    assert {"iam:CreateRole", "iam:DeleteRolePermissionsBoundary", "iam:PutRolePolicy"} & set(otherwise) == set()
    assert "role/taskflow-delivery/" in outputs["DeployRoleArn"]
    assert making["Resource"]["Fn::Sub"].endswith(":role/taskflow-${Stage}-*")


def _role(arn: str) -> dict[str, Any]:
    found: dict[str, Any] = client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
    return found
