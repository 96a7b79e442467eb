from pathlib import Path
from textwrap import dedent

from samlet.template import load

from .conftest import EachMade, Loader

TWO = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties: {Runtime: python3.13, Handler: app.handler, Code: ./code}
      First:
        Type: AWS::Lambda::EventInvokeConfig
        Properties: {FunctionName: !Ref F, Qualifier: $LATEST, MaximumRetryAttempts: 1}
      Second:
        Type: AWS::Lambda::EventInvokeConfig
        Properties: {FunctionName: !Ref F, Qualifier: live, MaximumRetryAttempts: 0}
"""


def test_a_second_configuration_of_a_function_is_listed_and_not_silently_preferred(loaded: Loader) -> None:
    template = loaded(TWO)
    assert template.functions["F"].asynchronous.max_retries == 1
    assert [(note.logical_id, note.reason.split(":")[0]) for note in template.unsupported] == [("Second", "Qualifier")]


FIFO = """
    Resources:
      F:
        Type: AWS::Lambda::Function
        Properties: {Runtime: python3.13, Handler: app.handler, Code: ., DeadLetterConfig: {TargetArn: !GetAtt Q.Arn}}
      Told:
        Type: AWS::Lambda::EventInvokeConfig
        Properties:
          FunctionName: !Ref F
          Qualifier: $LATEST
          DestinationConfig: {OnFailure: {Destination: !GetAtt Q.Arn}}
      Q: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
"""


def test_what_keeps_the_order_takes_no_letters_of_a_function_which_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(dedent(FIFO))
    template = load(path, {}, maker=EachMade("jobs.fifo"))
    arn = "arn:aws:sqs:eu-central-1:000000000000:jobs.fifo"
    assert [(note.logical_id, note.reason) for note in template.unsupported] == [
        ("F", f"DeadLetterConfig: {arn} is FIFO, which AWS does not take there"),
        ("Told", f"DestinationConfig: {arn} is FIFO, which AWS does not take there"),
    ]
    assert template.functions["F"].asynchronous.dead_letters is None
