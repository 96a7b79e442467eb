"""The properties that CloudFormation knows of the types that are run: others are mistakes, or newer than this list.

AWS refuses what it doesn't know; here it is listed, so that a slip of the pen is not taken for a setting that counts.
"""

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
RUN = frozenset(_WORDS)
"""The types that are run."""
_KNOWN = {kind: frozenset(words.split()) for kind, words in _WORDS.items()}


def unknown_properties(stack: Stack) -> list[Unsupported]:
    """The properties of run resources that no such resource has."""
    return [
        Unsupported(logical_id, resource["Type"], f"{name}: is no property of {resource['Type']} that is known here")
        for logical_id, resource in stack.resources.items()
        if resource["Type"] in _KNOWN
        for name in resource.get("Properties") or {}
        if name not in _KNOWN[resource["Type"]]
    ]
