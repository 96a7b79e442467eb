"""Route keys, wherever they stand: what is none is an error at its line, and what AWS doesn't take is listed."""

import pytest

from samlet.errors import TemplateError

from .conftest import Loader

PLAIN = """
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
"""

SERVERLESS = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
"""


@pytest.mark.parametrize("key", ["GET /x/{p+}/y", "get /lower", "GET  /v", "GET v", "/v", "$disconnect"])
def test_what_is_no_route_key_is_an_error_at_the_line_of_the_route_that_has_it(loaded: Loader, key: str) -> None:
    with pytest.raises(TemplateError) as error:
        loaded(
            PLAIN
            + f"""
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
          Int: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{IntegrationType: AWS_PROXY, IntegrationUri: F}}}}
          Rb:
            Type: AWS::ApiGatewayV2::Route
            Properties:
              ApiId: !Ref Api
              RouteKey: "{key}"
              Target: integrations/Int
        """
        )
    line = len(PLAIN.splitlines()) + 8
    assert f"template.yaml:{line}: Resources.Rb.Properties.RouteKey: {key}" in str(error.value)


def test_what_is_no_path_of_a_document_is_an_error_at_its_paths(loaded: Loader) -> None:
    with pytest.raises(
        TemplateError, match=r"template.yaml:\d+: Resources\.Api\.Properties\.Body\.paths\.a: GET a is no"
    ):
        loaded(
            PLAIN
            + """
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                paths:
                  a: {get: {x-amazon-apigateway-integration: {type: AWS_PROXY, uri: !GetAtt F.Arn}}}
        """
        )


SLIPS = {
    "GET /b/": "AWS takes no path that ends in a slash, so it is left out; write /b",
    "GET /v/{name}.json": "AWS takes a variable as a whole part of a path alone, so it is left out",
    "GET /v/{name": "AWS takes a variable as a whole part of a path alone, so it is left out",
    "GET /v/{}": "AWS takes no variable without a name, so it is left out",
    "GET /v/{+}": "AWS takes no variable without a name, so it is left out",
    "GET /v/{a}/{a}": "AWS takes a variable once in a path, so it is left out; give the second {a} another name",
    "GET /v/{a}/{a+}": "AWS takes a variable once in a path, so it is left out; give the second {a} another name",
    "GET /v/{other}": "AWS takes no other name of the variable in GET /v/{id}, so it is left out; use one name",
}


@pytest.fixture(params=SLIPS)
def slip(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, SLIPS[request.param]


def test_a_route_whose_key_aws_does_not_take_is_listed_and_left_out(loaded: Loader, slip: tuple[str, str]) -> None:
    target = "Target: integrations/Int}"
    template = loaded(
        PLAIN
        + f"""
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
          Stage: {{Type: AWS::ApiGatewayV2::Stage, Properties: {{ApiId: Api, StageName: $default, AutoDeploy: true}}}}
          Int: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{IntegrationType: AWS_PROXY, IntegrationUri: F}}}}
          Ra: {{Type: AWS::ApiGatewayV2::Route, Properties: {{ApiId: Api, RouteKey: "GET /v/{{id}}", {target}}}
          Rb:
            Type: AWS::ApiGatewayV2::Route
            Properties: {{ApiId: Api, RouteKey: "{slip[0]}", {target}
        """
    )
    assert [route.key for route in template.apis[0].routes] == ["GET /v/{id}"]
    [part] = template.unsupported
    line = len(PLAIN.splitlines()) + 8
    assert (part.logical_id, part.line, part.reason) == ("Rb", line, f"RouteKey: {slip[0]}: {slip[1]}")


def test_a_document_with_a_key_that_aws_does_not_take_is_served_without_it(
    loaded: Loader, slip: tuple[str, str]
) -> None:
    path = slip[0].removeprefix("GET ")
    integration = "{get: {x-amazon-apigateway-integration: {type: AWS_PROXY, uri: !GetAtt F.Arn}}}"
    template = loaded(
        PLAIN
        + f"""
          Stage: {{Type: AWS::ApiGatewayV2::Stage, Properties: {{ApiId: Api, StageName: $default, AutoDeploy: true}}}}
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body:
                paths:
                  "/v/{{id}}": {integration}
                  "{path}": {integration}
        """
    )
    assert [route.key for route in template.apis[0].routes] == ["GET /v/{id}"]
    assert [(part.logical_id, part.reason) for part in template.unsupported] == [("Api", f"{slip[0]}: {slip[1]}")]


def test_an_event_with_a_key_that_aws_does_not_take_is_listed_at_its_own_line(
    loaded: Loader, slip: tuple[str, str]
) -> None:
    template = loaded(
        SERVERLESS
        + f"""              Events:
                One: {{Type: HttpApi, Properties: {{Method: GET, Path: "/v/{{id}}"}}}}
                Two: {{Type: HttpApi, Properties: {{Method: get, Path: "{slip[0].removeprefix("GET ")}"}}}}
        """
    )
    [route], [part] = template.apis[0].routes, template.unsupported
    if "{other}" in slip[0]:  # which of the two stays is the expansion's to say
        assert (route.key, part.line) in {("GET /v/{id}", 12), ("GET /v/{other}", 11)}
        assert f"AWS takes no other name of the variable in {route.key}" in part.reason
    else:
        assert (route.key, part.line, part.reason) == ("GET /v/{id}", 12, f"{slip[0]}: {slip[1]}")


def test_a_quick_create_with_a_key_that_aws_does_not_take_is_listed(loaded: Loader) -> None:
    template = loaded(
        PLAIN
        + """
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties: {ProtocolType: HTTP, Target: !GetAtt F.Arn, RouteKey: GET /b/}
        """
    )
    assert [api.routes for api in template.apis] == [()]
    [part] = template.unsupported
    assert (part.logical_id, part.reason) == ("Api", f"RouteKey: GET /b/: {SLIPS['GET /b/']}")


def test_paths_that_differ_in_more_than_the_name_of_a_variable_stand_beside_each_other(loaded: Loader) -> None:
    keys = ["GET /", "GET /v/{id}", "PUT /v/{other}", "GET /v/{all+}", "GET /v/{id}/{part}", "GET /w/{other}"]
    routes = "".join(
        f"""
          R{number}:
            Type: AWS::ApiGatewayV2::Route
            Properties: {{ApiId: Api, RouteKey: "{key}", Target: integrations/Int}}"""
        for number, key in enumerate(keys)
    )
    template = loaded(
        PLAIN
        + f"""
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
          Stage: {{Type: AWS::ApiGatewayV2::Stage, Properties: {{ApiId: Api, StageName: $default, AutoDeploy: true}}}}
          Int: {{Type: AWS::ApiGatewayV2::Integration, Properties: {{IntegrationType: AWS_PROXY, IntegrationUri: F}}}}
        {routes}
        """
    )
    assert [route.key for route in template.apis[0].routes] == keys
    assert template.unsupported == ()


def test_an_event_that_is_no_route_is_an_error_at_its_own_line(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"template.yaml:11: .*GET /\{all\+\}/b: what comes after"):
        loaded(
            SERVERLESS
            + """              Events: {One: {Type: HttpApi, Properties: {Method: GET, Path: /}},
                Two: {Type: HttpApi, Properties: {Method: GET, Path: "/{all+}/b"}}}
        """
        )
