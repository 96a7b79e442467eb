"""Authorizers as templates say them: which routes they guard, and that none is left open by mistake."""

import pytest

from samlet.errors import TemplateError
from samlet.model import HttpApi, IamAuthorizer, JwtAuthorizer, LambdaAuthorizer, Route
from samlet.template import Template

from .conftest import Loader

JWT = JwtAuthorizer("https://issuer.example", ("me", "you"), "$request.header.Authorization")

SAM = """
        Transform: AWS::Serverless-2016-10-31
        Globals: {Function: {Runtime: python3.13, Handler: a.b, CodeUri: code}}
        Resources:
          A: {Type: AWS::Serverless::Function}
"""
PLAIN = """
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
          A: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
          Node: {Type: AWS::Lambda::Function, Properties: {Runtime: nodejs22.x, Handler: a.b, Code: code}}
          Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP}}
          Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: Api, StageName: $default, AutoDeploy: true}}
          ToF:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Api
              IntegrationType: AWS_PROXY
              IntegrationUri: !GetAtt F.Arn
              PayloadFormatVersion: "2.0"
          Jwt:
            Type: AWS::ApiGatewayV2::Authorizer
            Properties:
              ApiId: !Ref Api
              Name: jwt
              AuthorizerType: JWT
              IdentitySource: [$request.header.Authorization]
              JwtConfiguration: {Issuer: https://issuer.example, Audience: [me, you]}
          Asking:
            Type: AWS::ApiGatewayV2::Authorizer
            Properties:
              ApiId: !Ref Api
              Name: asking
              AuthorizerType: REQUEST
              AuthorizerUri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${A.Arn}/invocations"
              AuthorizerPayloadFormatVersion: "2.0"
              EnableSimpleResponses: true
              AuthorizerResultTtlInSeconds: 60
              IdentitySource: [$request.header.Authorization, $context.routeKey]
          NodeAsking:
            Type: AWS::ApiGatewayV2::Authorizer
            Properties:
              {ApiId: !Ref Api, Name: n, AuthorizerType: REQUEST, AuthorizerUri: !GetAtt Node.Arn, AuthorizerPayloadFormatVersion: "1.0"}
"""  # noqa: E501


def route_to(key: str, properties: str) -> str:
    return f"""
          R:
            Type: AWS::ApiGatewayV2::Route
            Properties: {{ApiId: !Ref Api, RouteKey: {key}, Target: !Sub "integrations/${{ToF}}", {properties}}}
"""


def by_key(api: HttpApi) -> dict[str, Route]:
    return {route.key: route for route in api.routes}


def sam(auth: str, events: str) -> str:
    return (
        SAM
        + f"""
          Api: {{Type: AWS::Serverless::HttpApi, Properties: {{Auth: {auth}}}}}
          F: {{Type: AWS::Serverless::Function, Properties: {{Events: {events}}}}}
"""
    )


TWO = """{
    DefaultAuthorizer: Jwt,
    Authorizers: {
      Jwt: {
        IdentitySource: $request.header.Authorization, AuthorizationScopes: [read],
        JwtConfiguration: {issuer: https://issuer.example, audience: [me, you]}},
      Ask: {
        FunctionArn: !GetAtt A.Arn, AuthorizerPayloadFormatVersion: 2.0, EnableSimpleResponses: true,
        Identity: {Headers: [X-Key], QueryStrings: [k], Context: [routeKey], StageVariables: [v], ReauthorizeEvery: 9}},
      Old: {FunctionArn: !GetAtt A.Arn, AuthorizerPayloadFormatVersion: 1.0}}}"""
EVENTS = """{
    Plain: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /plain}},
    Open: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /open, Auth: {Authorizer: NONE}}},
    Scoped:
      {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /scoped, Auth: {AuthorizationScopes: [w]}}},
    Ask: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /ask, Auth: {Authorizer: Ask}}},
    Old: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /old, Auth: {Authorizer: Old}}}}"""


def test_the_authorizers_of_a_sam_api_guard_its_events_as_they_say(loaded: Loader) -> None:
    template = loaded(sam(TWO, EVENTS))
    routes = by_key(template.apis[0])
    assert (routes["GET /plain"].authorizer, routes["GET /plain"].scopes) == (JWT, ("read",))
    assert (routes["GET /scoped"].authorizer, routes["GET /scoped"].scopes) == (JWT, ("w",))
    assert (routes["GET /open"].authorizer, routes["GET /open"].scopes) == (None, ())
    sources = ("$request.header.X-Key", "$request.querystring.k", "$stageVariables.v", "$context.routeKey")
    assert routes["GET /ask"].authorizer == LambdaAuthorizer("Ask", "A", sources, "2.0", simple=True, ttl=9)
    assert routes["GET /old"].authorizer == LambdaAuthorizer("Old", "A", (), "1.0", simple=False, ttl=0)
    assert template.unsupported == ()


