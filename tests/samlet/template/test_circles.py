"""Resources that need each other are refused as CloudFormation refuses them, with the lines that say so."""

import pytest

from samlet.errors import TemplateError

from .conftest import Loader

QUEUES = """
Conditions:
  Never: !Equals [a, b]
Resources:
  First:
    Type: AWS::SQS::Queue
    Properties: {{Tags: [{{Key: second, Value: {first}}}]}}
  Second:
    Type: AWS::SQS::Queue
    Properties: {{Tags: [{{Key: first, Value: {second}}}]}}
"""
TO_FIRST = "!Ref First"
WAYS = [
    "!Ref Second",
    "!GetAtt Second.Arn",
    "{'Fn::GetAtt': [Second, Arn]}",
    "!Sub 'the ${Second}'",
    "!Sub '${ Second.Arn }'",
    "!Sub ['${it}', {it: !Ref Second}]",
    "!Join ['', [a, !Ref Second]]",
    "!If [Never, a, !Ref Second]",
]


@pytest.mark.parametrize("way", WAYS)
def test_two_that_refer_to_each_other_are_refused_however_they_say_it(loaded: Loader, way: str) -> None:
    told = (
        r"template\.yaml:7: Circular dependency between resources: \[First, Second\]: "
        r"First needs Second \(line 7\), Second needs First \(line 10\)$"
    )
    with pytest.raises(TemplateError, match=told):
        loaded(QUEUES.format(first=way, second=TO_FIRST))


@pytest.mark.parametrize(
    "way", ["!If [Never, !Ref Second, a]", "!Sub '${!Second}'", "!Sub ['${Second}', {Second: mine}]", "Second"]
)
def test_what_is_no_reference_makes_no_circle(loaded: Loader, way: str) -> None:
    assert loaded(QUEUES.format(first=way, second=TO_FIRST)).others.keys() == {"First", "Second"}


def test_depends_on_counts_and_a_longer_circle_begins_with_what_stands_first(loaded: Loader) -> None:
    told = r":4: Circular dependency .*: \[A, C, B\]: A needs C \(line 4\), C needs B \(line 6\), B needs A \(line 5\)$"
    with pytest.raises(TemplateError, match=told):
        loaded("""
            Resources:
              Stranger: {Type: AWS::SQS::Queue, DependsOn: B}
              A: {Type: AWS::SQS::Queue, DependsOn: [C]}
              B: {Type: AWS::SNS::Topic, DependsOn: A}
              C: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "${B.TopicName}-c"}}
        """)


def test_one_that_needs_itself_is_refused(loaded: Loader) -> None:
    told = r":4: Circular dependency between resources: \[Queue\]: Queue needs Queue \(line 4\)$"
    with pytest.raises(TemplateError, match=told):
        loaded("""
            Resources:
              Other: {Type: AWS::SQS::Queue}
              Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Queue}-2"}}
        """)


def test_a_resource_that_a_condition_leaves_out_is_in_no_circle(loaded: Loader) -> None:
    template = loaded("""
        Conditions: {Never: !Equals [a, b]}
        Resources:
          A: {Type: AWS::SQS::Queue, DependsOn: B}
          B: {Type: AWS::SQS::Queue, Condition: Never, DependsOn: A}
    """)
    assert template.others.keys() == {"A"}


def test_a_function_that_is_told_the_address_of_the_api_that_invokes_it_is_refused_with_lines(loaded: Loader) -> None:
    told = (
        r"template\.yaml:10: Circular dependency between resources: \[Hello, ServerlessHttpApi\]: "
        r"Hello needs ServerlessHttpApi \(line 10\), ServerlessHttpApi needs Hello \(line 12\)$"
    )
    with pytest.raises(TemplateError, match=told):
        loaded("""
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Hello:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: python3.13
                  Handler: app.handler
                  CodeUri: code
                  Environment: {Variables: {URL: !Sub "https://${ServerlessHttpApi}.example"}}
                  Events:
                    Get: {Type: HttpApi, Properties: {Method: GET, Path: /}}
        """)


def test_what_is_depended_on_and_is_not_there_is_listed(loaded: Loader) -> None:
    text = """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          One: {Type: AWS::IAM::Role, DependsOn: Nobody}
          Two: {Type: AWS::IAM::Role, DependsOn: [One, Away, Nothing]}
          Away: {Type: AWS::IAM::Role, Condition: Never}
    """
    reason = "is no resource of this template, which AWS refuses"
    assert [(part.line, part.logical_id, part.reason) for part in loaded(text).unsupported] == [
        (4, "One", f"DependsOn: Nobody {reason}"),
        (5, "Two", f"DependsOn: Nothing {reason}"),
    ]


def test_what_the_expansion_makes_may_be_depended_on(loaded: Loader) -> None:
    text = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b, CodeUri: code}}
          After: {Type: AWS::IAM::Role, DependsOn: FRole}
    """
    assert loaded(text).unsupported == ()
