"""A whole Samlet on an HTTP API with authorizers, throttling, stages and a function URL, through public protocols."""

import json
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tokens import ISSUER, key_set, private_key, token
from toy import Toy
from waiting import eventually

pytestmark = pytest.mark.xdist_group("whole")

CODE = """
asked = []

def echo(event, context):
    return event

def ask(event, context):
    asked.append(event["identitySource"])
    if event["headers"]["x-key"] == "broken":
        raise RuntimeError("no answer")
    good = event["headers"]["x-key"] == "secret"
    return {"isAuthorized": good, "context": {"asked": len(asked)}}
"""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.13, CodeUri: code/, Timeout: 10}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageVariables: {colour: blue}
      CorsConfiguration: {AllowOrigins: ["https://page.example"], AllowMethods: [GET], AllowHeaders: [authorization]}
      AccessLogSettings:
        DestinationArn: !GetAtt Logs.Arn
        Format: '{"route":"$context.routeKey","status":$context.status,"sub":"$context.authorizer.claims.sub"}'
      DefaultRouteSettings: {ThrottlingBurstLimit: 1000, ThrottlingRateLimit: 1000}
      RouteSettings: {"GET /rare": {ThrottlingBurstLimit: 1, ThrottlingRateLimit: 0}}
      Auth:
        DefaultAuthorizer: Jwt
        Authorizers:
          Jwt:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: "https://issuer.example", audience: [me]}
          Key:
            FunctionArn: !GetAtt Ask.Arn
            AuthorizerPayloadFormatVersion: 2.0
            EnableSimpleResponses: true
            Identity: {Headers: [X-Key], ReauthorizeEvery: 300}
  Logs: {Type: AWS::Logs::LogGroup}
  Ask: {Type: AWS::Serverless::Function, Properties: {Handler: app.ask}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.echo
      FunctionUrlConfig: {AuthType: NONE}
      Events:
        Open: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /open, Auth: {Authorizer: NONE}}}
        Rare: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /rare, Auth: {Authorizer: NONE}}}
        Mine: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /mine}}
        Scoped:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: /scoped, Auth: {AuthorizationScopes: [read]}}
        Key: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/key/{id}", Auth: {Authorizer: Key}}}
  Live:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: live, AutoDeploy: true, StageVariables: {colour: green}}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    toy = Toy(tmp_path_factory.mktemp("guarded") / "toy", arguments=("--strict",))
    (toy.folder / "code" / "app.py").write_text(CODE)
    (toy.folder / "template.yaml").write_text(textwrap.dedent(TEMPLATE))
    (toy.folder / "samlet.toml").write_text(f'[jwks]\n"{ISSUER}" = "keys.json"\n"{ISSUER}/" = "keys.json"\n')
    (toy.folder / "keys.json").write_bytes(key_set())
    toy.start()
    yield toy
    toy.end()


def get(toy: Toy, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{toy.addresses['api']}{path}", headers=headers)


def bearer(**claims: Any) -> str:
    now = int(time.time())
    return f"Bearer {token(**({'exp': now + 600, 'iat': now - 1} | claims))}"


def test_an_open_route_of_a_guarded_api_gets_the_stages_variables(guarded: Toy) -> None:
    event = get(guarded, "/open").json()
    assert event["stageVariables"] == {"colour": "blue"}
    event = get(guarded, "/live/open").json()
    assert (event["stageVariables"], event["requestContext"]["stage"]) == ({"colour": "green"}, "live")


def test_a_token_of_the_issuer_opens_the_routes_that_it_has_scopes_for(guarded: Toy) -> None:
    event = get(guarded, "/mine", authorization=bearer(groups=["a", "b"])).json()
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["groups"] == "[a b]"
    assert get(guarded, "/scoped", authorization=bearer(scope="write read")).status_code == 200
    refused = get(guarded, "/scoped", authorization=bearer(scope="write"))
    assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"})


def test_without_one_nobody_passes(guarded: Toy) -> None:
    for headers in (
        {},
        {"authorization": bearer(aud="other")},
        {"authorization": bearer(key=private_key("second"))},
        {"authorization": bearer(exp=int(time.time()) - 1)},
    ):
        refused = get(guarded, "/mine", **headers)
        assert (refused.status_code, refused.json()) == (401, {"message": "Unauthorized"})
        assert refused.headers["www-authenticate"].startswith("Bearer")


def test_a_browser_may_ask_before_it_has_a_token(guarded: Toy) -> None:
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
    answer = httpx.options(f"{guarded.addresses['api']}/mine", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-headers"]) == (204, "authorization")


def test_a_function_lets_pass_whom_it_knows_and_is_asked_once(guarded: Toy) -> None:
    for number in (1, 2):
        event = get(guarded, f"/key/{number}", **{"x-key": "secret"}).json()
        assert event["requestContext"]["authorizer"] == {"lambda": {"asked": 1}}
    assert get(guarded, "/key/1").status_code == 401
    assert get(guarded, "/key/1", **{"x-key": "wrong"}).status_code == 403
    assert get(guarded, "/key/1", **{"x-key": "broken"}).status_code == 500


def test_a_throttled_route_answers_its_burst_only(guarded: Toy) -> None:
    answers = [get(guarded, "/rare") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert answers[1].json() == {"message": "Too Many Requests"}


def test_a_function_url_has_an_address_of_its_own(guarded: Toy) -> None:
    event = httpx.get(f"{guarded.addresses['url EchoUrl']}/a%20b").json()
    assert (event["rawPath"], event["requestContext"]["accountId"]) == ("/a%20b", "anonymous")


def test_the_start_says_where_a_stage_is_and_which_keys_serve_nobody(guarded: Toy) -> None:
    assert "Api: stage live is served under /live" in guarded.log
    assert f"[jwks] {ISSUER}/ is the issuer of no authorizer; there are {ISSUER}" in guarded.log
    assert f"[jwks] {ISSUER} is" not in guarded.log


def test_the_access_log_is_in_the_log(guarded: Toy) -> None:
    get(guarded, "/mine", authorization=bearer(sub="ann", tag="once"))
    wanted = json.dumps({"route": "GET /mine", "status": 200, "sub": "ann"}, separators=(",", ":"))
    eventually(lambda: f"access Api       {wanted}" in guarded.log)
