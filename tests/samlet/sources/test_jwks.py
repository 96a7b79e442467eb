"""The keys of an issuer: where they come from, how long they are kept, how often they are asked for."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from samlet.sources.jwks import KEPT, PAUSE, Key, KeySet, KeysUnavailable, from_file, from_issuer, read_keys
from tokens import ISSUER, NOW, jwk, key_set


class Issuer:
    """Counts how often it is asked; what it `publishes` may change."""

    def __init__(self, publishes: bytes) -> None:
        self.publishes: bytes | Exception = publishes
        self.asked = 0
        self.keys = KeySet(ISSUER, self._load)

    async def _load(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.publishes, Exception):
            raise self.publishes
        return self.publishes


async def test_keys_are_fetched_once_and_kept_two_hours() -> None:
    issuer = Issuer(key_set())
    for now in (NOW, NOW + 60, NOW + KEPT - 1):
        assert await issuer.keys.find("first", now)
    assert (issuer.asked, KEPT) == (1, 7_200)
    assert await issuer.keys.find("first", NOW + KEPT)
    assert issuer.asked == 2


async def test_an_unknown_kid_has_the_keys_fetched_again_but_not_more_often_than_every_ten_seconds() -> None:
    issuer = Issuer(key_set(jwk("first")))
    assert await issuer.keys.find("first", NOW)
    issuer.publishes = key_set(jwk("first"), jwk("second"))
    for tick in range(PAUSE):
        assert await issuer.keys.find("second", NOW + tick) is None
    assert issuer.asked == 1
    assert await issuer.keys.find("second", NOW + PAUSE)
    assert issuer.asked == 2
    for tick in range(100):
        assert await issuer.keys.find(f"made up {tick}", NOW + PAUSE + tick / 100) is None
    assert issuer.asked == 2


async def test_many_tokens_at_once_cause_one_fetch() -> None:
    issuer = Issuer(key_set())
    found = await asyncio.gather(*(issuer.keys.find("first", NOW) for _ in range(50)))
    assert all(found)
    assert issuer.asked == 1


async def test_a_key_that_is_published_no_more_is_forgotten_with_the_next_fetch() -> None:
    issuer = Issuer(key_set(jwk("first")))
    await issuer.keys.find("first", NOW)
    issuer.publishes = key_set(jwk("second"))
    assert await issuer.keys.find("second", NOW + PAUSE)
    assert await issuer.keys.find("first", NOW + PAUSE + 1) is None


async def test_an_issuer_that_fails_is_told_of_and_its_last_keys_stay(capsys: pytest.CaptureFixture[str]) -> None:
    issuer = Issuer(key_set())
    await issuer.keys.find("first", NOW)
    issuer.publishes = TimeoutError()
    assert await issuer.keys.find("first", NOW + KEPT)
    assert f"the keys of {ISSUER} cannot be had: TimeoutError; [jwks] in samlet.toml" in capsys.readouterr().err


async def test_without_any_keys_there_is_an_error_and_attempts_are_bounded_too() -> None:
    issuer = Issuer(b"no json")
    for tick in range(3):
        with pytest.raises(KeysUnavailable, match="JWKS communication error"):
            await issuer.keys.find("first", NOW + tick)
    assert issuer.asked == 1
    issuer.publishes = key_set()
    assert await issuer.keys.find("first", NOW + PAUSE)


async def test_a_local_file_takes_the_issuers_place(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set())
    assert await KeySet(ISSUER, from_file(file)).find("first", NOW)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 5}', "null", pytest.param("[" * 100_000, id="a pit")])
def test_what_is_no_key_set_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|Expecting|JSON"):
        read_keys(text.encode())


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "EC", "kid": "other"},
        {"kty": "oct", "k": "AAAA", "kid": "other"},
        jwk("second", use="enc", kid="other"),
        {"kty": "RSA", "kid": "other"},
        {"kty": "RSA", "n": 5, "e": [], "kid": "other"},
        "text",
    ],
)
def test_only_rsa_keys_for_signatures_are_taken(entry: Any) -> None:
    assert list(read_keys(key_set(jwk(), entry))) == ["first"]


@asynccontextmanager
async def published(handlers: Callable[[str], dict[str, Any]]) -> AsyncIterator[str]:
    """An issuer over HTTP: paths and what they answer; None never answers."""
    release = asyncio.Event()
    served: dict[str, Any] = {}

    async def answer(request: web.Request) -> web.Response:
        if request.path not in served:
            raise web.HTTPNotFound
        if served[request.path] is None:
            await release.wait()
        return web.Response(body=served[request.path] or b"")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    served.update(handlers(url))
    try:
        yield url
    finally:
        release.set()
        await runner.cleanup()


CONFIGURATION = "/.well-known/openid-configuration"


@pytest.mark.parametrize("ending", ["", "/"])
async def test_the_issuers_configuration_says_where_its_keys_are(ending: str) -> None:
    def handlers(url: str) -> dict[str, Any]:
        return {CONFIGURATION: json.dumps({"jwks_uri": f"{url}/keys"}).encode(), "/keys": key_set()}

    async with published(handlers) as url:
        assert isinstance(await KeySet(url, from_issuer(url + ending)).find("first", NOW), Key)


@pytest.mark.parametrize(
    ("handlers", "reason"),
    [
        (lambda _: {}, "OIDC discovery endpoint communication error"),
        (lambda _: {CONFIGURATION: b"<html>"}, "OIDC discovery endpoint communication error"),
        (lambda _: {CONFIGURATION: b"{}"}, "OIDC discovery endpoint communication error"),
        (lambda _: {CONFIGURATION: None}, "OIDC discovery endpoint communication error"),
        (lambda url: {CONFIGURATION: json.dumps({"jwks_uri": f"{url}/keys"}).encode()}, "JWKS communication error"),
        (lambda _: {CONFIGURATION: b'{"jwks_uri": "file:///etc/passwd"}'}, "JWKS communication error"),
        (
            lambda url: {
                CONFIGURATION: json.dumps({"jwks_uri": f"{url}/keys"}).encode(),
                "/keys": key_set() + b" " * 2_000_000,
            },
            "JWKS communication error",
        ),
    ],
)
async def test_an_issuer_that_does_not_publish_keys_is_told_in_the_words_of_aws(handlers: Any, reason: str) -> None:
    async with published(handlers) as url:
        with pytest.raises(KeysUnavailable, match=reason):
            await KeySet(url, from_issuer(url, patience=0.2)).find("first", NOW)


async def test_nobody_at_the_issuers_address_is_no_crash() -> None:
    with pytest.raises(KeysUnavailable, match="OIDC discovery"):
        await KeySet("x", from_issuer("http://127.0.0.1:1")).find("first", NOW)
    with pytest.raises(KeysUnavailable, match="OIDC discovery"):
        await KeySet("x", from_issuer("no address at all")).find("first", NOW)
