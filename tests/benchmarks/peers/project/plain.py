"""The handler that every peer runs: an HTTP API's event in, `{"ok":true}` out."""

from typing import Any


def handler(event: Any, context: Any) -> Any:
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": '{"ok":true}'}


def nothing(event: Any, context: Any) -> None:
    """For invocations that are to cost nothing but the way to the function and back."""