@pytest.mark.parametrize(
    ("properties", "authorizer", "scopes"),
    [
        ("AuthorizationType: NONE", None, ()),
        ("AuthorizationType: JWT, AuthorizerId: !Ref Jwt", JWT, ()),
        ("AuthorizationType: JWT, AuthorizerId: !GetAtt Jwt.AuthorizerId", JWT, ()),
        ("AuthorizationType: JWT, AuthorizerId: !Ref Jwt, AuthorizationScopes: [a, b]", JWT, ("a", "b")),
        (
            "AuthorizationType: CUSTOM, AuthorizerId: !Ref Asking",
            LambdaAuthorizer("Asking", "A", ("$request.header.Authorization", "$context.routeKey"), "2.0", True, 60),
            (),
        ),
    ],
)
def test_a_route_of_its_own_names_its_authorizer(
    loaded: Loader, properties: str, authorizer: object, scopes: tuple[str, ...]
) -> None:
    template = loaded(PLAIN + route_to("GET /a", properties))
    (route,) = template.apis[0].routes
    assert (route.authorizer, route.scopes) == (authorizer, scopes)
    assert [note.logical_id for note in template.unsupported] == ["Node"]


def test_a_route_of_iam_wants_signatures(loaded: Loader) -> None:
    for text in (
        PLAIN + route_to("GET /a", "AuthorizationType: AWS_IAM"),
        openapi("{S: {type: apiKey, x-amazon-apigateway-authtype: awsSigv4}}", ", security: [{S: []}]", ""),
    ):
        (route,) = loaded(text).apis[0].routes
        assert route.authorizer == IamAuthorizer()


def test_sams_authorizer_of_iam_is_for_the_routes_that_name_it_or_for_all(loaded: Loader) -> None:
    sam = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Api:
            Type: AWS::Serverless::HttpApi
            Properties: {Auth: {EnableIamAuthorizer: true%s}}
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
              Events:
                One: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /one%s}}
    """
    for usual, own, expected in (
        ("", "", None),
        ("", ", Auth: {Authorizer: AWS_IAM}", IamAuthorizer()),
        (", DefaultAuthorizer: AWS_IAM", "", IamAuthorizer()),
        (", DefaultAuthorizer: AWS_IAM", ", Auth: {Authorizer: NONE}", None),
    ):
        template = loaded(sam % (usual, own))
        assert [route.authorizer for route in template.apis[0].routes] == [expected]
        assert template.unsupported == ()


def left_out(template: Template) -> list[str]:
    assert template.apis[0].routes == ()
    return [note.reason for note in template.unsupported]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("AuthorizationType: JWT", "nothing is no authorizer of this template, so GET /a is left out"),
        ("AuthorizationType: JWT, AuthorizerId: abc123", "abc123 is no authorizer of this template"),
        ("AuthorizationType: CUSTOM, AuthorizerId: !Ref NodeAsking", "its function Node cannot be run, so GET /a"),
    ],
)
def test_a_route_whose_authorizer_cannot_be_run_is_left_out_and_listed(
    loaded: Loader, properties: str, reason: str
) -> None:
    assert any(reason in each for each in left_out(loaded(PLAIN + route_to("GET /a", properties))))


@pytest.mark.parametrize(
    ("schemes", "security", "reason"),
    [
        ("{}", "[{Jwt: []}]", "there is no security scheme Jwt"),
        ("{S: {type: apiKey, x-amazon-apigateway-authtype: other}}", "[{S: []}]", "authorizers of type other are not"),
        ("{S: {type: http, scheme: basic}}", "[{S: []}]", "authorizers of type S are not run"),
        ("{S: {x-amazon-apigateway-authorizer: {type: token}}}", "[{S: []}]", "authorizers of type TOKEN are not run"),
        ("{}", "[{A: [], B: []}]", "one security scheme an operation is run"),
        ("{}", "[{A: []}, {B: []}]", "one security scheme an operation is run"),
        ("{}", "[{A: []}, {NONE: []}]", "one security scheme an operation is run"),
    ],
)
@pytest.mark.parametrize("everywhere", [True, False], ids=["of the document", "of the operation"])
def test_an_operation_is_never_left_open_by_mistake(
    loaded: Loader, schemes: str, security: str, reason: str, everywhere: bool
) -> None:
    operation = "" if everywhere else f", security: {security}"
    document = f", security: {security}" if everywhere else ""
    template = loaded(openapi(schemes, operation, document))
    (found,) = left_out(template)
    assert found.startswith("GET /a: ")
    assert reason in found


def openapi(schemes: str, operation: str, document: str) -> str:
    integration = "{type: aws_proxy, uri: !GetAtt F.Arn, payloadFormatVersion: '2.0'}"
    return f"""
        Resources:
          F: {{Type: AWS::Lambda::Function, Properties: {{Runtime: python3.13, Handler: a.b, Code: code}}}}
          Stage: {{Type: AWS::ApiGatewayV2::Stage, Properties: {{ApiId: Api, StageName: $default, AutoDeploy: true}}}}
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                {{paths: {{/a: {{get: {{x-amazon-apigateway-integration: {integration}{operation}}}}}}},
                components: {{securitySchemes: {schemes}}}{document}}}
