"""Access tokens: one algorithm, named keys, a short life."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from taskflow.settings import Environment, SettingError
from taskflow.tokens import InvalidToken, NewRefreshToken, TokenKeys, hash_of

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OLD, NEW = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))


def keys(value: str) -> TokenKeys:
    return TokenKeys.read(Environment({"TOKEN_KEYS": value}))


def test_a_token_speaks_for_its_user_until_it_ends() -> None:
    user, ours = uuid4(), keys(json.dumps({"k": OLD}))
    token = ours.issue(user, NOW)
    assert ours.user_of(token, NOW + timedelta(minutes=14, seconds=59)) == user
    with pytest.raises(InvalidToken):
        ours.user_of(token, NOW + timedelta(minutes=15))


def test_a_token_carries_what_the_contract_names() -> None:
    token = keys(json.dumps({"k": OLD})).issue(uuid4(), NOW)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "k", "typ": "at+jwt"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == {"sub", "iat", "exp", "iss", "aud", "jti"}


def test_keys_change_without_logging_anybody_out() -> None:
    user = uuid4()
    before = keys(json.dumps({"old": OLD}))
    during = keys(json.dumps({"new": NEW, "old": OLD}))
    after = keys(json.dumps({"new": NEW}))
    old_token, new_token = before.issue(user, NOW), during.issue(user, NOW)
    assert during.user_of(old_token, NOW) == user
    assert after.user_of(new_token, NOW) == user
    with pytest.raises(InvalidToken):
        after.user_of(old_token, NOW)


@pytest.mark.parametrize(
    "bare", [OLD, "a" * 43, base64.urlsafe_b64encode(b"\xff" * 32).decode(), "ab" * 32, "ab-!" * 16]
)
def test_a_bare_key_is_a_key(bare: str) -> None:
    ours, user = keys(bare), uuid4()
    assert ours.user_of(ours.issue(user, NOW), NOW) == user


@pytest.mark.parametrize("value", ["short", "{", "{}", '{"k": 1}', '{"k": "c2hvcnQ="}', "é" * 40])
def test_keys_that_are_none_are_refused_without_being_shown(value: str) -> None:
    with pytest.raises(SettingError, match="TOKEN_KEYS") as refused:
        keys(value)
    assert value not in str(refused.value) or value in "{}"


def test_a_token_that_would_take_long_to_read_is_not_read() -> None:
    with pytest.raises(InvalidToken):
        keys(OLD).user_of("x." * 4000, NOW)


def test_g6_a_refresh_token_is_kept_as_a_hash() -> None:
    one, other = NewRefreshToken.make(NOW), NewRefreshToken.make(NOW)
    assert one.text != other.text
    assert one.hash == hash_of(one.text)
    assert one.text not in repr(one)
    assert one.expires_at == NOW + timedelta(days=30)
