"""Function URLs as templates say them."""

import pytest

from samlet.errors import TemplateError
from samlet.model import Cors, IamAuthorizer, Route
from samlet.template import load

from .conftest import Loader

SAM = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties: {Runtime: python3.13, Handler: a.b, CodeUri: code, FunctionUrlConfig: %s}
"""
PLAIN = """
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
          Node: {Type: AWS::Lambda::Function, Properties: {Runtime: nodejs22.x, Handler: a.b, Code: code}}
          Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: "1", Name: live}}
          Url: {Type: AWS::Lambda::Url, Properties: %s}
"""


def test_a_functions_url_config_makes_a_url(loaded: Loader) -> None:
    template = loaded(SAM % "{AuthType: NONE, Cors: {AllowOrigins: [https://a.example], MaxAge: 5}}")
    (url,) = template.function_urls
    assert (url.logical_id, url.function_url) == ("FUrl", True)
    assert url.routes == (Route("ANY", "$default", "F", 900_000),)
    assert url.cors == Cors(("https://a.example",), max_age=5)
    assert template.unsupported == ()


def test_a_url_of_iam_wants_signatures_for_lambda(loaded: Loader) -> None:
    template = loaded(SAM % "{AuthType: AWS_IAM}")
    (url,) = template.function_urls
    assert url.routes == (Route("ANY", "$default", "F", 900_000, IamAuthorizer("lambda")),)
    assert template.unsupported == ()


@pytest.mark.parametrize("target", ["!Ref F", "!GetAtt F.Arn", "!Ref Live"])
def test_a_url_of_its_own_leads_to_its_function(loaded: Loader, target: str) -> None:
    template = loaded(PLAIN % f"{{TargetFunctionArn: {target}, AuthType: NONE, InvokeMode: BUFFERED}}")
    assert [route.function for url in template.function_urls for route in url.routes] == ["F"]


@pytest.mark.parametrize(
    ("properties", "streamed"),
    [("AuthType: NONE", False), ("AuthType: NONE, InvokeMode: RESPONSE_STREAM", True)],
)
def test_a_url_streams_if_it_is_told_to(loaded: Loader, properties: str, streamed: bool) -> None:
    for template in (loaded(SAM % f"{{{properties}}}"), loaded(PLAIN % f"{{TargetFunctionArn: !Ref F, {properties}}}")):
        assert [url.streamed for url in template.function_urls] == [streamed]
        assert [note for note in template.unsupported if note.logical_id in {"Url", "FUrl"}] == []


def test_a_mode_that_no_url_has_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match="InvokeMode"):
        loaded(SAM % "{AuthType: NONE, InvokeMode: STREAM}")


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("{TargetFunctionArn: !Ref Node, AuthType: NONE}", "TargetFunctionArn: Node is no function that is run here"),
        ("{TargetFunctionArn: other, AuthType: NONE}", "TargetFunctionArn: other is no function that is run here"),
    ],
)
def test_a_url_that_cannot_be_served_is_listed(loaded: Loader, properties: str, reason: str) -> None:
    template = loaded(PLAIN % properties)
    assert template.function_urls == ()
    assert [note.reason.startswith(reason) for note in template.unsupported if note.logical_id == "Url"] == [True]


def test_a_property_that_no_url_has_is_listed(loaded: Loader) -> None:
    template = loaded(PLAIN % "{TargetFunctionArn: !Ref F, AuthType: NONE, Invokemode: RESPONSE_STREAM}")
    assert [note.reason for note in template.unsupported if note.logical_id == "Url"] == [
        "Invokemode: is no property of AWS::Lambda::Url that is known here"
    ]


def test_a_url_without_an_auth_type_is_an_error(loaded: Loader) -> None:
    with pytest.raises(TemplateError, match=r"Resources\.Url\.Properties\.AuthType: is missing"):
        loaded(PLAIN % "{TargetFunctionArn: !Ref F}")


def test_a_url_refers_to_its_function_and_knows_its_address(loaded: Loader) -> None:
    outputs = """
        Outputs:
          Ref: {Value: !Ref Url}
          Arn: {Value: !GetAtt Url.FunctionArn}
          Url: {Value: !GetAtt Url.FunctionUrl}
"""
    for target, arn in (("!Ref F", "F"), ("!GetAtt F.Arn", "F"), ("!Ref Live", "F:live")):
        template = loaded(PLAIN % f"{{TargetFunctionArn: {target}, AuthType: NONE}}" + outputs)
        assert template.outputs == {
            "Ref": f"arn:aws:lambda:eu-central-1:000000000000:function:{arn}",
            "Arn": f"arn:aws:lambda:eu-central-1:000000000000:function:{arn}",
            "Url": "https://url.lambda-url.eu-central-1.on.aws/",
        }
        served = load(template.path, {}, urls=lambda name: f"http://127.0.0.1:1/{name}/")
        assert served.outputs["Url"] == "http://127.0.0.1:1/Url/"
