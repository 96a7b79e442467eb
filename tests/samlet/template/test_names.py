"""Names that AWS would refuse are listed at their lines, and those that it takes are not."""

import pytest

from .conftest import Loader

FUNCTION = "Runtime: python3.13, Handler: a.b, Code: code"
DAILY = "ScheduleExpression: rate(1 day)"
TARGET = "Target: {Arn: !GetAtt F.Arn, RoleArn: x}, FlexibleTimeWindow: {Mode: 'OFF'}"
LETTERS = "letters, digits, - and _"
DOTTED = "letters, digits, ., - and _"


def _template(kind: str, properties: str) -> str:
    return f"""
        Resources:
          F: {{Type: AWS::Lambda::Function, Properties: {{{FUNCTION}}}}}
          R:
            Type: {kind}
            Properties: {{{properties}}}
"""


@pytest.mark.parametrize(
    ("kind", "word", "longest", "of", "rest"),
    [
        ("AWS::Lambda::Function", "FunctionName", 64, LETTERS, FUNCTION),
        ("AWS::Lambda::LayerVersion", "LayerName", 140, LETTERS, "Content: layer"),
        ("AWS::Scheduler::Schedule", "Name", 64, DOTTED, f"{DAILY}, {TARGET}"),
        ("AWS::Scheduler::Schedule", "GroupName", 64, DOTTED, f"{DAILY}, {TARGET}"),
        ("AWS::Events::Rule", "Name", 64, DOTTED, DAILY),
        ("AWS::SQS::Queue", "QueueName", 80, LETTERS, "DelaySeconds: 1"),
        ("AWS::SNS::Topic", "TopicName", 256, LETTERS, "DisplayName: x"),
    ],
)
def test_a_name_that_aws_does_not_take_is_listed_at_its_line(
    loaded: Loader, kind: str, word: str, longest: int, of: str, rest: str
) -> None:
    for name in ("a b", "ä", "a" * (longest + 1), ""):
        template = loaded(_template(kind, f"{rest}, {word}: {name!r}"))
        [part] = [part for part in template.unsupported if part.reason.startswith(f"{word}:")]
        assert (
            part.reason
            == f"{word}: {name or 'an empty text'} is no such name to AWS, which takes {of}, {longest} of them at most"
        )
        assert (part.logical_id, part.line) == ("R", 6)
    for name in ("a-B_9", "a" * longest, "{{resolve:ssm:/a b}}"):
        template = loaded(_template(kind, f"{rest}, {word}: '{name}'"))
        assert [part for part in template.unsupported if part.reason.startswith(f"{word}:")] == []


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::Scheduler::Schedule", f"{DAILY}, {TARGET}, Name: a.b, GroupName: a.b"),
        ("AWS::Events::Rule", f"{DAILY}, Name: a.b"),
        ("AWS::SQS::Queue", "FifoQueue: true, QueueName: a.fifo"),
        ("AWS::SNS::Topic", "FifoTopic: true, TopicName: a.fifo"),
        ("AWS::Lambda::Function", f"{FUNCTION}, FunctionName: 'arn:aws:lambda:eu-central-1:000000000000:function:a'"),
        ("AWS::Lambda::LayerVersion", "Content: layer, LayerName: 'arn:aws:lambda:eu-central-1:000000000000:layer:a'"),
        ("AWS::Lambda::Function", f"{FUNCTION}, FunctionName: !Sub '${{AWS::StackName}}-a'"),
        ("AWS::Lambda::Function", f"{FUNCTION}, FunctionName: !Ref AWS::NoValue"),
    ],
)
def test_other_shapes_that_aws_takes_are_not_listed(loaded: Loader, kind: str, properties: str) -> None:
    reasons = [part.reason for part in loaded(_template(kind, properties)).unsupported]
    assert [reason for reason in reasons if "is no such name" in reason] == []


def test_a_name_that_a_parameter_gives_is_looked_at_as_well(loaded: Loader) -> None:
    text = "        Parameters: {Word: {Type: String, Default: a b}}"
    template = loaded(text + _template("AWS::Lambda::Function", f"{FUNCTION}, FunctionName: !Sub 'x ${{Word}}'"))
    assert [part.reason.partition(" is ")[0] for part in template.unsupported] == ["FunctionName: x a b"]
