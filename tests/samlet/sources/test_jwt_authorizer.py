"""JWT authorizers: which tokens pass, what functions are told of them, and what attackers get."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import RSAAlgorithm

from samlet.sources.authorization import Allowed, Refused
from samlet.sources.jwks import KeySet
from samlet.sources.jwt_authorizer import JwtGuard
from tokens import AUTHORIZER, CLAIMS, ISSUER, NOW, jwk, key_set, private_key, token


def guard(keys: bytes | None = None) -> JwtGuard:
    async def load() -> bytes:
        return key_set() if keys is None else keys

    return JwtGuard(AUTHORIZER, KeySet(ISSUER, load))


async def decided(value: str | None, scopes: Sequence[str] = (), keys: bytes | None = None) -> Allowed | Refused:
    return await guard(keys).decide(value, scopes, NOW)


async def passes(value: str, scopes: Sequence[str] = (), keys: bytes | None = None) -> dict[str, Any]:
    found = await decided(value, scopes, keys)
    assert isinstance(found, Allowed), found
    shown: dict[str, Any] = found.context["jwt"]
    return shown


async def refused(value: str | None, scopes: Sequence[str] = (), keys: bytes | None = None) -> Refused:
    found = await decided(value, scopes, keys)
    assert isinstance(found, Refused), found
    return found


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_claims_are_told_as_texts_and_arrays_in_brackets() -> None:
    shown = await passes(token(groups=["a", "b"], admin=True, level=3, nothing=[], nested={"b": 1, "a": [2]}))
    assert shown["claims"] == {
        "iss": ISSUER,
        "aud": "me",
        "sub": "ann",
        "exp": "1800000060",
        "iat": "1799999940",
        "groups": "[a b]",
        "admin": "true",
        "level": "3",
        "nothing": "[]",
        "nested": "map[a:[2] b:1]",
    }


async def test_scopes_are_null_on_a_route_without_scopes() -> None:
    assert (await passes(token(scope="read write")))["scopes"] is None


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer ", "BEARER  "])
async def test_a_token_may_stand_alone_or_after_bearer(prefix: str) -> None:
    assert await passes(prefix + token())


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
async def test_each_rsa_algorithm_passes(algorithm: str) -> None:
    assert await passes(token(algorithm=algorithm))


@pytest.mark.parametrize(
    "claims", [{"scope": "read other"}, {"scp": "read"}, {"scp": ["other", "read"]}, {"scope": "write read"}]
)
async def test_any_one_of_the_routes_scopes_is_enough(claims: dict[str, Any]) -> None:
    shown = await passes(token(**claims), ["read", "write"])
    assert "read" in shown["scopes"]


@pytest.mark.parametrize("claims", [{}, {"scope": "other"}, {"scope": "reader"}, {"scp": []}, {"scope": 5}])
async def test_a_valid_token_without_the_routes_scope_is_forbidden(claims: dict[str, Any]) -> None:
    answer = await refused(token(**claims), ["read"])
    assert answer.status == 403
    assert answer.challenge is not None
    assert answer.challenge.startswith('Bearer scope="read" error="insufficient_scope"')


@pytest.mark.parametrize(
    "claims", [{"aud": ["other", "you"]}, {"aud": "you"}, {"aud": None, "client_id": "me"}, {"nbf": NOW}, {"iat": NOW}]
)
async def test_audience_client_and_times_that_fit_pass(claims: dict[str, Any]) -> None:
    assert await passes(token(**claims))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.example"}, "the token does not have a valid issuer"),
        ({"iss": f"{ISSUER}/"}, "the token does not have a valid issuer"),
        ({"iss": None}, "the token does not have a valid issuer"),
        ({"aud": "other"}, "the token does not have a valid audience"),
        ({"aud": ["other"], "client_id": "me"}, "the token does not have a valid audience"),
        ({"aud": None}, "the token does not have a valid audience"),
        ({"aud": {"me": 1}}, "the token does not have a valid audience"),
        ({"aud": None, "client_id": "other"}, "the token does not have a valid audience"),
        ({"exp": NOW}, "the token has expired"),
        ({"exp": NOW - 1}, "the token has expired"),
        ({"exp": None}, "the token has expired"),
        ({"exp": "never"}, "the claim exp of the token is no time"),
        ({"exp": True}, "the claim exp of the token is no time"),
        ({"exp": float("nan")}, "the claim exp of the token is no time"),
        ({"nbf": NOW + 1}, "the token is not valid yet"),
        ({"iat": NOW + 1}, "the token was issued in the future"),
    ],
)
async def test_a_claim_that_does_not_fit_is_unauthorized_and_named(claims: dict[str, Any], reason: str) -> None:
    answer = await refused(token(**claims))
    assert answer.status == 401
    assert answer.error == f"invalid_token: {reason}"
    assert answer.challenge == f'Bearer scope="" error="invalid_token" error_description="{reason}"'


@pytest.mark.parametrize("value", [None, ""])
async def test_without_a_token_the_challenge_is_bare(value: str | None) -> None:
    assert await refused(value) == Refused(401, "Unauthorized", "Bearer")


async def test_what_is_no_token_is_told_in_the_words_of_aws() -> None:
    answer = await refused("Bearer not-a-token")
    assert answer.challenge == (
        'Bearer scope="" error="invalid_token" error_description="token contains an invalid number of segments"'
    )


def public_pem() -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key().public_key().public_bytes(serialization.Encoding.PEM, kind)


def signed_by_hand(header: dict[str, Any], secret: bytes) -> str:
    """HS256 over the public key: libraries refuse to make such a token, attackers do not."""
    import hmac

    text = f"{part(header)}.{part(CLAIMS)}"
    mac = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(where: int) -> str:
    parts = token().split(".")
    parts[where] = part(CLAIMS | {"sub": "root"}) if where == 1 else parts[where][:-8] + "AAAAAAAA"
    return ".".join(parts)


ATTACKS = {
    "alg none": f"{part({'alg': 'none', 'kid': 'first'})}.{part(CLAIMS)}.",
    "alg None": f"{part({'alg': 'None', 'kid': 'first'})}.{part(CLAIMS)}.",
    "no alg": f"{part({'kid': 'first'})}.{part(CLAIMS)}.AAAA",
    "HS256 with the public key": signed_by_hand({"alg": "HS256", "kid": "first"}, public_pem()),
    "RS256 said, HS256 done": signed_by_hand({"alg": "RS256", "kid": "first"}, public_pem()),
    "a wrong kid": token(kid="second"),
    "no kid": token(kid=None),
    "another key under that kid": token(key=private_key("second")),
    "tampered claims": tampered(1),
    "tampered signature": tampered(2),
    "no signature": token().rpartition(".")[0] + ".",
    "PS256": token(algorithm="PS256"),
    "ES256": token(key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"),
    "a key of its own in the header": f"{part({'alg': 'RS256', 'jwk': jwk('second'), 'kid': 'second'})}"
    + token(key=private_key("second"), kid="second")[len(part({"typ": "JWT"})) :],
    "a critical header": f"{part({'alg': 'RS256', 'kid': 'first', 'crit': ['x'], 'x': 1})}.{part(CLAIMS)}.AAAA",
    "claims in the header only": f"{part(CLAIMS)}.{part({})}.AAAA",
    "a kid that is no text": f"{part({'alg': 'RS256', 'kid': ['first']})}.{part(CLAIMS)}.AAAA",
    "a header that is no object": f"{part([1])}.{part(CLAIMS)}.AAAA",
    "a header in pits": f"{base64.urlsafe_b64encode(b'[' * 6000).decode()}.{part(CLAIMS)}.AAAA",
    "no base64": "§.§.§",
    "dots": "..",
    "half a character": "\udcff.a.b",
    "nine megabytes": f"{part({'alg': 'RS256', 'kid': 'first'})}.{'A' * 9_000_000}.AAAA",
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_unauthorized(attack: str) -> None:
    answer = await refused(ATTACKS[attack])
    assert answer.status == 401
    assert answer.challenge is not None
    assert answer.challenge.startswith('Bearer scope="" error="invalid_token"')


async def test_a_key_serves_only_the_algorithm_that_it_names() -> None:
    keys = key_set(jwk(alg="RS256"))
    assert await passes(token(algorithm="RS256"), keys=keys)
    assert (await refused(token(algorithm="RS512"), keys=keys)).status == 401


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_key_of_1024_bits_is_too_weak() -> None:
    weak = private_key("weak", bits=1024)
    keys = key_set({**RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True), "kid": "first"})
    assert (await refused(token(key=weak), keys=keys)).status == 401


async def test_claims_that_are_no_object_are_unauthorized() -> None:
    import jwt

    value = jwt.PyJWS().encode(b"[1]", private_key(), "RS256", {"kid": "first"})
    assert (await refused(value)).status == 401
    deep = jwt.PyJWS().encode(b"[" * 100_000, private_key(), "RS256", {"kid": "first"})
    assert (await refused(deep)).status == 401
