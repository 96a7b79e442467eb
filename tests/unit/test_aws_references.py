"""The calls that the functions make to AWS: a setting that is a reference is read from SSM or Secrets Manager."""

import json
import re
import socket
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from moto.core.authorization import enable_iam_authentication

from taskflow.settings import DatabaseSettings, Environment, SettingError

DATABASE = {"DATABASE_URL": "postgresql://taskflow_auth@db:5432/taskflow"}
SECRET = {"password": "very-secret", "port": 1, "empty": ""}


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def aws(credentials: None) -> Iterator[str]:
    """AWS with a parameter, a secret of several keys and one that is just a word; the ARN of the former secret."""
    with mock_aws():
        boto3.client("ssm").put_parameter(Name="/taskflow/pepper", Value="from ssm", Type="SecureString")
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="word", SecretString="very-secret")
        yield secrets.create_secret(Name="rds!db-1", SecretString=json.dumps(SECRET))["ARN"]


def refused(reference: str) -> str:
    """The message of the error that reading a database's password through `reference` makes."""
    with pytest.raises(SettingError) as error:
        DatabaseSettings.read(Environment(DATABASE | {"DATABASE_PASSWORD": reference}))
    assert error.value.name == "DATABASE_PASSWORD"
    assert "very-secret" not in str(error.value)
    return str(error.value)


def test_a_parameter_is_read_decrypted(aws: str) -> None:
    assert Environment({"PASSWORD_PEPPER": "ssm:/taskflow/pepper"}).text("PASSWORD_PEPPER") == "from ssm"


@pytest.mark.parametrize("place", ["rds!db-1", "{arn}"])
def test_a_secret_is_read_by_name_or_arn_whole_or_by_key(aws: str, place: str) -> None:
    place = place.format(arn=aws)
    assert json.loads(Environment({"X": f"secretsmanager:{place}"}).text("X")) == SECRET
    assert Environment({"X": f"secretsmanager:{place}#password"}).text("X") == "very-secret"


@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        ("ssm:/nowhere", "can't be read: ParameterNotFound"),
        ("secretsmanager:nowhere", "can't be read: ResourceNotFoundException"),
        ("secretsmanager:rds!db-1#nothing", "without such a key"),
        ("secretsmanager:rds!db-1#port", "no text was found"),
        ("secretsmanager:rds!db-1#empty", "no text was found"),
        ("secretsmanager:word#key", "without such a key"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named_with_its_setting(aws: str, reference: str, fault: str) -> None:
    message = refused(reference)
    assert message.startswith(f"setting DATABASE_PASSWORD points to {reference}, ")
    assert fault in message


@pytest.mark.parametrize("reference", ["ssm:/taskflow/pepper", "secretsmanager:word"])
def test_a_role_without_the_right_is_told_so(aws: str, monkeypatch: pytest.MonkeyPatch, reference: str) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName="function")
    key = iam.create_access_key(UserName="function")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    with enable_iam_authentication():
        # AWS denies in JSON, moto in a format that the client reads no code from: the status stands for it.
        assert re.search(r"can't be read: (AccessDeniedException|403)$", refused(reference))


@pytest.mark.parametrize("reference", ["ssm:/taskflow/pepper", "secretsmanager:word"])
def test_an_aws_that_is_not_there_is_told_by_its_kind(
    credentials: None, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert refused(reference).endswith("can't be read: EndpointConnectionError")


def test_without_credentials_the_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert refused("ssm:/taskflow/pepper").endswith("can't be read: NoCredentialsError")


def test_an_aws_that_never_answers_is_asked_twice_and_no_longer(
    credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert refused("secretsmanager:word").endswith("can't be read: ReadTimeoutError")
        silent.setblocking(False)
        assert [was_called(silent) for _ in range(3)] == [True, True, False]


def was_called(listener: socket.socket) -> bool:
    """Whether there is one more call that nobody has taken."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True
