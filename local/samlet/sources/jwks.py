"""The public keys of an issuer: from where it publishes them, or from a local file; kept, and never asked for often."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from samlet.log import say

KEPT = 7_200  # seconds: AWS keeps an issuer's keys two hours
PAUSE = 10  # seconds between two attempts, whatever tokens come
PATIENCE = 5.0  # seconds for one answer of an issuer
_MOST = 1024 * 1024  # bytes

type Load = Callable[[], Awaitable[bytes]]


class KeysUnavailable(Exception):
    """The keys cannot be had; the text is API Gateway's."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the one algorithm that it is for, if it says so."""

    public: RSAPublicKey
    algorithm: str | None


class KeySet:
    """The keys of one issuer, loaded when the first token comes, when they are old, and when a kid is unknown."""

    def __init__(self, issuer: str, load: Load) -> None:
        self._issuer = issuer
        self._load = load
        self._keys: dict[str, Key] = {}
        self._loaded: float | None = None
        self._tried: float | None = None
        self._trouble: KeysUnavailable | None = None
        self._loading = asyncio.Lock()

    async def find(self, kid: str, now: float) -> Key | None:
        """Return the key; `now` is epoch seconds. Raises KeysUnavailable if none could be loaded yet."""
        if self._wanting(kid, now):
            async with self._loading:
                if self._wanting(kid, now):  # else somebody else has just tried
                    await self._reload(now)
        if self._loaded is None and self._trouble:
            raise self._trouble
        return self._keys.get(kid)

    def _wanting(self, kid: str, now: float) -> bool:
        if self._tried is not None and 0 <= now - self._tried < PAUSE:
            return False
        return self._loaded is None or kid not in self._keys or not 0 <= now - self._loaded < KEPT

    async def _reload(self, now: float) -> None:
        try:
            self._keys = read_keys(await self._load())
            self._loaded = now
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeysUnavailable) as error:
            self._trouble = error if isinstance(error, KeysUnavailable) else KeysUnavailable("JWKS communication error")
            reason = str(error.__cause__ or error) or type(error).__name__
            text = f"the keys of {self._issuer} cannot be had: {reason}; [jwks] in samlet.toml can name a file of them"
            say("gateway", text, level="warning")
        finally:
            self._tried = now  # not before: who comes meanwhile has to wait


def from_file(path: Path) -> Load:
    """Read the keys from a local file."""

    async def load() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return load


def from_issuer(issuer: str, patience: float = PATIENCE) -> Load:
    """Fetch the keys from where the issuer's OpenID configuration says; `patience` is seconds for each answer."""

    async def load() -> bytes:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session:
            try:
                document = json.loads(await _get(session, f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
                place = document["jwks_uri"]
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
                raise KeysUnavailable("OIDC discovery endpoint communication error") from error
            return await _get(session, str(place))

    return load


def read_keys(text: bytes) -> dict[str, Key]:
    """Return the RSA keys for signatures in a JSON Web Key Set, by kid; raises ValueError if it is none."""
    try:
        listed = json.loads(text)["keys"]
        found = [(entry, _key(entry)) for entry in listed]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("that is no JSON Web Key Set") from error
    return {str(entry["kid"]): key for entry, key in found if key}


def _key(entry: Any) -> Key | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA" or "kid" not in entry:
        return None
    if entry.get("use", "sig") != "sig":
        return None
    try:
        public = RSAAlgorithm.from_jwk({name: entry[name] for name in ("kty", "n", "e")})
    except (InvalidKeyError, KeyError, ValueError, TypeError):
        return None
    return Key(public, entry.get("alg")) if isinstance(public, RSAPublicKey) else None


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, max_redirects=3) as answer:
        answer.raise_for_status()
        text = bytearray()
        async for chunk in answer.content.iter_any():
            text += chunk
            if len(text) > _MOST:
                raise ValueError(f"{url} answers more than {_MOST} bytes")
        return bytes(text)
