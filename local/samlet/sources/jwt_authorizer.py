"""JWT authorizers: signature, claims and scopes of a token, checked as API Gateway checks them."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from samlet.model import JwtAuthorizer
from samlet.sources.authorization import Allowed, Refused, of_token
from samlet.sources.jwks import KeySet, KeysUnavailable

_ALGORITHMS = ("RS256", "RS384", "RS512")
_jws = jwt.PyJWS(algorithms=_ALGORITHMS, options={"enforce_minimum_key_length": True})


class InvalidToken(Exception):
    """Why a token does not pass, in API Gateway's words where they are known."""


class JwtGuard:
    """One JWT authorizer with the keys of its issuer."""

    def __init__(self, authorizer: JwtAuthorizer, keys: KeySet) -> None:
        self._authorizer = authorizer
        self._keys = keys

    async def decide(self, value: str | None, scopes: Sequence[str], now: float) -> Allowed | Refused:
        """Return what becomes of a request that carries `value`, on a route with `scopes`; `now` is epoch seconds."""
        if not value:
            return Refused(401, "Unauthorized", "Bearer")
        try:
            claims = await self._claims(_without_bearer(value), now)
            check_claims(claims, self._authorizer, now)
        except (InvalidToken, KeysUnavailable) as reason:
            return Refused(401, f"invalid_token: {reason}", _challenge("invalid_token", scopes, str(reason)))
        granted = scopes_of(claims)
        if scopes and not set(scopes) & set(granted):
            lacking = "the token does not have a scope of the route"
            return Refused(403, f"insufficient_scope: {lacking}", _challenge("insufficient_scope", scopes, lacking))
        shown = {name: as_text(value) for name, value in claims.items()}
        return Allowed(of_token(shown, granted if scopes else ()))

    async def _claims(self, token: str, now: float) -> dict[str, Any]:
        if token.count(".") != 2:
            raise InvalidToken("token contains an invalid number of segments")
        try:
            header = _jws.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken("the token is malformed") from error
        key = await self._keys.find(str(header.get("kid")), now)
        if key is None:
            raise InvalidToken("unable to find a signing key that matches the kid of the token")
        if key.algorithm not in (None, header.get("alg")):
            raise InvalidToken("the algorithm of the token is not that of its key")
        try:
            claims = json.loads(_jws.decode(token, key.public, algorithms=_ALGORITHMS))
        except jwt.InvalidAlgorithmError as error:
            raise InvalidToken("the algorithm of the token is not supported") from error
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidToken("the signature of the token is invalid") from error
        if not isinstance(claims, dict):
            raise InvalidToken("the token has no claims")
        return claims


def check_claims(claims: Mapping[str, Any], authorizer: JwtAuthorizer, now: float) -> None:
    """Raise InvalidToken unless the claims are for this authorizer and for now (epoch seconds)."""
    if claims.get("iss") != authorizer.issuer:
        raise InvalidToken("the token does not have a valid issuer")
    if not _audiences(claims) & set(authorizer.audience):
        raise InvalidToken("the token does not have a valid audience")
    if _time(claims, "exp", missing=-math.inf) <= now:
        raise InvalidToken("the token has expired")
    if _time(claims, "nbf", missing=now) > now:
        raise InvalidToken("the token is not valid yet")
    if _time(claims, "iat", missing=now) > now:
        raise InvalidToken("the token was issued in the future")


def scopes_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the scopes of a token: `scope`, else `scp`, a list or a text with spaces."""
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, list):
        return tuple(map(as_text, value))
    return tuple(value.split()) if isinstance(value, str) else ()


def as_text(value: Any) -> str:
    """Return a claim as events show it: every claim is a text there, an array is `[a b]`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(map(as_text, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{as_text(value[name])}' for name in sorted(value))}]"
    return "<nil>" if value is None else json.dumps(value)


def _audiences(claims: Mapping[str, Any]) -> set[str]:
    """The audiences of a token; `client_id` counts only where there is no `aud`."""
    value = claims.get("aud", claims.get("client_id"))
    values = value if isinstance(value, list) else [value]
    return {each for each in values if isinstance(each, str)}


def _time(claims: Mapping[str, Any], name: str, *, missing: float) -> float:
    value = claims.get(name, missing)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise InvalidToken(f"the claim {name} of the token is no time")
    return value


def _without_bearer(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else value.strip()


def _challenge(error: str, scopes: Sequence[str], description: str) -> str:
    return f'Bearer scope="{" ".join(scopes)}" error="{error}" error_description="{description}"'
