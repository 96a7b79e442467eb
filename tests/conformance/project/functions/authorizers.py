"""Lets through whose key begins with `let`; tells the function what it was told, and a number that is new each time."""

from typing import Any
from uuid import uuid4


def simple(event: Any, context: Any) -> Any:
    word = _word(event)
    told = {"asked": uuid4().hex, "type": event["type"], "routeKey": event["routeKey"]}
    return {"isAuthorized": word == "let", "context": told | {"source": event["identitySource"][0]}}


def policy(event: Any, context: Any) -> Any:
    effect = "Allow" if _word(event) == "let" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "ann", "policyDocument": document, "context": {"arn": event["methodArn"]}}


def _word(event: Any) -> str:
    headers = {name.lower(): value for name, value in event["headers"].items()}
    word = str(headers["x-key"]).partition("-")[0]
    if word == "break":
        raise ValueError("as was wished")
    return word
