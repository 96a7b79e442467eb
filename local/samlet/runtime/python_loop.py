"""The loop of the Runtime API in pure Python, for where AWS's client has no wheel, as on macOS.

It runs inside a sandbox, by the function's own interpreter, and imports nothing but the standard library.
"""

import importlib
import json
import logging
import os
import sys
import time
import traceback
from typing import Any


class ClientContext:
    """What a caller sent in X-Amz-Client-Context; a part that it left out is None."""

    def __init__(self, told: "dict[str, Any]") -> None:
        self.custom = told.get("custom")
        self.env = told.get("env")
        self.client = told.get("client")


class Context:
    """The second argument of a handler."""

    def __init__(self, headers: Any) -> None:
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        told = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(json.loads(told)) if told else None
        self.identity = None
        self.tenant_id = None
        self._deadline_ms: int = headers["Lambda-Runtime-Deadline-Ms"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is ended."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


def serve(handler: str, address: str, client: Any) -> None:
    """The loop itself, `client` being runtime_client; ends the process with status 1 if the handler can't be loaded."""
    streams: Any = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.reconfigure(line_buffering=True)
    _set_up_logging()
    try:
        function = _load(handler)
    except Exception as error:  # noqa: BLE001  whatever a module raises is an init error
        problem = _problem(error)
        print("[ERROR] " + problem["errorType"] + ": " + problem["errorMessage"])  # noqa: T201
        _tell_init_error(address, json.dumps(problem))
        sys.exit(1)
    while True:
        _serve_one(client, function)


def _serve_one(client: Any, function: Any) -> None:
    body, headers = client.next()
    request_id, nonce = headers["Lambda-Runtime-Aws-Request-Id"], headers.get("Lambda-Runtime-Invocation-Id")
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    try:
        answer = function(json.loads(body), Context(headers))
        result = answer if isinstance(answer, bytes) else _marshalled(answer)
    except Exception as error:  # noqa: BLE001  a handler's failure is an answer, too
        problem = dict(_problem(error), requestId=request_id)
        trace = "".join(problem["stackTrace"])
        print("[ERROR] " + problem["errorType"] + ": " + problem["errorMessage"] + "\n" + trace)  # noqa: T201
        client.post_error(request_id, json.dumps(problem), "", nonce)
    else:
        client.post_invocation_result(request_id, result, invocation_id=nonce)


def _tell_init_error(address: str, problem: str) -> None:
    from http.client import HTTPConnection  # not at the top: every cold start would pay for it

    connection = HTTPConnection(address)
    connection.request("POST", "/2018-06-01/runtime/init/error", problem.encode())
    connection.getresponse().read()


class _NamedProblem(Exception):
    """What is no failure of the handler itself; `kind` is Lambda's word for it."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def _marshalled(answer: Any) -> bytes:
    try:
        return json.dumps(answer, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise _NamedProblem("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _load(handler: str) -> Any:
    module, dot, name = handler.rpartition(".")
    if not dot:
        raise _NamedProblem("Runtime.MalformedHandlerName", f"Bad handler '{handler}': there is no dot in it")
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise _NamedProblem("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}") from error
    except SyntaxError as error:
        raise _NamedProblem("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}") from error
    if not hasattr(loaded, name):
        raise _NamedProblem("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'")
    return getattr(loaded, name)


def _problem(error: BaseException) -> "dict[str, Any]":
    cause = error.__cause__ if isinstance(error, _NamedProblem) and error.__cause__ else error
    return {
        "errorMessage": str(error),
        "errorType": error.kind if isinstance(error, _NamedProblem) else type(error).__name__,
        "stackTrace": traceback.format_tb(cause.__traceback__)[1:],
    }


def _set_up_logging() -> None:
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    logging.getLogger().addHandler(handler)
