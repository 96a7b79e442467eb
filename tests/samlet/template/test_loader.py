from pathlib import Path

import pytest

from samlet.errors import TemplateError
from samlet.template import load

from .conftest import Loader

FUNCTION = "{Runtime: python3.13, Handler: a.b, CodeUri: code}"


def test_a_resource_whose_condition_is_false_is_not_there(loaded: Loader) -> None:
    text = """
        Parameters: {Stage: {Type: String}}
        Conditions: {Live: !Equals [!Ref Stage, live]}
        Resources:
          F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Code: code}}
          G:
            Type: AWS::Lambda::Function
            Condition: Live
            Properties: {Runtime: python3.13, Handler: a.b, Code: code}
          Q: {Type: AWS::SQS::Queue, Condition: Live}
        Outputs:
          Name: {Value: !Ref F}
          Arn: {Condition: Live, Value: !GetAtt G.Arn}
    """
    dev, live = loaded(text, Stage="dev"), loaded(text, Stage="live")
    assert (set(dev.functions), dev.outputs, dev.unsupported) == ({"F"}, {"Name": "F"}, ())
    assert set(live.functions) == {"F", "G"}
    assert live.outputs["Arn"] == "arn:aws:lambda:eu-central-1:000000000000:function:G"
    assert [note.logical_id for note in live.unsupported] == ["Q"]


def test_everything_that_cannot_be_run_is_listed_and_the_rest_is_silent(loaded: Loader) -> None:
    template = loaded(
        f"""
        Transform: [AWS::Serverless-2016-10-31, Acme::Macro]
        Parameters:
          Image: {{Type: "AWS::SSM::Parameter::Value<String>", Default: /image}}
        Resources:
          F: {{Type: AWS::Serverless::Function, Properties: {FUNCTION}}}
          Rest: {{Type: AWS::Serverless::Api, Properties: {{StageName: live, DefinitionUri: api.yaml}}}}
          Nested: {{Type: AWS::Serverless::Application, Properties: {{Location: other.yaml}}}}
          Url: {{Type: AWS::Lambda::Url, Properties: {{TargetFunctionArn: !Ref F, AuthType: AWS_IAM}}}}
          Domain: {{Type: AWS::ApiGatewayV2::DomainName, Properties: {{DomainName: a.example}}}}
          Mapping: {{Type: AWS::ApiGatewayV2::ApiMapping, Properties: {{DomainName: a.example}}}}
          Queue: {{Type: AWS::SQS::Queue}}
          Table: {{Type: AWS::Serverless::SimpleTable}}
          Own: {{Type: Custom::Thing}}
          Role: {{Type: AWS::IAM::Role}}
          Logs: {{Type: AWS::Logs::LogGroup}}
          Alarm: {{Type: AWS::CloudWatch::Alarm}}
          Permission: {{Type: AWS::Lambda::Permission}}
        """
    )
    listed = {note.logical_id: note.reason for note in template.unsupported}
    assert set(listed) == {"Transform", "Image", "Rest", "Nested", "Domain", "Mapping", "Queue", "Table", "Own"}
    assert "REST" in listed["Rest"]
    assert all(listed.values())


