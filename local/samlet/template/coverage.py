"""Says which kinds of resource are run, which have nothing to run, and why the others are not run."""

from samlet.model import Unsupported
from samlet.template.stack import Stack

_RUN = {
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Events::Rule",
    "AWS::Scheduler::Schedule",
}
_NOTHING_TO_RUN = (
    "AWS::IAM::",
    "AWS::Logs::",
    "AWS::CloudWatch::",
    "AWS::KMS::",
    "AWS::EC2::",
    "AWS::CodeDeploy::",
    "AWS::CertificateManager::",
    "AWS::Route53::",
    "AWS::Lambda::Alias",
    "AWS::Lambda::CodeSigningConfig",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::ApiGateway::",  # RestApi speaks for all of them, see below
    "AWS::ApiGatewayV2::Deployment",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CDK::Metadata",
)
_REASONS = {
    "AWS::ApiGateway::RestApi": "REST APIs are not run, only HTTP APIs",
    "AWS::ApiGateway::Authorizer": "authorizers are not run",
    "AWS::ApiGatewayV2::Authorizer": "authorizers are not run",
    "AWS::ApiGatewayV2::ApiMapping": "custom domains are not served",
    "AWS::ApiGatewayV2::DomainName": "custom domains are not served",
    "AWS::CloudFormation::Stack": "nested stacks are not run",
    "AWS::Serverless::Application": "nested applications are not run",
    "AWS::Lambda::Url": "function URLs are not served",
    "AWS::Events::EventBus": "there is no local event bus",
    "AWS::StepFunctions::StateMachine": "state machines are not run",
}


def uncovered(stack: Stack) -> list[Unsupported]:
    """The resources whose kind nothing here can run."""
    found = []
    for logical_id, kind in stack.types():
        if kind in _RUN or (kind.startswith(_NOTHING_TO_RUN) and kind not in _REASONS):
            continue
        reason = _REASONS.get(kind, f"nothing local stands in for {kind}")
        found.append(Unsupported(logical_id, kind, reason))
    return found
