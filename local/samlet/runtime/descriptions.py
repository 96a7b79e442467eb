"""What Lambda's API tells about a function: its configuration, aliases, versions and asynchronous settings.

The values of its variables stay inside, since some are secrets.
"""

from datetime import datetime

from samlet.model import AsyncInvocation, Function
from samlet.runtime.sandbox_settings import SandboxSettings
from samlet.runtime.targets import Target

type Description = dict[str, object]


class Descriptions:
    """Puts functions into the words of the API; `since` is when they were last changed."""

    def __init__(self, settings: SandboxSettings, since: datetime) -> None:
        self._settings = settings
        self._since = since

    def function(self, target: Target) -> Description:
        """What `GetFunction` answers."""
        function = target.function
        about: Description = {
            "Configuration": self.configuration(target),
            "Code": {"RepositoryType": "Local", "Location": function.code.as_uri()},
        }
        if function.tags:
            about["Tags"] = dict(function.tags)
        if function.reserved_concurrency is not None:
            about["Concurrency"] = self.concurrency(function)
        return about

    def configuration(self, target: Target) -> Description:
        """What `GetFunctionConfiguration` answers; an unqualified ARN where no qualifier was asked for."""
        function = target.function
        configuration: Description = {
            "FunctionName": function.name,
            "FunctionArn": self._settings.arn(function, target.qualifier),
            "Runtime": function.runtime,
            "Handler": function.handler,
            "Description": "",
            "Timeout": function.timeout,
            "MemorySize": function.memory,
            "LastModified": self._since.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "Version": target.version,
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
            "TracingConfig": {"Mode": "PassThrough"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.name}"},
            "State": "Active",
            "LastUpdateStatus": "Successful",
        } | dict(function.described)
        # What LoggingConfig turns into is shown as that.
        declared = sorted(name for name in function.environment if not name.startswith("AWS_LAMBDA_LOG_"))
        if declared:
            text = f"Values are not shown. The variables are {', '.join(declared)}"
            configuration["Environment"] = {"Error": {"ErrorCode": "AccessDeniedException", "Message": text}}
        return configuration

    def versions(self, function: Function) -> list[Description]:
        """What `ListVersionsByFunction` answers: first what is not published, then each version."""
        qualifiers = ["$LATEST", *function.versions]
        return [self.configuration(Target(function, qualifier)) for qualifier in qualifiers]

    def alias(self, function: Function, name: str) -> Description:
        """What `GetAlias` answers."""
        return {
            "AliasArn": self._settings.arn(function, name),
            "Name": name,
            "FunctionVersion": function.aliases[name],
            "Description": "",
        }

    def asynchronous(self, target: Target) -> Description | None:
        """What `GetFunctionEventInvokeConfig` answers; None where the template has none."""
        settings = target.function.asynchronous
        if settings == AsyncInvocation():
            return None
        goals = {"OnSuccess": settings.destinations.on_success, "OnFailure": settings.destinations.on_failure}
        return {
            "LastModified": self._since.timestamp(),
            "FunctionArn": self._settings.arn(target.function, target.qualifier or "$LATEST"),
            "MaximumRetryAttempts": settings.max_retries,
            "MaximumEventAgeInSeconds": settings.max_age,
            "DestinationConfig": {name: {"Destination": arn} if arn else {} for name, arn in goals.items()},
        }

    def concurrency(self, function: Function) -> Description:
        """What `GetFunctionConcurrency` answers."""
        reserved = function.reserved_concurrency
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}
