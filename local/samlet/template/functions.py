"""Lambda functions of a template, with their layers and the retries of asynchronous invocations."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from samlet.model import AsyncInvocation, Destinations, Function
from samlet.template.builds import layer_folder, note_handler
from samlet.template.code import folder, impossible
from samlet.template.described import Published, described, published, tags
from samlet.template.destinations import can_deliver
from samlet.template.properties import Properties
from samlet.template.stack import Resource, Stack
from samlet.template.variables import check, logging_variables

_RUNTIMES = re.compile(r"python3\.\d+|provided(\.al2|\.al2023)?")
_KINDS = {"OnSuccess": "function, queue or topic", "OnFailure": "function, queue, topic or bucket"}
_LATER = {
    "CapacityProviderConfig": "a sandbox runs one event at a time",
    "TenancyConfig": "tenants share sandboxes, and functions are told of none",
    "FileSystemConfigs": "file systems are not mounted",
    "DurableConfig": "durable executions are not kept",
    "EphemeralStorage": "the size of a function's temporary folder is not limited",
}


def functions(stack: Stack, destinations: Collection[str] = (), buckets: Collection[str] = ()) -> dict[str, Function]:
    """Every function that can be run, by logical id.

    `destinations` are the ARNs of queues and topics that were made, `buckets` those of buckets.
    """
    layers = _layers(stack)
    asynchronous = _asynchronous(stack, destinations, buckets)
    releases = published(stack)
    found = {}
    for resource in stack.of_type("AWS::Lambda::Function"):
        reason = _impossible(resource.properties)
        if reason:
            stack.refuse(resource, reason)
        else:
            dead = _dead_letters(stack, resource, destinations)
            invocation = replace(asynchronous.get(resource.logical_id, AsyncInvocation()), dead_letters=dead)
            release = releases.get(resource.logical_id, Published())
            found[resource.logical_id] = _function(stack, resource, layers, invocation, release)
    return found


def _impossible(properties: Properties) -> str | None:
    if properties.text("PackageType", "Zip") == "Image":
        return "PackageType: container images are not run; a Runtime and a folder of code are"
    runtime = properties.text("Runtime", "")
    if not runtime:
        raise properties.error("Runtime", "is missing")
    if not _RUNTIMES.fullmatch(runtime):
        return f"Runtime: {runtime} needs `sam local`; python3.x and provided.al2023 are run here"
    code = properties.raw("Code")
    if code is None:
        raise properties.error("Code", "is missing")
    return impossible(code, "Code")


def _function(
    stack: Stack, resource: Resource, layers: Mapping[str, Path], asynchronous: AsyncInvocation, release: Published
) -> Function:
    properties = resource.properties
    for later in filter(properties.__contains__, _LATER):
        stack.refuse(resource, f"{later}: {_LATER[later]}")
    if properties.inner("SnapStart").text("ApplyOn", "None") != "None":
        stack.refuse(resource, "SnapStart: no snapshots are taken, each start is a whole one")
    reserved = "ReservedConcurrentExecutions"
    name = stack.identities.name(resource.logical_id)
    runtime = properties.text("Runtime")
    handler = properties.text("Handler", "bootstrap" if runtime.startswith("provided") else None)
    code, found = folder(stack, properties, "Code"), _layers_of(stack, resource, layers)
    if runtime.startswith("python"):
        note_handler(stack, resource, handler, code, found)
    return Function(
        logical_id=resource.logical_id,
        name=name,
        runtime=runtime,
        handler=handler,
        code=code,
        layers=found,
        environment=_environment(stack, resource),
        timeout=properties.integer("Timeout", 3, low=1, high=900),
        memory=properties.integer("MemorySize", 128, low=128, high=10_240),
        reserved_concurrency=properties.integer(reserved, low=0, high=1_000_000) if reserved in properties else None,
        asynchronous=asynchronous,
        aliases=release.aliases,
        versions=release.versions,
        described=described(properties, name),
        tags=tags(properties),
    )


def _layers(stack: Stack) -> dict[str, Path]:
    """The folders of local layers, by ARN."""
    found = {}
    for resource in stack.of_type("AWS::Lambda::LayerVersion"):
        reason = impossible(resource.properties.raw("Content"), "Content")
        if reason:
            stack.refuse(resource, reason)
        else:
            arn = stack.identities.arn(resource.logical_id)
            found[arn] = layer_folder(stack, resource, folder(stack, resource.properties, "Content"))
    return found


def _layers_of(stack: Stack, resource: Resource, layers: Mapping[str, Path]) -> tuple[Path, ...]:
    arns = resource.properties.texts("Layers")
    for arn in arns:
        if arn not in layers:
            stack.refuse(resource, f"Layers: {arn} is not a local folder")
    return tuple(layers[arn] for arn in arns if arn in layers)


def _environment(stack: Stack, resource: Resource) -> dict[str, str]:
    environment = resource.properties.inner("Environment")
    variables = environment.inner("Variables")
    found = {name: variables.text(name) for name in variables}
    check(environment, found)
    for name, value in found.items():
        if "{{resolve:" in value:
            stack.refuse(resource, f"Environment.Variables.{name}: dynamic references are not looked up")
    return found | logging_variables(resource.properties)


def _asynchronous(stack: Stack, destinations: Collection[str], buckets: Collection[str]) -> dict[str, AsyncInvocation]:
    """The retries of asynchronous events, by the function's logical id."""
    found = {}
    for resource in stack.of_type("AWS::Lambda::EventInvokeConfig"):
        properties = resource.properties
        function = stack.function_at(properties.text("FunctionName"))
        if function is None:
            stack.refuse(resource, f"FunctionName: {properties.text('FunctionName')} is not in this template")
            continue
        if function in found:
            stack.refuse(resource, "Qualifier: a function has one such configuration here, for all of its qualifiers")
            continue
        found[function] = AsyncInvocation(
            max_retries=properties.integer("MaximumRetryAttempts", 2, low=0, high=2),
            max_age=properties.integer("MaximumEventAgeInSeconds", 21_600, low=60, high=21_600),
            destinations=Destinations(
                on_success=_destination(stack, resource, "OnSuccess", destinations),
                on_failure=_destination(stack, resource, "OnFailure", {*destinations, *buckets}),
            ),
        )
    return found


def _destination(stack: Stack, resource: Resource, occasion: str, places: Collection[str]) -> str | None:
    arn = resource.properties.inner("DestinationConfig").inner(occasion).optional_text("Destination")
    if arn is not None and stack.function_at(arn) is None:
        can_deliver(stack, resource, "DestinationConfig", arn, there=places, kinds=_KINDS[occasion])
    return arn


def _dead_letters(stack: Stack, resource: Resource, destinations: Collection[str]) -> str | None:
    arn = resource.properties.inner("DeadLetterConfig").optional_text("TargetArn")
    if arn is None:
        return None
    found = can_deliver(stack, resource, "DeadLetterConfig", arn, there=destinations, kinds="queue or topic")
    return arn if found else None
