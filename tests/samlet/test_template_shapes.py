"""Templates of other shapes, started whole: each function runs as it would on AWS."""

import zipfile
from pathlib import Path

import pytest

from samlet import log
from samlet.cli.main import main
from samlet.settings import PORTS
from template_shape import Shape

SAYS = """
    Parameters:
      A: {Type: String, Default: template}
      B: {Type: String, Default: template}
      C: {Type: String, Default: template}
      D: {Type: String, Default: template}
      E: {Type: String, Default: template}
    Resources:
      Says:
        Type: AWS::Lambda::Function
        Properties:
          Runtime: python3.13
          Handler: index.handler
          Environment: {Variables: {SAID: !Sub "${A} ${B} ${C} ${D} ${E}", PLACE: !Ref "AWS::Region"}}
          Code:
            ZipFile: |
              import os
              def handler(event, context):
                  said, place, region = (os.environ[name] for name in ("SAID", "PLACE", "AWS_REGION"))
                  return [said, place, region, context.invoked_function_arn]
"""


def test_parameters_come_from_the_template_sams_configuration_samlets_files_and_the_command_line(shape: Shape) -> None:
    shape.write(template_yaml=SAYS)
    shape.write(
        samconfig_toml="""
            [default.deploy.parameters]
            region = "eu-west-1"
            parameter_overrides = "B=samconfig C=samconfig D=samconfig E=samconfig"
        """,
        samlet_toml="""
            [parameters]
            C = "samlet.toml"
            D = "samlet.toml"
            E = "samlet.toml"
        """,
    )
    said, place, region, arn = shape.invoke("Says", parameters={"E": "options"})
    assert said == "template samconfig samlet.toml samlet.toml options"
    assert (place, region, arn.split(":")[3]) == ("eu-west-1", "eu-west-1", "eu-west-1")


def test_the_command_line_wins_over_parameter_files_and_a_later_file_over_an_earlier(
    shape: Shape, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in PORTS:  # whoever runs a Samlet on this machine has the usual ones
        monkeypatch.setenv(f"SAMLET_{part.upper()}_PORT", "0")
    shape.write(template_yaml=SAYS.replace("Default: template", "AllowedValues: [right]"))
    shape.write(one_json='{"A": "wrong", "B": "wrong", "C": "right"}', two_env="B=right\nD=right\nE=wrong\n")
    files = [f"--parameter-file={shape.folder / name}" for name in ("one.json", "two.env")]
    arguments = ["start", f"--template={shape.folder / 'template.yaml'}", *files, "--parameter=A=right"]
    assert main([*arguments, "--config-env=none", "--parameter=E=right"]) == 1
    # So far that the parameters were read, and no further: there is no samconfig.toml.
    assert "--config-env none: there is no samconfig.toml" in capsys.readouterr().err
    assert main(arguments) == 1
    assert "Parameters.E: 'wrong' is not one of right" in capsys.readouterr().err


def test_plain_cloudformation_with_conditions_and_mappings_runs(shape: Shape) -> None:
    shape.write(
        template_yaml="""
            AWSTemplateFormatVersion: 2010-09-09
            Parameters: {Stage: {Type: String, Default: dev}}
            Mappings: {Greetings: {dev: {word: hi}, live: {word: hello}}}
            Conditions: {Live: !Equals [!Ref Stage, live]}
            Rules: {Any: {Assertions: [{Assert: !Equals [a, a]}]}}
            Metadata: {AWS::CloudFormation::Interface: {ParameterGroups: []}}
            Resources:
              Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: 2012-10-17}}}
              Greet:
                Type: AWS::Lambda::Function
                DependsOn: Role
                Properties:
                  Runtime: python3.13
                  Handler: index.handler
                  Role: !GetAtt Role.Arn
                  Environment: {Variables: {WORD: !FindInMap [Greetings, !Ref Stage, word]}}
                  Code:
                    ZipFile: !Join ["\\n", ["import os, json", "def handler(event, context):",
                      "    return {'statusCode': 200, 'body': os.environ['WORD'] + event['rawPath']}"]]
              Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Greet}}
              Alias:
                Type: AWS::Lambda::Alias
                Properties: {Name: live, FunctionName: !Ref Greet, FunctionVersion: !GetAtt Version.Version}
              Allowed:
                Type: AWS::Lambda::Permission
                Properties: {Action: "lambda:InvokeFunction", FunctionName: !Ref Alias, Principal: "*"}
              Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: api, ProtocolType: HTTP}}
              Call:
                Type: AWS::ApiGatewayV2::Integration
                Properties:
                  ApiId: !Ref Api
                  IntegrationType: AWS_PROXY
                  PayloadFormatVersion: "2.0"
                  IntegrationUri: !Sub
                    - arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/${Target}/invocations
                    - {Target: !Sub "2015-03-31/functions/${Alias}"}
              Route:
                Type: AWS::ApiGatewayV2::Route
                Properties: {ApiId: !Ref Api, RouteKey: GET /greet, Target: !Sub "integrations/${Call}"}
              OnlyLive:
                Type: AWS::ApiGatewayV2::Route
                Condition: Live
                Properties: {ApiId: !Ref Api, RouteKey: GET /live, Target: !Sub "integrations/${Call}"}
              Stage:
                Type: AWS::ApiGatewayV2::Stage
                Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: !If [Live, false, true]}
        """
    )
    assert shape.get("/greet", "/live") == [(200, "hi/greet"), (404, '{"message":"Not Found"}')]


def test_a_layer_in_an_archive_and_one_in_a_folder_are_imported(shape: Shape) -> None:
    with zipfile.ZipFile(shape.folder / "layer.zip", "w") as archive:
        archive.writestr("python/packed.py", "WORD = 'packed'")
    (shape.folder / "layer" / "python").mkdir(parents=True)
    (shape.folder / "layer" / "python" / "loose.py").write_text("WORD = 'loose'")
    shape.write(
        template_yaml="""
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Packed: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer.zip}}
              Loose: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
              Both:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: python3.13
                  Handler: index.handler
                  Layers: [!Ref Packed, !Ref Loose]
                  InlineCode: |
                    import packed, loose
                    def handler(event, context):
                        return [packed.WORD, loose.WORD]
        """
    )
    assert shape.invoke("Both") == ["packed", "loose"]


def test_fifty_functions_are_all_there(shape: Shape) -> None:
    shape.write(app_py="def handler(event, context):\n    return context.function_name\n")
    shared = "{Function: {Runtime: python3.13, Handler: app.handler, CodeUri: .}}"
    function = "{Type: AWS::Serverless::Function, Properties: {FunctionName: %s}}"
    resources = "\n".join(f"  F{number}: {function % f'shop-{number}'}" for number in range(50))
    (shape.folder / "template.yaml").write_text(
        f"Transform: AWS::Serverless-2016-10-31\nGlobals: {shared}\nResources:\n{resources}\n"
    )
    assert shape.invoke("F49") == "shop-49"


def test_a_samlet_that_has_stopped_has_closed_its_log(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, keep = [], log.keep

    def kept(path: Path) -> None:
        keep(path)
        opened.append(log._file)

    monkeypatch.setattr(log, "keep", kept)
    shape.write(template_yaml=SAYS)
    shape.invoke("Says")
    assert [file.closed for file in opened if file] == [True]
    assert "stopping" in (shape.folder / ".samlet" / "samlet.log").read_text()
