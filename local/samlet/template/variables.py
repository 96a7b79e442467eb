"""What Lambda refuses of a function's variables when it is deployed, and those that other properties turn into."""

import re
from collections.abc import Mapping

from samlet.template.properties import Properties

_LARGEST = 4096  # bytes of all names and values
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
_RESERVED = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
}  # fmt: skip


def check(environment: Properties, variables: Mapping[str, str]) -> None:
    """Raises TemplateError for names that are Lambda's own or none at all, and for more than 4 KB."""
    reserved = sorted(_RESERVED & variables.keys())
    if reserved:
        raise environment.error("Variables", f"{', '.join(reserved)}: Lambda sets this itself and refuses it")
    for name in variables:
        if not _NAME.fullmatch(name):
            raise environment.error("Variables", f"{name!r} is no name that Lambda takes: a letter, then [a-zA-Z0-9_]")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > _LARGEST:
        raise environment.error("Variables", f"{size} bytes of names and values, and Lambda takes {_LARGEST}")


def logging_variables(function: Properties) -> dict[str, str]:
    """What a runtime's client and its loggers are told of `LoggingConfig`."""
    logging = function.inner("LoggingConfig")
    found = {"AWS_LAMBDA_LOG_GROUP_NAME": logging.optional_text("LogGroup")}
    if logging.choice("LogFormat", "Text", "Text", "JSON") == "JSON":
        level = logging.choice("ApplicationLogLevel", "INFO", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
        found |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}
    return {name: value for name, value in found.items() if value}
