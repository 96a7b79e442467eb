"""What stands between a route and its function: throttling, then the route's authorizer."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from samlet.model import HttpApi, IamAuthorizer, JwtAuthorizer, LambdaAuthorizer
from samlet.sources.authorization import Allowed, Refused, identity
from samlet.sources.authorizer_event import authorizer_event, route_arn
from samlet.sources.event_v2 import Gateway, HttpRequest, context_variables
from samlet.sources.iam_authorizer import decide
from samlet.sources.invoker import Invoker
from samlet.sources.lambda_authorizer import LambdaGuard
from samlet.sources.response_v2 import HttpResponse, error_response
from samlet.sources.routes import Match
from samlet.sources.signature import Secrets
from samlet.sources.throttling import TokenBucket

if TYPE_CHECKING:
    from samlet.sources.jwt_authorizer import JwtGuard

_MESSAGES = {401: "Unauthorized", 403: "Forbidden", 500: "Internal Server Error"}


class Admission:
    """Admits requests to the routes of one API.

    `jwks` names local files of keys by issuer, `secrets` knows what an access key signs with.
    """

    def __init__(
        self,
        api: HttpApi,
        gateway: Gateway,
        invoker: Invoker,
        *,
        jwks: Mapping[str, Path],
        secrets: Secrets = lambda _access_key: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._secrets = secrets
        routes = api.routes
        self._buckets = {route.key: TokenBucket(route.throttle, clock()) for route in routes if route.throttle}
        authorizers = {route.authorizer for route in routes}
        self._jwt = {each: jwt_guard(each, jwks) for each in authorizers if isinstance(each, JwtAuthorizer)}
        self._lambda = {each: LambdaGuard(each, invoker) for each in authorizers if isinstance(each, LambdaAuthorizer)}

    async def admit(self, request: HttpRequest, match: Match, request_id: str, now: float) -> Allowed | Refused | None:
        """Return what the authorizer says, or None where there is none; `now` is epoch seconds."""
        bucket = self._buckets.get(match.route.key)
        if bucket and not bucket.take(self._clock()):
            return Refused(429, "Too Many Requests")
        authorizer = match.route.authorizer
        if authorizer is None:
            return None
        if isinstance(authorizer, IamAuthorizer):
            return decide(request, self._gateway, authorizer.service, self._secrets, now)
        context = context_variables(request, match.route.key, self._gateway, request_id, now)
        variables = self._gateway.stage_variables
        if isinstance(authorizer, JwtAuthorizer):
            token = identity(authorizer.identity_source, request, context, variables)
            return await self._jwt[authorizer].decide(token, match.route.scopes, now)
        identities = [identity(source, request, context, variables) for source in authorizer.identity_sources]
        event = partial(authorizer_event, authorizer, identities, request, match, self._gateway, request_id, now)
        arn = route_arn(request, self._gateway)
        return await self._lambda[authorizer].decide(identities, event, arn, self._clock())


def refusal(refused: Refused) -> HttpResponse:
    """Return the answer to a request that was refused, in API Gateway's words."""
    response = error_response(refused.status, _MESSAGES.get(refused.status, refused.error))
    if refused.challenge:
        response.headers.append(("www-authenticate", refused.challenge))
    return response


def jwt_guard(authorizer: JwtAuthorizer, jwks: Mapping[str, Path]) -> "JwtGuard":
    """Return the guard of a JWT authorizer, with keys from a local file if one is named for its issuer."""
    # Imported here: cryptography takes a while to load, and most APIs need none of it.
    from samlet.sources.jwks import KeySet, from_file, from_issuer
    from samlet.sources.jwt_authorizer import JwtGuard

    issuer = authorizer.issuer
    load = from_file(jwks[issuer]) if issuer in jwks else from_issuer(issuer)
    return JwtGuard(authorizer, KeySet(issuer, load))
