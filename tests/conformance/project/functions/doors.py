"""Functions behind HTTP routes."""

import json
from typing import Any


def echo(event: Any, context: Any) -> Any:
    if "requestContext" not in event:
        return event
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}


def answer(event: Any, context: Any) -> Any:
    return json.loads(event["body"])
