from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template import Cors, Route

from .conftest import Loader

SAM = """
        Transform: AWS::Serverless-2016-10-31
        Globals: {Function: {Runtime: python3.13, Handler: a.b, CodeUri: code}}
        Resources:
"""
PLAIN = """
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
          Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: "1", Name: live}}
          Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: Api, StageName: $default, AutoDeploy: true}}
"""
INVOKE = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"


def test_a_sam_apis_routes_lead_to_their_functions(loaded: Loader) -> None:
    (api,) = loaded(
        SAM
        + """
          F:
            Type: AWS::Serverless::Function
            Properties:
              Events:
                One: {Type: HttpApi, Properties: {Method: GET, Path: "/a/{id}"}}
                Any: {Type: HttpApi, Properties: {Method: ANY, Path: "/a/{rest+}", TimeoutInMillis: 5000}}
                Other: {Type: HttpApi}
        """
    ).apis
    assert set(api.routes) == {
        Route("GET", "/a/{id}", "F"),
        Route("ANY", "/a/{rest+}", "F", 5000),
        Route("ANY", "$default", "F"),
    }
    assert {route.key for route in api.routes} == {"GET /a/{id}", "ANY /a/{rest+}", "$default"}
    assert (api.cors, api.stage) == (None, "$default")


def test_a_route_to_a_published_alias_leads_to_the_function(loaded: Loader) -> None:
    template = loaded(
        SAM
        + """
          F:
            Type: AWS::Serverless::Function
            Properties:
              AutoPublishAlias: live
              Events: {Any: {Type: HttpApi, Properties: {Method: GET, Path: /}}}
        """
    )
    assert template.apis[0].routes == (Route("GET", "/", "F"),)
    assert template.unsupported == ()


@pytest.mark.parametrize("cors", ["true", "{AllowOrigins: ['*']}"])
def test_cors_may_be_short(loaded: Loader, cors: str) -> None:
    template = loaded(
        SAM + f"          Api: {{Type: AWS::Serverless::HttpApi, Properties: {{CorsConfiguration: {cors}}}}}"
    )
    found = template.apis[0].cors
    assert found is not None
    assert found.allow_origins == ("*",)


def test_the_cors_configuration_is_read_in_full(loaded: Loader) -> None:
    (api,) = loaded(
        """
        Resources:
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              ProtocolType: HTTP
              CorsConfiguration:
                AllowOrigins: [https://a.example]
                AllowMethods: [GET, POST]
                AllowHeaders: [authorization]
                ExposeHeaders: [etag]
                AllowCredentials: true
                MaxAge: 600
        """
    ).apis
    assert api.cors == Cors(("https://a.example",), ("GET", "POST"), ("authorization",), ("etag",), True, 600)


