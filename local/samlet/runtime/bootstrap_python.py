"""Runs inside a sandbox, by the function's own interpreter: the loop that asks the Runtime API for events.

Where AWS's runtime client is installed (Linux) it does the work. Elsewhere, as on macOS, a loop of the same
protocol in pure Python stands in for it. This file imports nothing of Samlet and nothing but the standard library.

AWS's client polls from a fresh thread for each event once it reads a Python runtime in AWS_EXECUTION_ENV, so that a
handler for SIGTERM can run; that costs it four fifths of its speed. The variable is set here as on AWS, for the
function to see; only the client's own option for threads is left off.
"""

import importlib
import json
import logging
import os
import sys
import time
import traceback
from http.client import HTTPConnection
from typing import Any

PREFIX = "/2018-06-01/runtime"


def main() -> None:
    """Serve events for the handler named on the command line."""
    # Python put this file's folder first on the path: a function must not find Samlet's modules there.
    del sys.path[0]
    handler, address = sys.argv[1], os.environ["AWS_LAMBDA_RUNTIME_API"]
    try:
        importlib.import_module("runtime_client")  # the client's native half, the one that may be missing
        from awslambdaric import bootstrap
        from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
    except ImportError:
        serve(handler, address)
    else:
        bootstrap.run(handler, LambdaRuntimeClient(address, use_thread_for_polling_next=False))


class Context:
    """The second argument of a handler."""

    def __init__(self, headers: Any, deadline_ms: int) -> None:
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.client_context = json.loads(headers.get("Lambda-Runtime-Client-Context") or "null")
        self.identity = None
        self.tenant_id = None
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is ended."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


def serve(handler: str, address: str) -> None:
    """The loop itself; ends the process with status 1 when the handler cannot be loaded."""
    streams: Any = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.reconfigure(line_buffering=True)
    _set_up_logging()
    connection = HTTPConnection(address)
    try:
        function = _load(handler)
    except Exception as error:  # noqa: BLE001  whatever a module raises is an init error
        problem = _init_problem(error)
        print("[ERROR] " + problem["errorType"] + ": " + problem["errorMessage"])  # noqa: T201
        _post(connection, "/init/error", json.dumps(problem).encode(), {})
        sys.exit(1)
    while True:
        _serve_one(connection, function)


def _serve_one(connection: HTTPConnection, function: Any) -> None:
    connection.request("GET", PREFIX + "/invocation/next")
    reply = connection.getresponse()
    body, headers = reply.read(), reply.headers
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    nonce = headers.get("Lambda-Runtime-Invocation-Id")
    echo = {"Lambda-Runtime-Invocation-Id": nonce} if nonce else {}
    try:
        answer = function(json.loads(body), Context(headers, int(headers["Lambda-Runtime-Deadline-Ms"])))
        result = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
    except Exception as error:  # noqa: BLE001  a handler's failure is an answer, too
        problem = dict(_problem(error), requestId=request_id)
        trace = "".join(problem["stackTrace"])
        print("[ERROR] " + problem["errorType"] + ": " + problem["errorMessage"] + "\n" + trace)  # noqa: T201
        _post(connection, f"/invocation/{request_id}/error", json.dumps(problem).encode(), echo)
    else:
        _post(connection, f"/invocation/{request_id}/response", result, echo)


def _load(handler: str) -> Any:
    module, _, name = handler.rpartition(".")
    return getattr(importlib.import_module(module.replace("/", ".")), name)


def _problem(error: BaseException, kind: str = "") -> "dict[str, Any]":
    return {
        "errorMessage": str(error),
        "errorType": kind or type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__)[1:],
    }


def _init_problem(error: BaseException) -> "dict[str, Any]":
    kinds = ((ImportError, "Runtime.ImportModuleError"), (SyntaxError, "Runtime.UserCodeSyntaxError"))
    return _problem(error, next((name for kind, name in kinds if isinstance(error, kind)), ""))


def _post(connection: HTTPConnection, path: str, body: bytes, headers: "dict[str, str]") -> None:
    connection.request("POST", PREFIX + path, body, headers)
    reply = connection.getresponse()
    reply.read()
    if reply.status >= 300:
        sys.exit(f"the Runtime API answered {reply.status} to {path}")


def _set_up_logging() -> None:
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    logging.getLogger().addHandler(handler)


if __name__ == "__main__":
    main()
