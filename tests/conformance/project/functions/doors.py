"""Functions behind HTTP routes."""

import json
from typing import Any


def echo(event: Any, context: Any) -> Any:
    if "requestContext" not in event:
        return event
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}


def answer(event: Any, context: Any) -> Any:
    return json.loads(event["body"])


def echo_or_answer(event: Any, context: Any) -> Any:
    """A GET is answered with the event, a POST with what its body says; a DELETE fails."""
    method = event["requestContext"]["http"]["method"]
    if method == "DELETE":
        raise ValueError("as was wished")
    return answer(event, context) if method == "POST" else echo(event, context)
