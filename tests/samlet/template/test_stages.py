"""Stages of an HTTP API: names, variables, throttling and access logs."""

import pytest

from samlet.errors import TemplateError
from samlet.model import Throttle

from .conftest import Loader

API = """
        Resources:
          Blue: {Type: AWS::Lambda::Function, Properties: {FunctionName: blue, Runtime: python3.13, Handler: a.b, Code: code}}
          Green: {Type: AWS::Lambda::Function, Properties: {FunctionName: green, Runtime: python3.13, Handler: a.b, Code: code}}
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                paths:
                  /a: {get: {x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/f"}}}
                  /b: {get: {x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/f"}}}
                components:
                  x-amazon-apigateway-integrations:
                    f:
                      type: AWS_PROXY
                      uri: !Sub "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${!stageVariables.colour}"
                      payloadFormatVersion: "2.0"
"""  # noqa: E501


def stage(name: str, properties: str = "", colour: str = "blue", logical_id: str = "Stage") -> str:
    return f"""
          {logical_id}:
            Type: AWS::ApiGatewayV2::Stage
            Properties:
              {{ApiId: !Ref Api, StageName: {name}, AutoDeploy: true, StageVariables: {{colour: {colour}}}{properties}}}
"""


def test_each_stage_has_variables_of_its_own_which_may_name_the_function(loaded: Loader) -> None:
    template = loaded(API + stage("dev", colour="green", logical_id="Dev") + stage("$default"))
    (api,) = template.apis
    assert (api.stage, api.stage_variables, {route.function for route in api.routes}) == (
        "$default",
        {"colour": "blue"},
        {"Blue"},
    )
    (dev,) = api.others
    assert (dev.stage, dev.stage_variables, {route.function for route in dev.routes}) == (
        "dev",
        {"colour": "green"},
        {"Green"},
    )
    assert template.unsupported == ()


def test_a_route_that_no_stage_can_serve_is_listed_once_for_each_reason(loaded: Loader) -> None:
    template = loaded(API + stage("dev", colour="red", logical_id="Dev") + stage("$default", colour="red"))
    assert [note.reason.partition(":")[0] for note in template.unsupported] == ["GET /a", "GET /b"]


def test_throttling_is_the_routes_own_or_the_stages(loaded: Loader) -> None:
    settings = """, DefaultRouteSettings: {ThrottlingBurstLimit: 5, ThrottlingRateLimit: 2.5},
        RouteSettings: {GET /b: {ThrottlingBurstLimit: 1}}"""
    (api,) = loaded(API + stage("$default", settings)).apis
    assert {route.key: route.throttle for route in api.routes} == {
        "GET /a": Throttle(5, 2.5),
        "GET /b": Throttle(1, 2.5),
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", None),
        (", DefaultRouteSettings: {DetailedMetricsEnabled: true}", None),
        (", DefaultRouteSettings: {ThrottlingRateLimit: 3}", Throttle(5_000, 3)),
        (", DefaultRouteSettings: {ThrottlingBurstLimit: 0}", Throttle(0, 10_000)),
    ],
)
def test_the_half_that_a_stage_leaves_out_is_the_accounts(loaded: Loader, settings: str, expected: object) -> None:
    (api,) = loaded(API + stage("$default", settings)).apis
    assert {route.throttle for route in api.routes} == {expected}


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ("{ThrottlingBurstLimit: -1}", "ThrottlingBurstLimit: needs a number from 0"),
        ("{ThrottlingBurstLimit: 1.5}", "ThrottlingBurstLimit: needs a whole number"),
        ("{ThrottlingRateLimit: -0.1}", "ThrottlingRateLimit: needs a number from 0 to 1000000, not -0.1"),
        ("{ThrottlingRateLimit: fast}", "ThrottlingRateLimit: needs a number from 0 to 1000000, not fast"),
        ("{ThrottlingRateLimit: nan}", "ThrottlingRateLimit: needs a number from 0 to 1000000, not nan"),
    ],
)
def test_a_limit_that_is_none_is_an_error(loaded: Loader, settings: str, error: str) -> None:
    with pytest.raises(TemplateError, match=rf"Resources\.Stage\.Properties\.DefaultRouteSettings\.{error}"):
        loaded(API + stage("$default", f", DefaultRouteSettings: {settings}"))


