"""Access tokens, which are signed and live minutes, and refresh tokens, which are random and stored as a hash.

InvalidToken    the token is not one of ours, or no longer
"""

import base64
import binascii
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

import jwt

from taskflow.settings import Environment, SettingError

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = "taskflow"
AUDIENCE = "taskflow-api"
ACCESS_LIFETIME = timedelta(minutes=15)
REFRESH_LIFETIME = timedelta(days=30)
_KEY_BYTES = 32
_MAX_LENGTH = 4096


class InvalidToken(Exception):
    """Not a token of ours, or one whose time is over."""


@dataclass(frozen=True)
class TokenKeys:
    """Key ids to keys; the first one signs, all of them verify, so keys can change without logging anybody out."""

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """From TOKEN_KEYS: `{"id": "base64 key", …}`, or a bare key."""
        value = environment.text("TOKEN_KEYS")
        try:
            named = json.loads(value) if value.lstrip().startswith("{") else {"default": value}
            keys = {kid: _key_bytes(key) for kid, key in named.items()}
        except (ValueError, AttributeError, binascii.Error):
            raise SettingError("TOKEN_KEYS", "is neither a map of ids to base64 keys nor a bare key") from None
        if not keys or any(len(key) < _KEY_BYTES for key in keys.values()):
            raise SettingError("TOKEN_KEYS", f"needs keys of {_KEY_BYTES} bytes or more")
        return cls(keys)

    def issue(self, user_id: UUID, now: datetime) -> str:
        """An access token for a user."""
        kid, key = next(iter(self.keys.items()))
        claims = {
            "sub": str(user_id),
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": kid, "typ": TYPE})

    def user_of(self, token: str, now: datetime) -> UUID:
        """The user that an access token speaks for, or InvalidToken."""
        try:
            if len(token) > _MAX_LENGTH:
                raise InvalidToken
            header = jwt.get_unverified_header(token)
            key = self.keys[header["kid"]]
            if header.get("typ") != TYPE:
                raise InvalidToken
            claims = self._claims(token, key)
            expires, issued = claims["exp"], claims["iat"]
            if not issued - 60 <= now.timestamp() < expires:
                raise InvalidToken
            return UUID(claims["sub"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise InvalidToken from None

    @staticmethod
    def _claims(token: str, key: bytes) -> dict[str, Any]:
        # The times are compared with the clock that we were given, not with PyJWT's own.
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={
                "require": ["sub", "iat", "exp", "iss", "aud", "jti"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )


@dataclass(frozen=True)
class NewRefreshToken:
    """A refresh token: the holder gets the text, the database the hash."""

    text: str = field(repr=False)
    hash: bytes
    expires_at: datetime

    @classmethod
    def make(cls, now: datetime) -> Self:
        """A fresh one."""
        text = secrets.token_urlsafe(32)
        return cls(text, hash_of(text), now.astimezone(UTC) + REFRESH_LIFETIME)


def hash_of(refresh_token: str) -> bytes:
    """SHA-256 is enough: the token has 256 random bits, nobody can guess it."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _key_bytes(key: Any) -> bytes:
    """A base64 key, in either alphabet, or text of which the bytes themselves are the key."""
    padded = key.encode("ascii") + b"=" * (-len(key) % 4)
    try:
        decoded = base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/")), validate=True)
    except binascii.Error:
        return key.encode("ascii")  # type: ignore[no-any-return]
    return decoded if len(decoded) >= _KEY_BYTES else bytes(padded.rstrip(b"="))
