"""What a template says about a function that the runtime has no use for: who asks for its configuration sees it.

Here are its aliases and versions, too. A template publishes one version, 1: the code on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from samlet.model import LATEST
from samlet.template.properties import Properties
from samlet.template.stack import Stack


@dataclass(slots=True)
class Published:
    """The aliases, each with its version, and the versions of one function."""

    aliases: dict[str, str] = field(default_factory=dict)
    versions: tuple[str, ...] = ()

    def add(self, version: str) -> None:
        """Note a version, once."""
        if version != LATEST and version not in self.versions:
            self.versions += (version,)


def published(stack: Stack) -> dict[str, Published]:
    """The aliases and versions of functions, by the function's logical id."""
    found: dict[str, Published] = {}
    for resource in stack.of_type("AWS::Lambda::Version"):
        if function := stack.function_at(resource.properties.text("FunctionName")):
            found.setdefault(function, Published()).add(stack.identities.attribute(resource.logical_id, "Version"))
    for resource in stack.of_type("AWS::Lambda::Alias"):
        properties = resource.properties
        if function := stack.function_at(properties.text("FunctionName")):
            version = properties.text("FunctionVersion")
            own = found.setdefault(function, Published())
            own.add(version)
            own.aliases[properties.text("Name")] = version
    return found


def described(properties: Properties, name: str) -> Mapping[str, Any]:
    """The parts of a function's configuration that are only shown, in the words of the API."""
    shown: dict[str, Any] = {word: properties.text(word) for word in ("Description", "Role") if word in properties}
    if "Architectures" in properties:
        shown["Architectures"] = list(properties.texts("Architectures"))
    if "Layers" in properties:
        shown["Layers"] = [{"Arn": arn} for arn in properties.texts("Layers")]
    if "KmsKeyArn" in properties:
        shown["KMSKeyArn"] = properties.text("KmsKeyArn")
    if "EphemeralStorage" in properties:
        shown["EphemeralStorage"] = {"Size": properties.inner("EphemeralStorage").integer("Size", low=512, high=10_240)}
    if "LoggingConfig" in properties:
        logging = properties.inner("LoggingConfig")
        group = logging.text("LogGroup", f"/aws/lambda/{name}")
        shown["LoggingConfig"] = {"LogFormat": logging.text("LogFormat", "Text"), "LogGroup": group}
    if "TracingConfig" in properties:
        shown["TracingConfig"] = {"Mode": properties.inner("TracingConfig").text("Mode", "PassThrough")}
    if "VpcConfig" in properties:
        network = properties.inner("VpcConfig")
        shown["VpcConfig"] = {word: list(network.texts(word)) for word in ("SubnetIds", "SecurityGroupIds")}
    if "DeadLetterConfig" in properties:
        shown["DeadLetterConfig"] = {"TargetArn": properties.inner("DeadLetterConfig").text("TargetArn")}
    return shown


def tags(properties: Properties) -> Mapping[str, str]:
    """A function's tags."""
    return {tag.text("Key"): tag.text("Value") for tag in properties.maps("Tags")}