"""


@pytest.mark.parametrize("operation", [", security: []", ", security: [{NONE: []}]"])
def test_an_operation_may_take_the_documents_security_away(loaded: Loader, operation: str) -> None:
    (api,) = loaded(openapi("{}", operation, ", security: [{Jwt: []}]")).apis
    assert [route.authorizer for route in api.routes] == [None]


def test_the_documents_security_guards_what_says_nothing_of_its_own(loaded: Loader) -> None:
    scheme = """{J: {type: oauth2, x-amazon-apigateway-authorizer: {type: jwt,
        jwtConfiguration: {issuer: https://issuer.example, audience: [me, you]}}}}"""
    (api,) = loaded(openapi(scheme, "", ", security: [{J: [read]}]")).apis
    assert [(route.authorizer, route.scopes) for route in api.routes] == [(JWT, ("read",))]


@pytest.mark.parametrize(
    ("authorizer", "error"),
    [
        ("{type: jwt, jwtConfiguration: {audience: [me]}}", r"jwtConfiguration\.issuer: is missing"),
        ("{type: jwt, jwtConfiguration: {issuer: https://i}}", r"jwtConfiguration\.audience: is missing"),
        (
            "{type: jwt, identitySource: Authorization, jwtConfiguration: {issuer: i, audience: [a]}}",
            "identitySource: Authorization is none; one looks like",
        ),
        (
            "{type: jwt, identitySource: $context.path, jwtConfiguration: {issuer: i, audience: [a]}}",
            "identitySource: needs one header or query parameter",
        ),
        ("{type: request, authorizerUri: !GetAtt F.Arn}", "authorizerPayloadFormatVersion: is missing"),
        (
            "{type: request, authorizerUri: !GetAtt F.Arn, authorizerPayloadFormatVersion: '3.0'}",
            "authorizerPayloadFormatVersion: needs one of 1.0, 2.0, not 3.0",
        ),
        (
            "{type: request, authorizerUri: !GetAtt F.Arn, authorizerPayloadFormatVersion: '1.0', "
            "enableSimpleResponses: true}",
            "enableSimpleResponses: goes with payload format 2.0 only",
        ),
        (
            "{type: request, authorizerUri: !GetAtt F.Arn, authorizerPayloadFormatVersion: '2.0', "
            "authorizerResultTtlInSeconds: 5}",
            "authorizerResultTtlInSeconds: needs an identity source",
        ),
        (
            "{type: request, authorizerUri: !GetAtt F.Arn, authorizerPayloadFormatVersion: '2.0', "
            "identitySource: $request.header.A, authorizerResultTtlInSeconds: 3601}",
            "authorizerResultTtlInSeconds: needs a number from 0 to 3600, not 3601",
        ),
    ],
)
def test_an_authorizer_that_aws_would_refuse_is_an_error_with_its_place(
    loaded: Loader, authorizer: str, error: str
) -> None:
    schemes = f"{{S: {{x-amazon-apigateway-authorizer: {authorizer}}}}}"
    with pytest.raises(TemplateError, match=rf"Resources\.Api\.Properties\.Body.*securitySchemes\.S.*{error}"):
        loaded(openapi(schemes, ", security: [{S: []}]", ""))


def test_an_authorizer_of_the_other_kind_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.R\.Properties\.AuthorizationType: JWT does not fit"):
        loaded(PLAIN + route_to("GET /a", "AuthorizationType: JWT, AuthorizerId: !Ref Asking"))
