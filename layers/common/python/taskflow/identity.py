"""Who is asking: the user always comes from the access token, never from body or query."""

from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from taskflow.clock import Clock
from taskflow.problems import Unauthenticated
from taskflow.tokens import InvalidToken, TokenKeys


class KnowsTokens(Protocol):
    """What `app.state.services` has to offer for this."""

    @property
    def token_keys(self) -> TokenKeys:
        """The keys that verify."""

    @property
    def clock(self) -> Clock:
        """The time."""


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="accessToken")


async def current_user(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> UUID:
    """The user of the request's access token, or Unauthenticated."""
    if credentials is None:
        raise Unauthenticated
    services: KnowsTokens = request.app.state.services
    try:
        return services.token_keys.user_of(credentials.credentials, services.clock())
    except InvalidToken:
        raise Unauthenticated("The access token is not valid, or no longer.") from None


async def current_traceparent(request: Request) -> str:
    """The trace that the request belongs to; its events go on with it."""
    traceparent: str = request.state.traceparent
    return traceparent


CurrentUser = Annotated[UUID, Depends(current_user)]
Traceparent = Annotated[str, Depends(current_traceparent)]
