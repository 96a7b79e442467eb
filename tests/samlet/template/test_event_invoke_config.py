from .conftest import Loader

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
