"""Event source mappings of SQS queues, which are polled where the queue was made."""

from collections.abc import Mapping

from samlet.model import Function, QueueMapping
from samlet.template.properties import Properties
from samlet.template.stack import Resource, Stack

_KIND = "AWS::Lambda::EventSourceMapping"


def queue_mappings(
    stack: Stack, functions: Mapping[str, Function], made: Mapping[str, str]
) -> tuple[QueueMapping, ...]:
    """Every mapping of a queue in `made`, logical ids by ARN, to a runnable function; others are noted."""
    found = []
    for resource in stack.of_type(_KIND):
        if not is_queue(resource.properties):
            continue
        reason = _impossible(stack, resource.properties, functions, made)
        if reason:
            stack.refuse(resource, reason)
        else:
            found.append(_mapping(stack, resource))
    return tuple(found)


def is_queue(properties: Properties) -> bool:
    """Whether a mapping's source is a queue of SQS."""
    return ":sqs:" in properties.text("EventSourceArn", "")


def _impossible(
    stack: Stack, properties: Properties, functions: Mapping[str, Function], made: Mapping[str, str]
) -> str | None:
    arn, target = properties.text("EventSourceArn"), properties.text("FunctionName")
    function = stack.function_at(target)
    if arn not in made:
        return "EventSourceArn: events of SQS are polled only from queues that moto made"
    if function is None:
        return f"FunctionName: {target} is no function of this template"
    if function not in functions:
        return f"FunctionName: {function} cannot be run"
    if properties.inner("FilterCriteria").items("Filters"):
        return "FilterCriteria: messages of queues are not filtered, so it is not polled"
    return None


def _mapping(stack: Stack, resource: Resource) -> QueueMapping:
    properties = resource.properties
    arn = properties.text("EventSourceArn")
    window = properties.integer("MaximumBatchingWindowInSeconds", 0, low=0, high=300)
    size = properties.integer("BatchSize", 10, low=1, high=10 if arn.endswith(".fifo") else 10_000)
    if size > 10 and window < 1:
        raise properties.error("BatchSize", "above 10 needs a MaximumBatchingWindowInSeconds of 1 or more")
    scaling = properties.inner("ScalingConfig")
    most = scaling.integer("MaximumConcurrency", low=2, high=1000) if "MaximumConcurrency" in scaling else None
    return QueueMapping(
        logical_id=resource.logical_id,
        function=stack.function_at(properties.text("FunctionName")) or "",
        arn=arn,
        batch_size=size,
        window=window,
        max_concurrency=most,
        partial_failures=bool(properties.choices("FunctionResponseTypes", "ReportBatchItemFailures")),
        enabled=properties.boolean("Enabled", default=True),
    )