def test_settings_of_no_route_are_listed(loaded: Loader) -> None:
    template = loaded(API + stage("$default", ", RouteSettings: {GET /c: {ThrottlingBurstLimit: 1}}"))
    assert [(note.logical_id, note.reason) for note in template.unsupported] == [
        ("Stage", "RouteSettings: GET /c is no route that is served")
    ]


def test_the_format_of_the_access_log_is_read(loaded: Loader) -> None:
    log = ", AccessLogSettings: {DestinationArn: 'arn:aws:logs:x:1:log-group:a', Format: '$context.requestId'}"
    assert loaded(API + stage("$default", log)).apis[0].access_log == "$context.requestId"
    assert loaded(API + stage("$default")).apis[0].access_log is None


ROUTE = """
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
          Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP}}
          Int: {Type: AWS::ApiGatewayV2::Integration, Properties: {IntegrationType: AWS_PROXY, IntegrationUri: F}}
          Route: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: Api, RouteKey: GET /a, Target: integrations/Int}}
"""
STAGE = "          Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: Api, StageName: dev%s}}\n"
DEPLOYMENT = "          Deployment: {Type: AWS::ApiGatewayV2::Deployment, Properties: {ApiId: %s, StageName: %s}}\n"


def test_an_api_without_a_stage_is_served_and_listed_since_aws_would_not(loaded: Loader) -> None:
    template = loaded(ROUTE)
    assert [(api.stage, [route.key for route in api.routes]) for api in template.apis] == [("$default", ["GET /a"])]
    [part] = template.unsupported
    reason = "has no stage, so AWS would serve nothing; add an AWS::ApiGatewayV2::Stage, AutoDeploy: true"
    assert (part.logical_id, part.line, part.reason) == ("Api", 4, reason)


@pytest.mark.parametrize(
    "rest",
    [
        STAGE % "",
        STAGE % ", AutoDeploy: false",
        STAGE % "" + DEPLOYMENT % ("Api", "prod"),
        STAGE % "" + DEPLOYMENT % ("Other", "dev"),
    ],
)
def test_a_stage_to_which_nothing_is_deployed_is_served_and_listed(loaded: Loader, rest: str) -> None:
    template = loaded(ROUTE + rest)
    assert [(api.stage, [route.key for route in api.routes]) for api in template.apis] == [("dev", ["GET /a"])]
    [part] = template.unsupported
    reason = "AutoDeploy: nothing is deployed to dev, so AWS would serve nothing there; set AutoDeploy: true"
    assert (part.logical_id, part.line, part.reason) == ("Stage", 7, reason)


@pytest.mark.parametrize(
    "rest",
    [
        STAGE % ", AutoDeploy: true",
        STAGE % ", AutoDeploy: 'true'",
        STAGE % ", DeploymentId: !Ref Deployment"
        + "          Deployment: {Type: AWS::ApiGatewayV2::Deployment, Properties: {ApiId: Api}}\n",
        STAGE % "" + DEPLOYMENT % ("!Ref Api", "dev"),
    ],
)
def test_a_stage_that_is_deployed_to_is_not_listed(loaded: Loader, rest: str) -> None:
    assert loaded(ROUTE + rest).unsupported == ()


def test_quick_creates_and_apis_of_sam_have_a_stage_of_their_own(loaded: Loader) -> None:
    function = "Runtime: python3.13, Handler: a.b"
    template = loaded(
        f"""
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F: {{Type: AWS::Lambda::Function, Properties: {{{function}, Code: code}}}}
          Quick: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP, Target: !GetAtt F.Arn}}}}
          Own: {{Type: AWS::Serverless::HttpApi, Properties: {{StageName: dev}}}}
          G:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: code
              Runtime: python3.13
              Handler: a.b
              Events: {{A: {{Type: HttpApi}}, B: {{Type: HttpApi, Properties: {{ApiId: Own}}}}}}
        """
    )
    assert len(template.apis) == 3
    assert template.unsupported == ()