def test_credentials_for_every_origin_are_refused(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.Api\.Properties\.CorsConfiguration\.allowCredentials"):
        loaded(
            """
        Resources:
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties: {ProtocolType: HTTP, CorsConfiguration: {AllowOrigins: ["*"], AllowCredentials: true}}
        """
        )


def test_routes_and_integrations_of_their_own_are_followed(loaded: Loader) -> None:
    template = loaded(
        PLAIN.replace("$default", "live")
        + f"""
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
          ToF:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Api
              IntegrationType: AWS_PROXY
              IntegrationUri: !GetAtt F.Arn
              PayloadFormatVersion: "2.0"
              TimeoutInMillis: 1000
          ToAlias:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Api
              IntegrationType: AWS_PROXY
              IntegrationUri: !Ref Live
              PayloadFormatVersion: "2.0"
          ToPath:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Api
              IntegrationType: AWS_PROXY
              IntegrationUri: !Sub "{INVOKE}"
              PayloadFormatVersion: "2.0"
          R1: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref Api, RouteKey: GET /a, Target: !Sub "integrations/${{ToF}}"}}}}
          R2: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref Api, RouteKey: POST /a, Target: !Join [/, [integrations, !Ref ToAlias]]}}}}
          R3: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${{ToPath}}"}}}}
        """  # noqa: E501
    )
    (api,) = template.apis
    assert api.routes == (Route("GET", "/a", "F", 1000), Route("POST", "/a", "F"), Route("ANY", "$default", "F"))
    assert api.stage == "live"
    assert template.unsupported == ()


def test_quick_create_makes_the_default_route(loaded: Loader) -> None:
    (api,) = loaded(
        PLAIN + "          Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Target: !GetAtt F.Arn}}"
    ).apis
    assert api.routes == (Route("ANY", "$default", "F"),)


def test_an_openapi_body_may_share_its_integrations(loaded: Loader) -> None:
    (api,) = loaded(
        PLAIN
        + f"""
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                paths:
                  /a:
                    parameters: []
                    get:
                      x-amazon-apigateway-integration: {{$ref: "#/components/x-amazon-apigateway-integrations/f"}}
                  $default:
                    x-amazon-apigateway-any-method:
                      x-amazon-apigateway-integration: {{$ref: "#/components/x-amazon-apigateway-integrations/f"}}
                components:
                  x-amazon-apigateway-integrations:
                    f: {{type: AWS_PROXY, uri: !Sub "{INVOKE}", payloadFormatVersion: "2.0", timeoutInMillis: 50}}
                x-amazon-apigateway-cors: {{allowOrigins: [https://a.example], maxAge: 0}}
        """
    ).apis
    assert api.routes == (Route("GET", "/a", "F", 50), Route("ANY", "$default", "F", 50))
    assert api.cors == Cors(allow_origins=("https://a.example",), max_age=0)


@pytest.mark.parametrize("method", ["'*'", "trace", "gett", "$ref"])
def test_an_operation_of_no_method_is_listed(loaded: Loader, method: str) -> None:
    integration = "{x-amazon-apigateway-integration: {type: http_proxy, uri: https://a.example}}"
    template = loaded(
        PLAIN
        + f"""
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                paths:
                  /a:
                    {method}: {integration}
                    parameters: [{{name: a}}]
                    summary: a
                    description: a
                    servers: [{{url: a}}]
                    x-own: 1
        """
    )
    word = method.strip("'")
    reason = f"{word} /a: {word} is no method of an HTTP API, so the route is left out"
    assert [note.reason for note in template.unsupported] == [reason]


@pytest.mark.parametrize(("method", "key"), [("any", "ANY /a"), ("Get", "GET /a"), ("'*'", None)])
def test_an_event_names_a_method_or_any(loaded: Loader, method: str, key: str | None) -> None:
    template = loaded(
        SAM
        + f"""
          F:
            Type: AWS::Serverless::Function
            Properties: {{Events: {{E: {{Type: HttpApi, Properties: {{Method: {method}, Path: /a}}}}}}}}
        """
    )
    assert [route.key for api in template.apis for route in api.routes] == ([key] if key else [])
    assert bool(template.unsupported) is (key is None)


def test_an_openapi_document_beside_the_template_is_read(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(
        f"""
openapi: 3.0.1
paths:
  /a:
    get:
      x-amazon-apigateway-integration: {{type: aws_proxy, uri: !Sub "{INVOKE}", payloadFormatVersion: "2.0"}}
"""
    )
    (api,) = loaded(
        SAM
        + """
          F: {Type: AWS::Serverless::Function}
          Api: {Type: AWS::Serverless::HttpApi, Properties: {DefinitionUri: api.yaml}}
        """
    ).apis
    assert api.routes == (Route("GET", "/a", "F"),)


@pytest.mark.parametrize(
    ("integration", "reason"),
    [
        ("{type: http_proxy, uri: https://a.example}", "HTTP_PROXY"),
        ("{type: aws_proxy, integrationSubtype: SQS-SendMessage, payloadFormatVersion: '1.0'}", "AWS_PROXY"),
        (
            "{type: aws_proxy, uri: 'arn:aws:lambda:x:111111111111:function:o', payloadFormatVersion: '2.0'}",
            "no function",
        ),
    ],
)
def test_an_integration_that_cannot_be_run_is_listed_with_its_route(
    loaded: Loader, integration: str, reason: str
) -> None:
    template = loaded(
        PLAIN
        + f"""
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties: {{Body: {{paths: {{/a: {{get: {{x-amazon-apigateway-integration: {integration}}}}}}}}}}}
        """
    )
    assert template.apis[0].routes == ()
    assert [note.reason.startswith("GET /a: ") and reason in note.reason for note in template.unsupported] == [True]


def test_routes_of_a_function_that_cannot_be_run_are_listed(loaded: Loader) -> None:
    template = loaded(
        SAM
        + """
          F:
            Type: AWS::Serverless::Function
            Properties: {Runtime: nodejs22.x, Events: {E: {Type: HttpApi, Properties: {Method: GET, Path: /}}}}
        """
    )
    assert [note.logical_id for note in template.unsupported] == ["F", "ServerlessHttpApi"]


@pytest.mark.parametrize(
    ("resource", "logical_id"),
    [
        ("W: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET}}", "W"),
        (
            """B: {Type: AWS::ApiGatewayV2::Api, Properties: {BasePath: prepend, Body: {paths: {}}}}
          S: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: B, StageName: $default, AutoDeploy: true}}""",
            "B",
        ),
        ("D: {Type: AWS::ApiGatewayV2::DomainName, Properties: {}}", "D"),
        ("R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: Api, RouteKey: GET /, AuthorizationType: JWT}}", "R"),
        ("R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: Api, RouteKey: GET /}}", "R"),
    ],
)
def test_other_parts_of_an_api_are_listed(loaded: Loader, resource: str, logical_id: str) -> None:
    template = loaded(
        f"""
        Resources:
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
          First: {{Type: AWS::ApiGatewayV2::Stage, Properties: {{ApiId: Api, StageName: $default, AutoDeploy: true}}}}
          {resource}
        """
    )
    assert [note.logical_id for note in template.unsupported] == [logical_id]


@pytest.mark.parametrize("version", ["", ", payloadFormatVersion: '1.0'", ", payloadFormatVersion: 1.0"])
def test_without_a_version_the_payload_format_is_1_0(loaded: Loader, version: str) -> None:
    (api,) = loaded(
        PLAIN
        + f"""
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                paths:
                  /a: {{get: {{x-amazon-apigateway-integration: {{type: aws_proxy, uri: !GetAtt F.Arn{version}}}}}}}
        """
    ).apis
    assert [route.payload_format for route in api.routes] == ["1.0"]


@pytest.mark.parametrize("age", [-2, 86_401])
def test_a_max_age_beyond_the_gateways_bounds_is_an_error(loaded: Loader, age: int) -> None:
    with pytest.raises(TemplateError, match=f"maxAge: needs a number from -1 to 86400, not {age}"):
        loaded(
            f"""
        Resources:
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties: {{ProtocolType: HTTP, CorsConfiguration: {{AllowOrigins: [https://a.example], MaxAge: {age}}}}}
        """
        )


@pytest.mark.parametrize(("timeout", "bound"), [(49, "50"), (30_001, "30000")])
def test_a_time_out_beyond_the_gateways_bounds_is_an_error(loaded: Loader, timeout: int, bound: str) -> None:
    with pytest.raises(TemplateError, match=f"timeoutInMillis: needs a number from 50 to 30000, not {timeout}"):
        loaded(
            SAM
            + f"""
          F:
            Type: AWS::Serverless::Function
            Properties:
              Events: {{E: {{Type: HttpApi, Properties: {{Method: GET, Path: /, TimeoutInMillis: {timeout}}}}}}}
        """
        )


def test_a_greedy_variable_that_is_not_the_paths_end_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"/\{all\+\}/b: what comes after a greedy variable"):
        loaded(
            SAM
            + """
          F:
            Type: AWS::Serverless::Function
            Properties:
              Events: {E: {Type: HttpApi, Properties: {Method: GET, Path: "/{all+}/b"}}}
        """
        )


def test_a_route_of_an_api_that_stands_elsewhere_is_listed(loaded: Loader) -> None:
    template = loaded(
        """
        Resources:
          R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !ImportValue the-api, RouteKey: GET /a, Target: x}}
        """
    )
    assert "ApiId: the-api is no API of this template, so GET /a is left out" in {
        part.reason for part in template.unsupported
    }


def test_a_second_route_of_one_key_is_listed_and_the_first_one_counts(loaded: Loader) -> None:
    target = "IntegrationType: AWS_PROXY, PayloadFormatVersion: '2.0'"
    template = loaded(
        PLAIN
        + f"""
          G: {{Type: AWS::Lambda::Function, Properties: {{Code: code, Handler: a.b, Runtime: python3.13}}}}
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
          ToF: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{{target}, IntegrationUri: !GetAtt F.Arn}}}}
          ToG: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{{target}, IntegrationUri: !GetAtt G.Arn}}}}
          One:
            Type: AWS::ApiGatewayV2::Route
            Properties: {{ApiId: !Ref Api, RouteKey: GET /a, Target: !Sub "integrations/${{ToF}}"}}
          Two:
            Type: AWS::ApiGatewayV2::Route
            Properties: {{ApiId: !Ref Api, RouteKey: GET /a, Target: !Sub "integrations/${{ToG}}"}}
        """
    )
    assert [(route.key, route.function) for route in template.apis[0].routes] == [("GET /a", "F")]
    [part] = template.unsupported
    reason = "RouteKey: GET /a is that of One too, which AWS refuses; it is left out"
    assert (part.logical_id, part.reason) == ("Two", reason)
