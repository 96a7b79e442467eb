"""What an authorizer says of a request, and where a request carries what authorizers look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from samlet.sources.event_v2 import HttpRequest


@dataclass(frozen=True, slots=True)
class Allowed:
    """The request goes on; `context` stands in the event's `requestContext.authorizer`."""

    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request ends here; `error` is for the log, `challenge` for the header `www-authenticate`."""

    status: int
    error: str
    challenge: str | None = None

    @property
    def by_authorizer(self) -> bool:
        """Whether an authorizer refused, not the route's throttling."""
        return self.status != 429


def of_token(claims: Mapping[str, str], scopes: Sequence[str]) -> dict[str, Any]:
    """Return what a JWT authorizer adds to the context; `scopes` are the token's, where the route asks for any."""
    return {"jwt": {"claims": claims, "scopes": list(scopes) or None}}


def identity(source: str, request: HttpRequest, context: Mapping[str, str], variables: Mapping[str, str]) -> str | None:
    """Return the value of an identity source such as `$request.header.Name`, or None if the request has none."""
    kind, _, name = source.removeprefix("$request.").partition(".")
    if kind == "header":
        values = [value for key, value in request.headers if key == name.lower()]
    elif kind == "querystring":
        values = [value for key, value in parse_qsl(request.query, errors="replace") if key == name]
    else:
        values = [(context if kind == "$context" else variables).get(name, "")]
    return ",".join(values) or None
