"""A template full of what cannot be run: each part is listed with its line, word for word, and nothing else is."""

from pathlib import Path

import pytest

from samlet.template import load, notice

TEMPLATE = """
Transform: [AWS::Serverless-2016-10-31, Acme::Macro]
Hooks:
  Traffic: {Type: AWS::CodeDeploy::BlueGreen}
Parameters:
  Image:
    Type: AWS::SSM::Parameter::Value<String>
    Default: /image
Globals:
  Function: {CodeUri: code}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.13
      Environment:
        Variables:
          PASSWORD: "{{resolve:secretsmanager:database}}"
          PLAIN: fine
          VPC: !ImportValue network-vpc
      Events:
        Rest: {Type: Api, Properties: {Method: GET, Path: /hello}}
        Upload: {Type: S3, Properties: {Bucket: !Ref Uploads, Events: s3:ObjectCreated:*}}
        Line: {Type: CloudWatchLogs, Properties: {LogGroupName: group, FilterPattern: x}}
        Skill: {Type: AlexaSkill}
        Job:
          Type: SQS
          Properties: {Queue: !GetAtt Jobs.Arn}
        Fine: {Type: HttpApi, Properties: {Method: GET, Path: /fine}}
  Slow:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.13
      DeadLetterQueue: {Type: SQS, TargetArn: "arn:aws:sqs:eu-central-1:1:dead"}
      FunctionUrlConfig: {AuthType: AWS_IAM}
      FileSystemConfigs:
        - {Arn: !Sub "arn:aws:elasticfilesystem:${AWS::Region}:1:access-point/a", LocalMountPath: /mnt/a}
  Boxed:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image, ImageUri: "registry/app:1"}
  Script:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: a.b
      Code: code
  Remote:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: a.b
      Code: {S3Bucket: b, S3Key: k}
  Mistyped:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: a.b
      Code: code
      MemorSize: 512
  Jobs: {Type: AWS::SQS::Queue}
  Uploads: {Type: AWS::S3::Bucket}
  Users: {Type: AWS::Cognito::UserPool}
  Flow: {Type: AWS::StepFunctions::StateMachine}
  Graph: {Type: AWS::AppSync::GraphQLApi}
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}
  App: {Type: AWS::Serverless::Application, Properties: {Location: other.yaml}}
  Own: {Type: Custom::Thing}
  OwnToo: {Type: AWS::CloudFormation::CustomResource}
  Sockets: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET}}
  Placed:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [orders]}
  Role: {Type: AWS::IAM::Role}
  Logs: {Type: AWS::Logs::LogGroup}
  Alarm: {Type: AWS::CloudWatch::Alarm}
  Policy: {Type: AWS::SQS::QueuePolicy}
  Off:
    Type: AWS::Serverless::Function
    Condition: Never
    Properties: {Runtime: python3.13, Handler: a.b, Events: {Rest: {Type: Api, Properties: {Method: GET, Path: /off}}}}
  Nightly:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 day)
      FlexibleTimeWindow: {Mode: "OFF"}
      Target:
        Arn: !GetAtt Hello.Arn
        RoleArn: !GetAtt Role.Arn
        DeadLetterConfig: {Arn: "arn:aws:sqs:eu-central-1:1:dead"}
  Records:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Hello
      SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: ["a:9092"]}}
      Topics: [orders]
      StartingPosition: LATEST
      DestinationConfig: {OnFailure: {Destination: "arn:aws:s3:::elsewhere"}}
Conditions:
  Never: !Equals [a, b]
"""

LISTED = """
2: Transform (Acme::Macro): only AWS's own SAM transform is run
3: Hooks (Hooks): hooks of a deployment are not run
6: Image (AWS::SSM::Parameter::Value<String>): is not looked up; give the value itself as the parameter
19: Hello (AWS::Lambda::Function): Environment.Variables.PASSWORD: dynamic references are not looked up
21: Hello (Fn::ImportValue): Environment.Variables.VPC: network-vpc is exported by another stack; \
its name stands for it, until [imports] in samlet.toml has it
23: Hello (AWS::Serverless::Function): Events.Rest: routes of REST APIs are not served; an event of type HttpApi is
23: ServerlessRestApi (AWS::ApiGateway::RestApi): REST APIs are not run, only HTTP APIs
25: HelloLine (AWS::Logs::SubscriptionFilter): log lines wake nothing here
26: Hello (AWS::Serverless::Function): Events.Skill: skills are not connected
27: HelloJob (AWS::Lambda::EventSourceMapping): EventSourceArn: events of SQS are polled only from queues that moto made
36: Slow (AWS::Lambda::Function): DeadLetterConfig: arn:aws:sqs:eu-central-1:1:dead is no queue or topic that is there
38: Slow (AWS::Lambda::Function): FileSystemConfigs: file systems are not mounted
42: Boxed (AWS::Lambda::Function): PackageType: container images are not run; a Runtime and a folder of code are
46: Script (AWS::Lambda::Function): Runtime: nodejs22.x needs `sam local`; python3.x and provided.al2023 are run here
54: Remote (AWS::Lambda::Function): Code: lies in S3; download it, and name the archive or a folder here
61: Mistyped (AWS::Lambda::Function): MemorSize: is no property of AWS::Lambda::Function that is known here
62: Jobs (AWS::SQS::Queue): nothing local stands in for AWS::SQS::Queue
63: Uploads (AWS::S3::Bucket): nothing local stands in for AWS::S3::Bucket
63: Uploads (AWS::S3::Bucket): NotificationConfiguration: buckets wake functions only where moto made them
64: Users (AWS::Cognito::UserPool): nothing local stands in for AWS::Cognito::UserPool
65: Flow (AWS::StepFunctions::StateMachine): state machines are not run
66: Graph (AWS::AppSync::GraphQLApi): GraphQL APIs are not run
67: Child (AWS::CloudFormation::Stack): nested stacks are not run; start each by itself
68: App (AWS::Serverless::Application): nested applications are not run; start each by itself
69: Own (Custom::Thing): nobody calls custom resources here
70: OwnToo (AWS::CloudFormation::CustomResource): nobody calls custom resources here
71: Sockets (AWS::ApiGatewayV2::Api): ProtocolType: WebSocket APIs are not run
75: Placed (AWS::Events::Rule): EventPattern: there is no local event bus
92: Nightly (AWS::Scheduler::Schedule): Target.DeadLetterConfig: arn:aws:sqs:eu-central-1:1:dead is no queue \
that is there
100: Records (AWS::Lambda::EventSourceMapping): DestinationConfig: arn:aws:s3:::elsewhere is no queue, topic or bucket \
that is there
"""


@pytest.mark.parametrize("twice", [False, True], ids=["expanded", "from the cache"])
def test_each_part_is_listed_with_its_line_and_nothing_else(tmp_path: Path, *, twice: bool) -> None:
    (tmp_path / "code").mkdir()
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    if twice:
        load(path, {}, cache=tmp_path / "cache")
    template = load(path, {}, cache=tmp_path / "cache")
    listed = [notice(template, part) for part in template.unsupported]
    assert listed == [f"template.yaml:{line}" for line in LISTED.strip().splitlines()]


def test_what_is_left_runs(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    template = load(path, {})
    assert set(template.functions) == {"Hello", "Slow", "Mistyped"}
    assert [route.key for api in template.apis for route in api.routes] == ["GET /fine"]
