"""Handlers without a framework, which every peer can run."""

import time
from typing import Any


def handler(event: Any, context: Any) -> Any:
    """An HTTP API's event in, `{"ok":true}` out."""
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"ok":true}'}


def slow(event: Any, context: Any) -> Any:
    """Takes a while and tells how long, so that what is added to it can be told apart."""
    began = time.perf_counter()
    time.sleep(0.02)
    return {"statusCode": 200, "headers": {"x-own-time": f"{time.perf_counter() - began:.6f}"}}


def nothing(event: Any, context: Any) -> None:
    """For invocations that cost nothing but the way to the function and back."""
