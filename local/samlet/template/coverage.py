"""Says which kinds of resource are run, which have nothing to run, and why the others are not run."""

from collections.abc import Collection, Mapping

from samlet.model import Unsupported
from samlet.template.stack import Stack
from samlet.template.vocabulary import RUN

# What has no effect on one's own machine: it is accepted, costs nothing, and is not mentioned.
_NOTHING_TO_RUN = (
    "AWS::IAM::",
    "AWS::Logs::",
    "AWS::CloudWatch::",
    "AWS::CloudTrail::",
    "AWS::XRay::",
    "AWS::EC2::",
    "AWS::WAFv2::",
    "AWS::Backup::",
    "AWS::Budgets::",
    "AWS::ResourceGroups::",
    "AWS::ServiceCatalogAppRegistry::",
    "AWS::ApplicationAutoScaling::",
    "AWS::ApplicationInsights::",
    "AWS::CodeDeploy::",
    "AWS::CertificateManager::",
    "AWS::Route53::",
    "AWS::AppSync::",  # as with AWS::ApiGateway, the API itself is listed
    "AWS::Lambda::Alias",
    "AWS::Lambda::CodeSigningConfig",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::ApiGateway::",  # RestApi speaks for all of them, see below
    "AWS::ApiGatewayV2::Deployment",
    "AWS::Events::EventBusPolicy",
    "AWS::KMS::ReplicaKey",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SNS::TopicInlinePolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SQS::QueueInlinePolicy",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CDK::Metadata",
)
_REASONS = {
    "AWS::ApiGateway::RestApi": "REST APIs are not run, only HTTP APIs",
    "AWS::ApiGateway::Authorizer": "authorizers of REST APIs are not run",
    "AWS::ApiGatewayV2::ApiMapping": "custom domains are not served",
    "AWS::ApiGatewayV2::DomainName": "custom domains are not served",
    "AWS::AppSync::GraphQLApi": "GraphQL APIs are not run",
    "AWS::CloudFormation::CustomResource": "nobody calls custom resources here",
    "AWS::CloudFormation::Macro": "macros are not run",
    "AWS::CloudFormation::Stack": "nested stacks are not run; start each by itself",
    "AWS::IoT::TopicRule": "rules of IoT are not run",
    "AWS::Logs::SubscriptionFilter": "log lines wake nothing here",
    "AWS::StepFunctions::StateMachine": "state machines are not run",
}


def standings(stack: Stack, made: Collection[str] = ()) -> tuple[tuple[str, str, str], ...]:
    """Logical id, type and standing of every resource that is `run`, of `no effect`, or `elsewhere`, as `made` ones."""
    found = []
    for logical_id, kind in stack.types():
        if kind in RUN:
            found.append((logical_id, kind, "run"))
        elif logical_id in made:
            found.append((logical_id, kind, "elsewhere"))
        elif kind.startswith(_NOTHING_TO_RUN) and kind not in _REASONS:
            found.append((logical_id, kind, "no effect"))
    return tuple(found)


def uncovered(stack: Stack) -> list[Unsupported]:
    """The resources whose kind nothing here can run, nor make."""
    found = []
    for logical_id, kind in stack.types():
        reason = _reason(kind)
        if reason:
            found.append(Unsupported(logical_id, kind, reason))
    return found


def others(stack: Stack) -> dict[str, str]:
    """The resources, with their types, that are no part of Samlet but could be made in an AWS of one's own."""
    return {
        logical_id: kind
        for logical_id, kind in stack.types()
        if kind not in RUN and not kind.startswith(_NOTHING_TO_RUN) and not _reason(kind)
    }


def unmade(elsewhere: Mapping[str, str]) -> list[Unsupported]:
    """Those resources, where nobody makes them."""
    return [
        Unsupported(logical_id, kind, f"nothing local stands in for {kind}") for logical_id, kind in elsewhere.items()
    ]


def _reason(kind: str) -> str | None:
    if kind.startswith("Custom::"):
        return _REASONS["AWS::CloudFormation::CustomResource"]
    return _REASONS.get(kind)
