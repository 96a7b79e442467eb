"""Resources that somebody makes: what the maker is asked for, in which order, and who gets its answers."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from samlet.errors import ResourceRefused, TemplateError
from samlet.model import MadeResource, WantedResource
from samlet.template import Template, load

type Making = Callable[[str], Template]


class Recorder:
    """Makes everything but what is named `refused`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[WantedResource] = []
        self.kept: list[frozenset[str]] = []

    def make(self, wanted: WantedResource) -> MadeResource:
        self.asked.append(wanted)
        if wanted.logical_id == "Refused":
            raise ResourceRefused("Mode: is not known")
        attributes = {name: f"{wanted.logical_id}/{name}" for name in wanted.attributes if name != "Unknown"}
        return MadeResource(f"made-{wanted.logical_id}", attributes, wanted.properties.get("Notes", ()))

    def keep_only(self, logical_ids: frozenset[str]) -> None:
        self.kept.append(logical_ids)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def making(tmp_path: Path, recorder: Recorder) -> Making:
    (tmp_path / "code").mkdir()

    def write_and_load(text: str) -> Template:
        path = tmp_path / "template.yaml"
        path.write_text(dedent(text).lstrip())
        return load(path, {}, maker=recorder)

    return write_and_load


def test_functions_get_what_the_maker_says(making: Making, recorder: Recorder) -> None:
    template = making(
        """
        Resources:
          F:
            Type: AWS::Lambda::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              Code: code
              Environment:
                Variables:
                  REF: !Ref Queue
                  ARN: !GetAtt Queue.Arn
                  TEXT: !Sub "${Queue} ${Queue.QueueName}"
                  STAND_IN: !GetAtt Queue.Unknown
          Queue: {Type: AWS::SQS::Queue}
        """
    )
    assert template.functions["F"].environment == {
        "REF": "made-Queue",
        "ARN": "Queue/Arn",
        "TEXT": "made-Queue Queue/QueueName",
        "STAND_IN": "Queue.Unknown",
    }
    assert [wanted.attributes for wanted in recorder.asked] == [{"Arn", "QueueName", "Unknown"}]
    assert template.unsupported == ()


def test_a_resource_is_made_once_after_those_that_it_refers_to_or_depends_on(
    making: Making, recorder: Recorder
) -> None:
    making(
        """
        Resources:
          A: {Type: AWS::SQS::Queue, Properties: {Other: !GetAtt C.Arn, Role: !GetAtt Role.Arn}}
          B: {Type: AWS::SQS::Queue, DependsOn: [D, Role], Properties: {QueueName: named}}
          C: {Type: AWS::SQS::Queue, DependsOn: B}
          D: {Type: AWS::SNS::Topic}
          E: {Type: AWS::SQS::Queue, Condition: Never}
          Role: {Type: AWS::IAM::Role}
        Conditions: {Never: !Equals [a, b]}
        """
    )
    assert [(wanted.logical_id, wanted.type, wanted.name) for wanted in recorder.asked] == [
        ("D", "AWS::SNS::Topic", "D"),
        ("B", "AWS::SQS::Queue", "named"),
        ("C", "AWS::SQS::Queue", "C"),
        ("A", "AWS::SQS::Queue", "A"),
    ]
    assert recorder.asked[-1].properties == {"Other": "C/Arn", "Role": "arn:aws:iam::000000000000:role/Role"}
    assert recorder.kept == [{"A", "B", "C", "D"}]


def test_what_was_made_stands_elsewhere_and_what_was_refused_stands_nowhere(making: Making) -> None:
    template = making(
        """
        Resources:
          Queue: {Type: AWS::SQS::Queue}
          Refused: {Type: AWS::SQS::Queue}
          Role: {Type: AWS::IAM::Role}
        """
    )
    assert template.resources == (
        ("Queue", "AWS::SQS::Queue", "elsewhere"),
        ("Role", "AWS::IAM::Role", "no effect"),
    )


def test_what_is_refused_is_listed_with_its_line_and_gets_a_stand_in(making: Making) -> None:
    template = making(
        """
        Resources:
          Noted: {Type: AWS::S3::Bucket, Properties: {Notes: ["Notes: are left out"]}}
          Refused:
            Type: AWS::SNS::Topic
            Properties:
              Name: x
              Mode: odd
        Outputs: {Topic: {Value: !Ref Refused}}
        """
    )
    assert [(part.logical_id, part.reason, part.line) for part in template.unsupported] == [
        ("Noted", "Notes: are left out", 2),
        ("Refused", "Mode: is not known", 7),
    ]
    assert template.outputs == {"Topic": "arn:aws:sns:eu-central-1:000000000000:x"}


@pytest.mark.parametrize("link", ["DependsOn: B", "Properties: {Other: !Ref B}"])
def test_resources_in_a_circle_are_an_error(making: Making, link: str) -> None:
    with pytest.raises(TemplateError, match=r"template\.yaml:2: Circular dependency between resources: \[A, B\]"):
        making(
            f"""
            Resources:
              A: {{Type: AWS::SQS::Queue, {link}}}
              B: {{Type: AWS::SQS::Queue, Properties: {{Other: !Ref A}}}}
            """
        )


def test_without_a_maker_they_are_named_and_stand_ins_are_given(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {Q: {Type: AWS::SQS::Queue}, R: {Type: AWS::IAM::Role}, C: {Type: Custom::X}}")
    template = load(path, {})
    assert template.others == {"Q": "AWS::SQS::Queue"}
    assert {part.logical_id for part in template.unsupported} == {"Q", "C"}
