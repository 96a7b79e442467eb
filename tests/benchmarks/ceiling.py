"""What AWS's runtime client itself takes: no-op events from a server that does nothing but answer with the same bytes.

No runtime can be faster with that client on the same machine, so this is what `invocations` is to be compared with.
"""

import asyncio
import contextlib
import os
import time
from pathlib import Path
from statistics import median
from typing import cast

from samlet.runtime.sandbox import BOOTSTRAP
from waiting import eventually_async

_ROUNDS = 3
_SECONDS = 2.0
_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
_EVENT = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    f"Lambda-Runtime-Aws-Request-Id: {_ID}\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n"
    "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:000000000000:function:Nothing\r\n"
    "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n"
    "Content-Length: 2\r\n\r\n{}"
).encode()
_ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status": "OK"}'


class _Answers(asyncio.Protocol):
    answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self._transport.write(_EVENT)
        elif data.endswith(b"null"):  # the client sends head and body one after the other
            _Answers.answered += 1
            self._transport.write(_ACCEPTED)


async def ceiling(python: Path, code: Path, handler: str) -> float:
    """Events a second of a handler that answers with null."""
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(code),
        "LAMBDA_TASK_ROOT": str(code),
        "AWS_LAMBDA_RUNTIME_API": "{}:{}".format(*server.sockets[0].getsockname()),
        "AWS_LAMBDA_FUNCTION_NAME": "Nothing",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/Nothing",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
    }
    process = await asyncio.create_subprocess_exec(python, BOOTSTRAP, handler, env=variables, cwd=code)
    try:
        await eventually_async(lambda: _Answers.answered > 0, 30)
        rates = []
        for _ in range(_ROUNDS):
            before, began = _Answers.answered, time.perf_counter()
            await asyncio.sleep(_SECONDS)
            rates.append((_Answers.answered - before) / (time.perf_counter() - began))
        return median(rates)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        server.close()
