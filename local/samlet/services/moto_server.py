"""Starts moto's server, in its own environment and thus by nothing of Samlet's.

Each queue that wakes a function is looked into once a second for as long as Samlet runs. Those calls are left out of
the server's log, which would grow by some megabytes a day while nothing happens.
"""

from importlib import import_module
from typing import Any

_OURS = "samlet"  # what `aws_calls` says it is
_REPEATED = "AmazonSQS.ReceiveMessage"


def _main() -> None:
    server: Any = import_module("moto.server")
    log_request = server.MotoRequestHandler.log_request

    def log_others(request: Any, code: int | str = "-", size: int | str = "-") -> None:
        told = request.headers.get("X-Amz-Target"), request.headers.get("User-Agent")
        if told != (_REPEATED, _OURS) or str(code) != "200":
            log_request(request, code, size)

    server.MotoRequestHandler.log_request = log_others
    server.main()


if __name__ == "__main__":
    _main()