def test_a_policy_name_needs_no_aws(loaded: Loader) -> None:
    text = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
              Policies: [AmazonSNSFullAccess, NoSuchPolicy, SQSPollerPolicy: {QueueName: q}]
    """
    assert set(loaded(text).functions) == {"F"}


def test_dynamic_references_are_noted(loaded: Loader) -> None:
    template = loaded(
        """
        Resources:
          F:
            Type: AWS::Lambda::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              Code: code
              Environment: {Variables: {PASSWORD: "{{resolve:secretsmanager:x}}"}}
        """
    )
    assert ["PASSWORD" in note.reason for note in template.unsupported] == [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: {F: {Type: AWS::Serverless::Function}}", r"Resources\.F\.Type: needs `Transform"),
        (
            "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: "
            "{CodeUri: ., Handler: a, Runtime: python3.13, Oops: 1}}}",
            r"\[F\].*Oops",
        ),
        (
            "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: "
            "{CodeUri: ., Handler: a, Runtime: python3.13, Events: {E: {Type: Nope}}}}}",
            r"\[F\].*Nope|F.*Nope|Nope",
        ),
        ("Resources: {F: {Type: AWS::Lambda::Function}}", r"Resources\.F\.Properties\.Runtime: is missing"),
        ("Resources: {F: {Type: X, Condition: C}}", r"Resources\.F\.Condition: no condition C"),
        ("Resources: {}\nOutputs: {O: {}}", r"Outputs\.O\.Value: is missing"),
    ],
)
def test_a_malformed_template_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(TemplateError, match=rf"{path}:\d+: .*(?:{message})"):
        load(path, {})


def test_region_and_account_are_the_given_ones(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("Resources: {}\nOutputs: {Place: {Value: !Sub '${AWS::Region}/${AWS::AccountId}'}}")
    template = load(path, {}, region="us-east-1", account="123456789012")
    assert template.outputs == {"Place": "us-east-1/123456789012"}


def test_stand_ins_have_the_shape_that_aws_gives_them(loaded: Loader) -> None:
    values = {
        "Topic": "!Ref T",
        "Queue": "!Ref Q",
        "QueueArn": "!GetAtt Q.Arn",
        "Bucket": "!GetAtt B.Arn",
        "Endpoint": "!GetAtt Api.ApiEndpoint",
        "Api": "!Ref Api",
        "Rule": "!GetAtt R.Arn",
    }
    outputs = "\n".join(f"          {name}: {{Value: {value}}}" for name, value in values.items())
    template = loaded(
        f"""
        Resources:
          T: {{Type: AWS::SNS::Topic}}
          Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: jobs}}}}
          B: {{Type: AWS::S3::Bucket}}
          R: {{Type: AWS::Events::Rule, Properties: {{Name: nightly}}}}
          Api: {{Type: AWS::ApiGatewayV2::Api, Properties: {{ProtocolType: HTTP}}}}
        Outputs:
{outputs}
        """
    )
    own = "eu-central-1:000000000000"
    assert template.outputs == {
        "Topic": f"arn:aws:sns:{own}:T",
        "Queue": "https://sqs.eu-central-1.amazonaws.com/000000000000/jobs",
        "QueueArn": f"arn:aws:sqs:{own}:jobs",
        "Bucket": "arn:aws:s3:::b-bucket",
        "Endpoint": "https://Api.execute-api.eu-central-1.amazonaws.com",
        "Api": "Api",
        "Rule": f"arn:aws:events:{own}:rule/nightly",
    }


@pytest.mark.parametrize(
    ("logical_id", "properties", "name"),
    [
        ("Uploads", "", "uploads"),
        ("Up", "", "up-bucket"),
        ("Uploads", ", Properties: {BucketName: mine}", "mine"),
        ("Uploads", ", Properties: {BucketName: !Sub '${AWS::Region}-mine'}", "eu-central-1-mine"),
    ],
)
def test_a_bucket_is_called_before_it_is_made_as_it_will_be(
    loaded: Loader, logical_id: str, properties: str, name: str
) -> None:
    template = loaded(
        f"""
        Resources:
          {logical_id}: {{Type: AWS::S3::Bucket{properties}}}
        Outputs:
          Name: {{Value: !Ref {logical_id}}}
          Arn: {{Value: !GetAtt {logical_id}.Arn}}
        """
    )
    assert template.outputs == {"Name": name, "Arn": f"arn:aws:s3:::{name}"}


def test_connectors_have_no_effect_and_are_not_mentioned(loaded: Loader) -> None:
    template = loaded(
        f"""
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Connectors: {{Writes: {{Properties: {{Destination: {{Id: R}}, Permissions: [Write]}}}}}}
            Properties: {FUNCTION}
          R: {{Type: AWS::IAM::Role}}
          C: {{Type: AWS::Serverless::Connector, Properties: {{Source: {{Id: F}}, Destination: {{Id: R}}}}}}
        """
    )
    assert set(template.functions) == {"F"}
    assert template.unsupported == ()


def test_every_resource_has_a_standing(loaded: Loader) -> None:
    template = loaded(
        """
        Resources:
          Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
          Rule: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 minute), Targets: []}}
          Machine: {Type: AWS::StepFunctions::StateMachine, Properties: {}}
        """
    )
    assert ("Role", "AWS::IAM::Role", "no effect") in template.resources
    assert ("Rule", "AWS::Events::Rule", "run") in template.resources
    assert "Machine" in {part.logical_id for part in template.unsupported}
    assert "Machine" not in {logical_id for logical_id, *_ in template.resources}
