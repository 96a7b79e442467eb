"""AWS's signatures, version 4: whether a request was signed with a secret that is known here.

A signature stands in `Authorization`, or in the query of a link that was signed beforehand.
"""

import hashlib
import hmac
from calendar import timegm
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import strptime
from urllib.parse import parse_qs, quote, unquote_plus

from samlet.sources.event_v2 import HttpRequest

type Secrets = Callable[[str], str | None]  # by access key

_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW = 300  # seconds that a clock may be wrong
_LONGEST = 604_800  # seconds that a link may be good for
_UNRESERVED = "-_.~"


class BadSignature(Exception):
    """Nobody known has signed this; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says of its signature; `expires` is None for one in a header."""

    credential: str
    signed_headers: str
    signature: str
    stamp: str
    expires: str | None = None


def signed_by(request: HttpRequest, service: str, region: str, secrets: Secrets, now: float) -> str:
    """Return the access key that signed a request at epoch seconds `now`; raises BadSignature."""
    headers = _joined(request.headers)
    claim = _claim(request, headers)
    access_key, *scope = claim.credential.rsplit("/", 4)
    if scope != [claim.stamp[:8], region, service, "aws4_request"]:
        raise BadSignature(f"the signature is for {'/'.join(scope)}, not for <day>/{region}/{service}/aws4_request")
    _check_time(claim, now)
    secret = secrets(access_key)
    if secret is None:
        raise BadSignature(f"the access key {access_key} is not known here")
    text = "\n".join([_ALGORITHM, claim.stamp, "/".join(scope), _sha256(_canonical(request, headers, claim).encode())])
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = _hmac(key, part)
    if not hmac.compare_digest(_hmac(key, text).hex().encode(), claim.signature.encode(errors="replace")):
        raise BadSignature("the signature does not match")
    return access_key


def _claim(request: HttpRequest, headers: Mapping[str, str]) -> _Claim:
    authorization = headers.get("authorization", "")
    if authorization.startswith(f"{_ALGORITHM} "):
        pairs = (part.strip().partition("=") for part in authorization.removeprefix(_ALGORITHM).split(","))
        given, stamp, expires = {name: value for name, _, value in pairs}, headers.get("x-amz-date", ""), None
    else:
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if query.get("X-Amz-Algorithm") != _ALGORITHM:
            raise BadSignature("the request is not signed")
        given = {name.removeprefix("X-Amz-"): value for name, value in query.items()}
        stamp, expires = given.get("Date", ""), given.get("Expires", "")
    try:
        claim = _Claim(given["Credential"], given["SignedHeaders"], given["Signature"], stamp, expires)
    except KeyError as missing:
        raise BadSignature(f"the signature has no {missing.args[0]}") from missing
    if "host" not in claim.signed_headers.split(";"):
        raise BadSignature("the host is not signed")
    return claim


def _check_time(claim: _Claim, now: float) -> None:
    try:
        signed = timegm(strptime(claim.stamp, "%Y%m%dT%H%M%SZ"))
        lasts = _SKEW if claim.expires is None else int(claim.expires)
    except ValueError as error:
        raise BadSignature("the signature has no time, or a link no end") from error
    if not 0 < lasts <= _LONGEST or not signed - _SKEW <= now <= signed + lasts:
        raise BadSignature("the signature has expired, or its clock is wrong")


def _canonical(request: HttpRequest, headers: Mapping[str, str], claim: _Claim) -> str:
    names = claim.signed_headers.split(";")
    digest = _sha256(request.body)
    if headers.get("x-amz-content-sha256", digest) != digest:
        raise BadSignature("the body is not the one that was signed; bodies have to be signed")
    signed = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in names]
    path = quote(request.raw_path, safe=f"/{_UNRESERVED}")
    return "\n".join([request.method, path, _query(request.query), *signed, "", claim.signed_headers, digest])


def _query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    decoded = ((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)
    kept = sorted((_encoded(name), _encoded(value)) for name, value in decoded if name != "X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in kept)


def _encoded(text: str) -> str:
    return quote(text, safe=_UNRESERVED)


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
