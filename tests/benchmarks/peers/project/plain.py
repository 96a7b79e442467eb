"""Handlers without a framework, which every peer can run."""

import time
from typing import Any


def handler(event: Any, context: Any) -> Any:
    """An HTTP API's event in, `{"ok":true}` out."""
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"ok":true}'}


def slow(event: Any, context: Any) -> Any:
    """Takes `ms` milliseconds and tells how long it was, so that what is added to it can be told apart."""
    asked = int(event["queryStringParameters"]["ms"])
    began = time.perf_counter()
    time.sleep(asked / 1000)
    return {"statusCode": 200, "headers": {"x-own-time": f"{time.perf_counter() - began:.6f}"}}


def nothing(event: Any, context: Any) -> None:
    """For invocations that cost nothing but the way to the function and back."""
