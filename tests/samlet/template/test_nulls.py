"""A name with nothing behind it is null in YAML, and AWS refuses that."""

from .conftest import Loader


def test_a_null_in_properties_is_listed_with_its_line_and_counts_as_not_written(loaded: Loader) -> None:
    text = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.13
              Handler: a.b
              CodeUri: code
              Environment:
                Variables:
                  EMPTY:
                  TEXT: ""
              Policies:
                - Statement: [{Effect: Allow, Action: ~}]
          Role:
            Type: AWS::IAM::Role
            Properties:
    """
    template = loaded(text)
    refused = 'is null, which AWS refuses; write "" or leave it out'
    assert [(part.line, part.logical_id, part.reason) for part in template.unsupported] == [
        (12, "F", f"Environment.Variables.EMPTY: {refused}"),
        (15, "F", f"Policies[0].Statement[0].Action: {refused}"),
        (16, "Role", f"Properties: {refused}"),
    ]
    assert template.functions["F"].environment == {"TEXT": ""}
