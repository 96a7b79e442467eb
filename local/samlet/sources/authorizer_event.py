"""What a Lambda authorizer is told of a request, in payload format 2.0 or 1.0."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from samlet.model import LambdaAuthorizer
from samlet.sources.event_v1 import build_event_v1
from samlet.sources.event_v2 import Gateway, HttpRequest, build_event, to_json
from samlet.sources.routes import Match

_V1_CONTEXT = ("path", "accountId", "resourceId", "stage", "requestId", "identity", "resourcePath", "httpMethod")


def route_arn(request: HttpRequest, gateway: Gateway) -> str:
    """Return the ARN that policies speak of: of the request's own path, without its stage."""
    segments = request.segments if gateway.stage == "$default" else request.segments[1:]
    place = f"arn:aws:execute-api:{gateway.region}:{gateway.account}:{gateway.api_id}/{gateway.stage}"
    return f"{place}/{request.method}/{'/'.join(segments)}"


def authorizer_event(
    authorizer: LambdaAuthorizer,
    identities: Sequence[str | None],
    request: HttpRequest,
    match: Match,
    gateway: Gateway,
    request_id: str,
    now: float,
) -> bytes:
    """Return the event as JSON; `now` is epoch seconds. A body is never told."""
    build = build_event_v1 if authorizer.payload_format == "1.0" else build_event
    event = json.loads(build(replace(request, body=b""), match, gateway, request_id, now))
    for name in ("body", "isBase64Encoded"):
        event.pop(name, None)
    arn = route_arn(request, gateway)
    if authorizer.payload_format == "1.0":
        return to_json(_first_format(event, identities, arn))
    return to_json(event | {"type": "REQUEST", "routeArn": arn, "identitySource": list(identities) or None})


def _first_format(event: dict[str, Any], identities: Sequence[str | None], arn: str) -> dict[str, Any]:
    source = ",".join(filter(None, identities)) or None
    context = {name: event["requestContext"][name] for name in (*_V1_CONTEXT, "apiId")}
    del event["multiValueHeaders"], event["multiValueQueryStringParameters"]
    told = {"type": "REQUEST", "methodArn": arn, "identitySource": source, "authorizationToken": source}
    return event | told | {"requestContext": context}
