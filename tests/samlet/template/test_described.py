from .conftest import Loader

SAM = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      F:
        Type: AWS::Serverless::Function
        Properties:
          FunctionName: shop
          Runtime: python3.13
          Handler: app.handler
          CodeUri: code/
          AutoPublishAlias: live
          Description: Sells things
          Architectures: [arm64]
          EphemeralStorage: {Size: "1024"}
          Tracing: Active
          Tags: {team: sales}
          LoggingConfig: {LogFormat: JSON}
          VpcConfig: {SubnetIds: [a, b], SecurityGroupIds: [c]}
          DeadLetterQueue: {Type: SQS, TargetArn: "arn:aws:sqs:eu-central-1:000000000000:dead"}
"""


def test_auto_publish_alias_gives_an_alias_and_a_version(loaded: Loader) -> None:
    function = loaded(SAM).functions["F"]
    assert function.aliases == {"live": "1"}
    assert function.versions == ("1",)


def test_an_alias_of_plain_cloudformation_points_where_it_says(loaded: Loader) -> None:
    function = loaded(
        """
        Resources:
          F:
            Type: AWS::Lambda::Function
            Properties: {Runtime: python3.13, Handler: app.handler, Code: ./code}
          V:
            Type: AWS::Lambda::Version
            Properties: {FunctionName: !Ref F}
          Newest:
            Type: AWS::Lambda::Alias
            Properties: {FunctionName: !Ref F, FunctionVersion: $LATEST, Name: newest}
          Stable:
            Type: AWS::Lambda::Alias
            Properties: {FunctionName: !GetAtt F.Arn, FunctionVersion: !GetAtt V.Version, Name: stable}
        """
    ).functions["F"]
    assert function.aliases == {"newest": "$LATEST", "stable": "1"}
    assert function.versions == ("1",)


def test_what_is_only_shown_is_in_the_words_of_the_api(loaded: Loader) -> None:
    function = loaded(SAM).functions["F"]
    assert function.described == {
        "Description": "Sells things",
        "Role": "arn:aws:iam::000000000000:role/FRole",
        "Architectures": ["arm64"],
        "EphemeralStorage": {"Size": 1024},
        "TracingConfig": {"Mode": "Active"},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/aws/lambda/shop"},
        "VpcConfig": {"SubnetIds": ["a", "b"], "SecurityGroupIds": ["c"]},
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-central-1:000000000000:dead"},
    }
    assert function.tags["team"] == "sales"


def test_a_dead_letter_queue_is_listed_as_not_run(loaded: Loader) -> None:
    [note] = [note for note in loaded(SAM).unsupported if "EphemeralStorage" not in note.reason]
    assert (note.logical_id, note.reason.split(":")[0]) == ("F", "DeadLetterConfig")
