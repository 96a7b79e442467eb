"""The properties that CloudFormation knows of the types that are run: others are mistakes, or newer than this list.

AWS refuses what it doesn't know; here it is listed, so that a slip of the pen is not taken for a setting that counts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from samlet.model import Unsupported
from samlet.template.stack import Stack

_WORDS = {
    "AWS::Lambda::Function": """
        Architectures CapacityProviderConfig Code CodeSigningConfigArn DeadLetterConfig Description DurableConfig
        Environment EphemeralStorage FileSystemConfigs FunctionName FunctionScalingConfig Handler ImageConfig KmsKeyArn
        Layers LoggingConfig MemorySize PackageType PublishToLatestPublished RecursiveLoop ReservedConcurrentExecutions
        Role Runtime RuntimeManagementConfig SnapStart Tags TenancyConfig Timeout TracingConfig VpcConfig""",
    "AWS::Lambda::LayerVersion": """
        CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo""",
    "AWS::Lambda::EventInvokeConfig": """
        DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier""",
    "AWS::Lambda::EventSourceMapping": """
        AmazonManagedKafkaEventSourceConfig BatchSize BisectBatchOnFunctionError DestinationConfig
        DocumentDBEventSourceConfig Enabled EventSourceArn FilterCriteria FunctionName FunctionResponseTypes KmsKeyArn
        LoggingConfig MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds MaximumRetryAttempts MetricsConfig
        ParallelizationFactor ProvisionedPollerConfig Queues ScalingConfig SelfManagedEventSource
        SelfManagedKafkaEventSourceConfig SourceAccessConfigurations StartingPosition StartingPositionTimestamp Tags
        Topics TumblingWindowInSeconds""",
    "AWS::ApiGatewayV2::Api": """
        ApiKeySelectionExpression BasePath Body BodyS3Location CorsConfiguration CredentialsArn Description
        DisableExecuteApiEndpoint DisableSchemaValidation FailOnWarnings IpAddressType Name ProtocolType RouteKey
        RouteSelectionExpression Tags Target Version""",
    "AWS::ApiGatewayV2::Authorizer": """
        ApiId AuthorizerCredentialsArn AuthorizerPayloadFormatVersion AuthorizerResultTtlInSeconds AuthorizerType
        AuthorizerUri EnableSimpleResponses IdentitySource IdentityValidationExpression JwtConfiguration Name""",
    "AWS::ApiGatewayV2::Route": """
        ApiId ApiKeyRequired AuthorizationScopes AuthorizationType AuthorizerId ModelSelectionExpression OperationName
        RequestModels RequestParameters RouteKey RouteResponseSelectionExpression Target""",
    "AWS::ApiGatewayV2::Integration": """
        ApiId ConnectionId ConnectionType ContentHandlingStrategy CredentialsArn Description IntegrationMethod
        IntegrationSubtype IntegrationType IntegrationUri PassthroughBehavior PayloadFormatVersion RequestParameters
        RequestTemplates ResponseParameters TemplateSelectionExpression TimeoutInMillis TlsConfig""",
    "AWS::ApiGatewayV2::Stage": """
        AccessLogSettings AccessPolicyId ApiId AutoDeploy ClientCertificateId DefaultRouteSettings DeploymentId
        Description RouteSettings StageName StageVariables Tags""",
    "AWS::Lambda::Url": """
        AuthType Cors InvokeMode Qualifier TargetFunctionArn""",
    "AWS::Events::Rule": """
        Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets""",
    "AWS::Scheduler::Schedule": """
        Description EndDate FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression ScheduleExpressionTimezone
        StartDate State Target""",
}
_LETTERS = {"DeadLetterConfig": "Arn", "RetryPolicy": "MaximumEventAgeInSeconds MaximumRetryAttempts"}
_ORIGINS = "AllowCredentials AllowHeaders AllowMethods AllowOrigins ExposeHeaders MaxAge"
_INNER: Mapping[str, Mapping[str, str]] = {
    "AWS::Lambda::Function": {
        "DeadLetterConfig": "TargetArn",
        "Environment": "Variables",
        "EphemeralStorage": "Size",
        "LoggingConfig": "ApplicationLogLevel LogFormat LogGroup SystemLogLevel",
        "SnapStart": "ApplyOn",
    },
    "AWS::Lambda::EventInvokeConfig": {
        "DestinationConfig": "OnFailure OnSuccess",
        "DestinationConfig.OnFailure": "Destination",
        "DestinationConfig.OnSuccess": "Destination",
    },
    "AWS::Lambda::EventSourceMapping": {
        "AmazonManagedKafkaEventSourceConfig": "ConsumerGroupId SchemaRegistryConfig",
        "DestinationConfig": "OnFailure",
        "DestinationConfig.OnFailure": "Destination",
        "FilterCriteria": "Filters",
        "FilterCriteria.Filters": "Pattern",
        "ProvisionedPollerConfig": "MaximumPollers MinimumPollers PollerGroupName",
        "ScalingConfig": "MaximumConcurrency",
        "SelfManagedEventSource": "Endpoints",
        "SelfManagedEventSource.Endpoints": "KafkaBootstrapServers",
        "SelfManagedKafkaEventSourceConfig": "ConsumerGroupId ConsumptionMode SchemaRegistryConfig",
        "SourceAccessConfigurations": "Type URI",
    },
    "AWS::ApiGatewayV2::Api": {"CorsConfiguration": _ORIGINS},
    "AWS::ApiGatewayV2::Authorizer": {"JwtConfiguration": "Audience Issuer"},
    "AWS::ApiGatewayV2::Stage": {
        "AccessLogSettings": "DestinationArn Format",
        "DefaultRouteSettings": """
            DataTraceEnabled DetailedMetricsEnabled LoggingLevel ThrottlingBurstLimit ThrottlingRateLimit""",
    },
    "AWS::Lambda::Url": {"Cors": _ORIGINS},
    "AWS::Events::Rule": {
        "Targets": """
            AppSyncParameters Arn BatchParameters DeadLetterConfig EcsParameters HttpParameters Id Input InputPath
            InputTransformer KinesisParameters RedshiftDataParameters RetryPolicy RoleArn RunCommandParameters
            SageMakerPipelineParameters SqsParameters""",
        **{f"Targets.{name}": words for name, words in _LETTERS.items()},
    },
    "AWS::Scheduler::Schedule": {
        "FlexibleTimeWindow": "MaximumWindowInMinutes Mode",
        "Target": """
            Arn DeadLetterConfig EcsParameters EventBridgeParameters Input KinesisParameters RetryPolicy RoleArn
            SageMakerPipelineParameters SqsParameters""",
        **{f"Target.{name}": words for name, words in _LETTERS.items()},
    },
}
_BESIDE = """
    Condition CreationPolicy DeletionPolicy DependsOn Description Metadata Properties Type UpdatePolicy
    UpdateReplacePolicy Version"""
ATTRIBUTES = frozenset(_BESIDE.split()) | {"Connectors", "IgnoreGlobals"}
"""What a resource has beside its properties; the last two are SAM's."""
RUN = frozenset(_WORDS)
"""The types that are run."""
KNOWN: Mapping[tuple[str, str], frozenset[str]] = {
    (kind, place): frozenset(words.split())
    for kind, all_words in _WORDS.items()
    for place, words in {"": all_words, **_INNER.get(kind, {})}.items()
}
"""The properties by the type of resource and by what they stand in, such as `Target.RetryPolicy`, or nothing."""


def unknown_properties(stack: Stack) -> list[Unsupported]:
    """The properties of run resources that no such resource has, also inside of others."""
    return [
        Unsupported(logical_id, kind, f"{place}: is no property of {kind} that is known here")
        for logical_id, kind in stack.types()
        for place in _unknown(kind, stack.resources[logical_id].get("Properties") or {}, "")
    ]


def unknown_attributes(resources: Mapping[str, Any]) -> list[Unsupported]:
    """What stands beside the properties of a resource of a template and counts for nothing."""
    return [
        Unsupported(logical_id, resource["Type"], f"{name}: is no attribute of a resource, and has no effect")
        for logical_id, resource in resources.items()
        for name in resource
        if name not in ATTRIBUTES
    ]


def _unknown(kind: str, value: Any, within: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(kind, item, within)
    words = KNOWN.get((kind, within))
    if words is None or not isinstance(value, dict):
        return
    if set(value) == {"Fn::If"} and isinstance(value["Fn::If"], list):
        yield from _unknown(kind, value["Fn::If"][1:], within)
        return
    for name, inner in value.items():
        place = f"{within}.{name}" if within else name
        if name in words:
            yield from _unknown(kind, inner, place)
        elif name != "Ref" and not name.startswith("Fn::"):
            yield place
