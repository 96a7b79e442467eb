"""Kafka event source mappings of a template, self-managed or MSK."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from samlet.model import Function, KafkaMapping
from samlet.template.destinations import can_deliver
from samlet.template.kafka_filters import filters
from samlet.template.properties import Properties
from samlet.template.queue_mappings import is_queue
from samlet.template.stack import Resource, Stack

_LONGEST_TIMEOUT = 14 * 60
_PROVISIONED_ONLY = ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError")
_OF_OTHER_SOURCES = (
    "DocumentDBEventSourceConfig",
    "ParallelizationFactor",
    "Queues",
    "ScalingConfig",
    "TumblingWindowInSeconds",
)
_IDENTITIES = ("BASIC_AUTH", "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH")
_ROOT_CERTIFICATE = "SERVER_ROOT_CA_CERTIFICATE"
_NETWORK = ("VPC_SUBNET", "VPC_SECURITY_GROUP")  # there are none on one's own machine
_SERVICES = {"sqs": "SQS", "kinesis": "Kinesis", "dynamodb": "DynamoDB", "mq": "Amazon MQ", "rds": "DocumentDB"}


def kafka_mappings(
    stack: Stack, functions: Mapping[str, Function], destinations: Collection[str] = ()
) -> tuple[KafkaMapping, ...]:
    """Every Kafka mapping of a runnable function; other mappings are noted as unsupported.

    `destinations` are the ARNs of queues, topics and buckets that are there.
    """
    found = []
    resources = []
    for resource in stack.of_type("AWS::Lambda::EventSourceMapping"):
        if is_queue(resource.properties):
            continue
        target = resource.properties.text("FunctionName")
        function = stack.function_at(target)
        reason = _foreign(resource.properties)
        if reason:
            stack.refuse(resource, reason)
        elif function is None:
            stack.refuse(resource, f"FunctionName: {target} is no function of this template")
        elif function not in functions:
            stack.refuse(resource, f"FunctionName: {function} cannot be run")
        else:
            if functions[function].timeout > _LONGEST_TIMEOUT:
                raise resource.properties.error("FunctionName", f"{function} has a Timeout above {_LONGEST_TIMEOUT} s")
            found.append(_mapping(stack, resource, function, destinations))
            resources.append(resource)
    for resource, mapping in zip(resources, found, strict=True):
        _note_shared_group(stack, resource, mapping, found)
    return tuple(found)


def _foreign(properties: Properties) -> str | None:
    arn = properties.text("EventSourceArn", "")
    if "SelfManagedEventSource" in properties or ":kafka:" in arn:
        return None
    service = arn.split(":")[2] if arn.count(":") > 2 else arn
    named = _SERVICES.get(service, service) or "nothing"
    return f"EventSourceArn: events of {named} are not polled, only those of Kafka and SQS"


def _mapping(stack: Stack, resource: Resource, function: str, destinations: Collection[str]) -> KafkaMapping:
    properties = resource.properties
    on_failure = _on_failure(resource)
    self_managed = "SelfManagedEventSource" in properties
    configuration = properties.inner(_configuration(properties))
    _note_differences(stack, resource, configuration)
    for name in filter(properties.__contains__, _OF_OTHER_SOURCES):
        raise properties.error(name, "belongs to other sources; AWS refuses it for Kafka")
    topics = properties.texts("Topics")
    if len(topics) != 1:
        raise properties.error("Topics", f"needs exactly one topic, not {len(topics)}")
    window = properties.integer("MaximumBatchingWindowInSeconds", low=0, high=300) if _windowed(properties) else 0.5
    pollers = _pollers(properties)
    position = properties.choice("StartingPosition", None, "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
    return KafkaMapping(
        logical_id=resource.logical_id,
        function=function,
        topic=topics[0],
        group_id=configuration.text("ConsumerGroupId", _uuid(stack, resource)),
        bootstrap_servers=_bootstrap_servers(properties) if self_managed else (),
        batch_size=properties.integer("BatchSize", 100, low=1, high=10_000),
        window=window,
        starting_position=cast("Literal['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP']", position),
        starting_timestamp=_timestamp(properties) if position == "AT_TIMESTAMP" else None,
        filters=filters(stack, resource),
        max_retries=properties.integer("MaximumRetryAttempts", -1, low=-1, high=10_000),
        max_age=_max_age(properties),
        bisect=properties.boolean("BisectBatchOnFunctionError", default=False),
        partial_failures=bool(properties.choices("FunctionResponseTypes", "ReportBatchItemFailures")),
        on_failure=on_failure,
        on_failure_served=_is_served(stack, resource, on_failure, destinations),
        enabled=properties.boolean("Enabled", default=True),
        source_arn=properties.optional_text("EventSourceArn"),
        min_pollers=pollers[0],
        max_pollers=pollers[1],
        access=_access(properties),
    )


def _note_differences(stack: Stack, resource: Resource, configuration: Properties) -> None:
    properties = resource.properties
    if "SchemaRegistryConfig" in configuration:
        stack.refuse(resource, "SchemaRegistryConfig: records are passed on as they are")
    if "ConsumptionMode" in configuration:
        stack.refuse(resource, "ConsumptionMode: a consumer group reads the records, whatever this says")
    if "ProvisionedPollerConfig" not in properties:
        for name in filter(properties.__contains__, _PROVISIONED_ONLY):
            stack.refuse(resource, f"{name}: is honoured here, but AWS takes it only with ProvisionedPollerConfig")


def _note_shared_group(stack: Stack, resource: Resource, mapping: KafkaMapping, every: Sequence[KafkaMapping]) -> None:
    """AWS documents that a group is one mapping's own, but not how it refuses another: so both are run, and told."""
    others = [other for other in every if other.group_id == mapping.group_id and other is not mapping]
    if not others:
        return
    named = " and ".join(other.logical_id for other in others)
    place = f"{_configuration(resource.properties)}.ConsumerGroupId"
    reason = f"{place}: {mapping.group_id} is that of {named} as well, and AWS wants one of its own for each mapping"
    if any(other.topic == mapping.topic for other in others):
        reason += f"; of {mapping.topic} each gets the records that the other does not"
    stack.refuse(resource, reason)


