"""Route keys, wherever they stand: what is none is an error at its line, and what AWS doesn't take is listed."""

import pytest

from samlet.errors import TemplateError

from .conftest import Loader

PLAIN = """
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
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
