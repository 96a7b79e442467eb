"""Origins of CORS that let nobody in are listed, for HTTP APIs and for function URLs."""

import pytest

from .conftest import Loader

START = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
"""
STAGE = """
          Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: Api, StageName: $default, AutoDeploy: true}}
          Other: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: Api, StageName: dev, AutoDeploy: true}}
"""
WHOLE = "give a scheme and a whole host, as in https://www.example.com, or *"
CURES = {
    "https://*.b.example": WHOLE,
    "a.example": "write https://a.example",
    "localhost:3000": "write https://localhost:3000",
    "https://x/": "write https://x",
    "http://x:3000/a?b": "write http://x:3000",
    "https://": WHOLE,
    "": WHOLE,
}
TAKEN = ["*", "https://*", "http://*", "https://a.example", "http://localhost:3000", "https://[::1]:3000", "HTTPS://a"]
APIS = {
    "the resource's": (
        STAGE
        + """
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              CorsConfiguration: {AllowOrigins: ["%s"]}
""",
        "CorsConfiguration.AllowOrigins",
    ),
    "the document's": (
        STAGE
        + """
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Body: {x-amazon-apigateway-cors: {allowOrigins: ["%s"]}}
""",
        "Body.x-amazon-apigateway-cors.allowOrigins",
    ),
    "SAM's": (
        """


          Api:
            Type: AWS::Serverless::HttpApi
            Properties:

              CorsConfiguration: {AllowOrigins: ["%s"]}
""",
        "Body.x-amazon-apigateway-cors.allowOrigins",
    ),
}
URL = """
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
              FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigins: ["%s"]}}
"""


@pytest.mark.parametrize("whose", APIS)
@pytest.mark.parametrize("origin", [*CURES, "capacitor://localhost"])
def test_an_origin_that_http_apis_do_not_take_is_listed_once_at_its_line(
    loaded: Loader, whose: str, origin: str
) -> None:
    text, place = APIS[whose]
    [part] = loaded(START + text % origin).unsupported
    shown, cure = origin or "an empty text", CURES.get(origin, WHOLE)
    assert part.reason == f"{place}: {shown} is no origin that AWS takes; {cure}"
    assert (part.logical_id, part.line) == ("Api", len((START + text).splitlines()))


@pytest.mark.parametrize("origin", CURES)
def test_an_origin_that_no_browser_sends_to_a_function_url_is_listed_at_its_line(loaded: Loader, origin: str) -> None:
    [part] = loaded(START + URL % origin).unsupported
    shown = origin or "an empty text"
    assert part.reason == f"Cors.AllowOrigins: {shown} is what no browser sends; {CURES[origin]}"
    assert part.line == len((START + URL).splitlines())


@pytest.mark.parametrize("origin", TAKEN)
def test_an_origin_that_aws_takes_is_not_listed(loaded: Loader, origin: str) -> None:
    for text in (URL, *(text for text, _ in APIS.values())):
        assert loaded(START + text % origin).unsupported == ()


def test_function_urls_take_origins_of_apps_and_extensions(loaded: Loader) -> None:
    assert loaded(START + URL % "capacitor://localhost").unsupported == ()


def test_an_attribute_that_only_aws_knows_is_not_listed(loaded: Loader) -> None:
    text = APIS["the resource's"][0].replace('"%s"', "!GetAtt Bucket.WebsiteURL")
    parts = loaded(START + "          Bucket: {Type: AWS::S3::Bucket}" + text).unsupported
    assert {part.logical_id for part in parts} == {"Bucket"}