def _configuration(properties: Properties) -> str:
    kind = "SelfManaged" if "SelfManagedEventSource" in properties else "AmazonManaged"
    return f"{kind}KafkaEventSourceConfig"


def _access(properties: Properties) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for item in properties.maps("SourceAccessConfigurations"):
        kind, uri = item.choice("Type", None, *_IDENTITIES, _ROOT_CERTIFICATE, *_NETWORK), item.text("URI")
        if kind in found:
            raise item.error("Type", f"{kind} is there twice")
        if kind not in _NETWORK:
            found[kind] = uri
    identities = [kind for kind in found if kind in _IDENTITIES]
    if len(identities) > 1:
        text = f"needs one way to be let in, not {' and '.join(identities)}"
        raise properties.error("SourceAccessConfigurations", text)
    return tuple(found.items())


def _windowed(properties: Properties) -> bool:
    return "MaximumBatchingWindowInSeconds" in properties


def _pollers(properties: Properties) -> tuple[int, int | None]:
    if "ProvisionedPollerConfig" not in properties:
        return 1, None
    configuration = properties.inner("ProvisionedPollerConfig")
    least = configuration.integer("MinimumPollers", 1, low=1, high=200)
    most = configuration.integer("MaximumPollers", max(least, 200), low=1, high=2_000)
    if most < least:
        raise configuration.error("MaximumPollers", f"needs at least MinimumPollers, {least}, not {most}")
    return least, most


def _uuid(stack: Stack, resource: Resource) -> str:
    """A stable stand-in for the mapping's UUID, AWS's default consumer group; another template's is another one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{stack.path}:{stack.region}:{stack.account}:{resource.logical_id}"))


def _bootstrap_servers(properties: Properties) -> tuple[str, ...]:
    endpoints = properties.inner("SelfManagedEventSource").inner("Endpoints")
    texts = endpoints.texts("KafkaBootstrapServers")
    servers = tuple(server.strip() for text in texts for server in text.split(",") if server.strip())
    if not servers:
        raise endpoints.error("KafkaBootstrapServers", "names no server")
    return servers


def _timestamp(properties: Properties) -> float:
    text = properties.text("StartingPositionTimestamp")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise properties.error("StartingPositionTimestamp", f"needs seconds since 1970, not {text}") from error
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _max_age(properties: Properties) -> int:
    age = properties.integer("MaximumRecordAgeInSeconds", -1, low=-1, high=604_800)
    if -1 < age < 60:
        raise properties.error("MaximumRecordAgeInSeconds", f"needs -1 or a number from 60, not {age}")
    return age


def _on_failure(resource: Resource) -> str | None:
    place = resource.properties.inner("DestinationConfig").inner("OnFailure")
    destination = place.optional_text("Destination")
    if destination in {f"kafka://{topic}" for topic in resource.properties.texts("Topics")} | {"kafka://"}:
        raise place.error("Destination", f"needs kafka:// and another topic than the mapping's, not {destination}")
    return destination


def _is_served(stack: Stack, resource: Resource, destination: str | None, destinations: Collection[str]) -> bool:
    if destination is None or destination.startswith("kafka://"):
        return True
    kinds, fifo = "queue, topic or bucket", "is FIFO, which AWS does not send failed batches to"
    return can_deliver(stack, resource, "DestinationConfig", destination, there=destinations, kinds=kinds, fifo=fifo)
