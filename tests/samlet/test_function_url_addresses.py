"""`!GetAtt Url.FunctionUrl` is where the function URL is served, and a request's trace reaches all that it wakes."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from toy import Toy
from waiting import eventually

pytestmark = pytest.mark.xdist_group("whole")

CODE = """
import os
import urllib.request

def echo(event, context):
    return {"event": event, "trace": os.environ["_X_AMZN_TRACE_ID"]}

def ask(event, context):
    with urllib.request.urlopen(os.environ["URL"] + "asked") as answer:
        return {"url": os.environ["URL"], "answer": answer.read().decode()}
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.13, CodeUri: code/, Timeout: 20}}
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.echo
      FunctionUrlConfig: {AuthType: NONE}
      Events: {Get: {Type: HttpApi, Properties: {Method: GET, Path: /echo}}}
  Signed:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.echo
      FunctionUrlConfig: {AuthType: AWS_IAM}
  Ask:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.ask
      Environment: {Variables: {URL: !GetAtt EchoUrl.FunctionUrl}}
Outputs:
  Url: {Value: !Sub "${EchoUrl.FunctionUrl}here"}
"""
WITHOUT = TEMPLATE.replace("FunctionUrlConfig: {AuthType: NONE}", "Description: none").partition("      Environment:")[
    0
]


@pytest.fixture
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    toy = Toy(tmp_path_factory.mktemp("urls") / "toy")
    (toy.folder / "code" / "app.py").write_text(CODE)
    (toy.folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    (toy.folder / "samlet.toml").write_text("")
    toy.start()
    yield toy
    toy.end()


def asked(toy: Toy) -> Any:
    client = boto3.client(
        "lambda",
        region_name="eu-central-1",
        endpoint_url=toy.addresses["lambda"],
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    return json.loads(client.invoke(FunctionName="Ask")["Payload"].read())


def test_a_function_knows_the_url_of_another_one_and_reaches_it(running: Toy) -> None:
    answer = asked(running)
    assert answer["url"] == f"{running.addresses['url EchoUrl']}/"
    assert json.loads(answer["answer"])["event"]["rawPath"] == "/asked"
    outputs = httpx.get(f"{running.addresses['console']}/api/resources").json()["outputs"]
    assert outputs == {"Url": f"{running.addresses['url EchoUrl']}/here"}


def test_a_url_keeps_its_address_until_it_is_gone_and_is_known_when_it_is_back(running: Toy) -> None:
    before = running.addresses["url EchoUrl"]
    template = running.folder / "template.yaml"
    template.write_text(textwrap.dedent(TEMPLATE) + "  More: {Value: x}\n")
    assert asked(running)["url"] == f"{before}/"
    template.write_text(textwrap.dedent(WITHOUT))
    assert httpx.get(f"{running.addresses['api']}/echo").status_code == 200  # the template counts from here on
    eventually(lambda: "url EchoUrl" not in running.addresses)
    with pytest.raises(httpx.ConnectError):
        httpx.get(before)
    template.write_text(textwrap.dedent(TEMPLATE))
    answer = asked(running)
    assert answer["url"] == f"{eventually(lambda: running.addresses.get('url EchoUrl'))}/"
    assert json.loads(answer["answer"])["event"]["rawPath"] == "/asked"


def test_a_url_of_iam_lets_pass_who_signs_with_the_keys_that_functions_have(running: Toy) -> None:
    url = f"{running.addresses['url SignedUrl']}/a%20b?x=1"
    assert httpx.get(url).status_code == 403
    for access_key, status in (("local", 200), ("AKIAOTHER", 403)):
        request = AWSRequest("POST", url, data=b"hello")
        SigV4Auth(Credentials(access_key, "local", "local"), "lambda", "eu-central-1").add_auth(request)
        answer = httpx.post(url, content=b"hello", headers=dict(request.headers))
        assert answer.status_code == status
    eventually(lambda: "AKIAOTHER is not known here" in running.log)


def test_the_trace_of_a_request_is_the_one_that_its_function_is_told(running: Toy) -> None:
    for url in (f"{running.addresses['api']}/echo", running.addresses["url EchoUrl"]):
        told = httpx.get(url).json()
        root = told["event"]["headers"]["x-amzn-trace-id"]
        assert root.startswith("Root=1-")
        assert told["trace"].startswith(f"{root};Parent=")
        assert told["trace"].endswith(";Sampled=0")
