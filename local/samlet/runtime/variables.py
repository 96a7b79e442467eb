"""The environment variables of a sandbox: Lambda's own, the template's, the project's, and none of the host's.

What is here and not on AWS is what stands in for folders that only root can make: `TMPDIR` and `HOME` name the
sandbox's own folder in place of /tmp, `LAMBDA_OPT_ROOT` the layers in place of /opt.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from samlet.model import Function
from samlet.runtime.environments import pycache_of

_PROGRAMS = ("/usr/local/bin", "/usr/bin", "/bin")


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
    opt: Path | None = None,
) -> dict[str, str]:
    """All variables of one sandbox; what the template and `extra` say wins over the defaults, not over Lambda's own."""
    return {
        **_defaults(function, python, opt),
        "HOME": str(temporary),
        **_python_variables(python),
        **function.environment,
        **extra,
        **function.overrides,
        **_reserved(function, api, region, log_stream),
        "LAMBDA_RUNTIME_DIR": str(bootstrap.parent) if python is None else "/var/runtime",
        "TMPDIR": str(temporary),
    }


def _defaults(function: Function, python: Path | None, opt: Path | None) -> dict[str, str]:
    """What a template may change."""
    programs = [*([python.parent] if python else []), *_PROGRAMS, *([opt / "bin"] if opt else [])]
    libraries = [function.code, function.code / "lib", *([opt / "lib"] if opt else [])]
    return {
        "PATH": _joined(programs),
        "LD_LIBRARY_PATH": _joined(libraries),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",  # a template changes it by LoggingConfig
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        **({"LAMBDA_OPT_ROOT": str(opt)} if opt else {}),
    }


def _reserved(function: Function, api: str, region: str, log_stream: str) -> dict[str, str]:
    # Runtimes of one's own are not told which they are.
    known = {} if function.runtime.startswith("provided") else {"AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}"}
    return known | {
        "_HANDLER": function.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": api,
        # Resolved: a running event stays with its modules when a link on the way to them leads elsewhere.
        "LAMBDA_TASK_ROOT": str(function.code.resolve()),
    }


def _python_variables(python: Path | None) -> dict[str, str]:
    # No PYTHONPATH: bootstrap_python.py puts code and layers on the path when its own modules are loaded.
    if python is None:
        return {}
    variables = {}
    if pycache_of(python).is_dir():
        variables["PYTHONPYCACHEPREFIX"] = str(pycache_of(python))
    if sys.platform == "darwin":
        # Forking with the system's proxy lookup loaded crashes there; functions never need that lookup.
        variables["no_proxy"] = "*"
    return variables


def _joined(folders: Iterable[object]) -> str:
    return os.pathsep.join(map(str, folders))
