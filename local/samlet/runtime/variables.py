"""The environment variables of a sandbox: Lambda's own, the template's, and next to nothing of the host's."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from samlet.model import Function
from samlet.runtime.environments import pycache_of

# What a program needs to find others, to spell and to trust; everything else of the host stays outside.
_FROM_HOST = (
    "PATH", "LANG", "LC_ALL", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE",
)  # fmt: skip


def sandbox_variables(
    function: Function,
    *,
    api: str,
    region: str,
    log_stream: str,
    temporary: Path,
    extra: Mapping[str, str],
    python: Path | None,
    bootstrap: Path,
) -> dict[str, str]:
    """All variables of one sandbox; what the template and `extra` say wins over the defaults, not over Lambda's own."""
    return {
        **{name: os.environ[name] for name in _FROM_HOST if name in os.environ},
        "LANG": os.environ.get("LANG", "en_US.UTF-8"),
        "TZ": ":UTC",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        **_python_variables(function, python),
        **function.environment,
        **extra,
        **_reserved(function, api, region, log_stream),
        "LAMBDA_RUNTIME_DIR": str(bootstrap.parent if python is None else Path(__file__).parent),
        "TMPDIR": str(temporary),
    }


def _reserved(function: Function, api: str, region: str, log_stream: str) -> dict[str, str]:
    return {
        "_HANDLER": function.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": str(function.code),
    }


def _python_variables(function: Function, python: Path | None) -> dict[str, str]:
    if python is None:
        return {}
    folders = [function.code, *(layer / "python" for layer in reversed(function.layers))]
    variables = {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    if pycache_of(python).is_dir():
        variables["PYTHONPYCACHEPREFIX"] = str(pycache_of(python))
    if sys.platform == "darwin":
        # Forking with the system's proxy lookup loaded crashes there; functions never need that lookup.
        variables["no_proxy"] = "*"
    return variables
