"""HTTP request to event: payload format 1.0, the one that REST APIs have, as HTTP APIs make it."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from samlet.sources.event_v2 import (
    HOP_BY_HOP,
    Gateway,
    HttpRequest,
    body_of,
    common_log_time,
    domain_of,
    forwarded,
    to_json,
)
from samlet.sources.routes import Match

# What IAM would know of the caller, of whom an HTTP API without it knows nothing.
_NOBODY = {
    "accessKey": None,
    "accountId": None,
    "caller": None,
    "cognitoAuthenticationProvider": None,
    "cognitoAuthenticationType": None,
    "cognitoIdentityId": None,
    "cognitoIdentityPoolId": None,
    "principalOrgId": None,
    "user": None,
    "userArn": None,
}


def build_event_v1(
    request: HttpRequest,
    match: Match,
    gateway: Gateway,
    request_id: str,
    now: float,
    authorizer: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the event as JSON; `now` is epoch seconds, `authorizer` what format 2.0 has of the authorizer."""
    headers = _multiple(_headers(request))
    query = _multiple(parse_qsl(request.query, keep_blank_values=True, errors="replace"))
    content_type = headers.get("Content-Type", [""])[-1]
    body, encoded = body_of(request.body, content_type) if request.body else (None, False)
    return to_json(
        {
            "version": "1.0",
            "resource": match.route.path,
            "path": "/" + "/".join(request.segments),
            "httpMethod": request.method,
            "headers": _last(headers),
            "multiValueHeaders": headers,
            "queryStringParameters": _last(query) or None,
            "multiValueQueryStringParameters": query or None,
            "requestContext": _context(request, match, gateway, request_id, now, authorizer, _last(headers)),
            "pathParameters": dict(match.parameters) or None,
            "stageVariables": dict(gateway.stage_variables) or None,
            "body": body,
            "isBase64Encoded": encoded,
        }
    )


def _headers(request: HttpRequest) -> Iterable[tuple[str, str]]:
    """Headers as they came, cookies among them, with names such as `Content-Type`; forwarding headers are the last."""
    seen = ", ".join(value for name, value in request.headers if name == "x-forwarded-for")
    added = forwarded(dict(request.headers) | {"x-forwarded-for": seen}, request)
    kept = [(name, value) for name, value in request.headers if name not in HOP_BY_HOP and name not in added]
    return [("-".join(part.capitalize() for part in name.split("-")), value) for name, value in [*kept, *added.items()]]


def _multiple(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: each[-1] for name, each in values.items()}


def _context(
    request: HttpRequest,
    match: Match,
    gateway: Gateway,
    request_id: str,
    now: float,
    authorizer: Mapping[str, Any] | None,
    headers: Mapping[str, str],
) -> dict[str, Any]:
    domain = domain_of(headers.get("Host", "localhost"))
    return {
        "accountId": gateway.account,
        "apiId": gateway.api_id,
        "authorizer": _authorizer(authorizer),
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": request_id,
        "httpMethod": request.method,
        "identity": _NOBODY
        | _signer(authorizer)
        | {"sourceIp": request.source_ip, "userAgent": headers.get("User-Agent", "")},
        "path": "/" + "/".join(request.segments),
        "protocol": request.protocol,
        "requestId": request_id,
        "requestTime": common_log_time(now),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": match.route.key,
        "resourcePath": match.route.path,
        "stage": gateway.stage,
    }


def _authorizer(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The claims of a token, or the context of a function, which stands beside nothing else in this format."""
    if given and "lambda" in given:
        return dict(given["lambda"] or {})
    return dict(given["jwt"]) if given and "jwt" in given else {"claims": None, "scopes": None}


def _signer(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Who has signed the request, in the words of this format."""
    iam = (given or {}).get("iam")
    if iam is None:
        return {}
    return {name: iam[name] for name in ("accessKey", "accountId", "userArn")} | {
        "caller": iam["callerId"],
        "user": iam["userId"],
    }
