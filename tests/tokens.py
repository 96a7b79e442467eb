"""An issuer of tokens on this machine: RSA keys, their JSON Web Key Set, and tokens good and bad."""

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

from samlet.model import JwtAuthorizer

ISSUER = "https://issuer.example"
AUTHORIZER = JwtAuthorizer(ISSUER, ("me", "you"))
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": "me", "sub": "ann", "exp": NOW + 60, "iat": NOW - 60}


def private_key(name: str = "first", bits: int = 2048) -> RSAPrivateKey:
    """The key of that name, made once."""
    return _made(name, bits)


@cache
def _made(_name: str, bits: int) -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def jwk(key: str = "first", **more: Any) -> dict[str, Any]:
    """The public half of a key as an entry of a key set."""
    return {**RSAAlgorithm.to_jwk(private_key(key).public_key(), as_dict=True), "kid": key, "use": "sig", **more}


def key_set(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries or [jwk()]}).encode()


def token(*, kid: str | None = "first", key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
    """A token with CLAIMS and these; a claim that is None is left out."""
    kept = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    payload = json.dumps(kept).encode()
    headers = {"kid": kid} if kid is not None else {}
    return jwt.PyJWS().encode(payload, key or private_key(), algorithm, headers)
