"""Authorizers and throttling through the gateway, over real sockets."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway_client import Answer, FakeFunctions, serving
from samlet.model import Cors, JwtAuthorizer, LambdaAuthorizer, Route, Throttle
from samlet.runtime.outcome import Outcome
from tokens import AUTHORIZER, ISSUER, key_set, private_key, token

PAGE = "http://127.0.0.1:8080"
JWT_ROUTES = (
    Route("GET", "/open", "Echo"),
    Route("ANY", "/shut", "Echo", authorizer=AUTHORIZER),
    Route("GET", "/scoped", "Echo", authorizer=AUTHORIZER, scopes=("read", "write")),
    Route("GET", "/old", "Echo", authorizer=AUTHORIZER, scopes=("read",), payload_format="1.0"),
    Route("GET", "/query", "Echo", authorizer=JwtAuthorizer(ISSUER, ("me",), "$request.querystring.token")),
)
UNAUTHORIZED = (401, {"message": "Unauthorized"})
FORBIDDEN = (403, {"message": "Forbidden"})
BROKEN = (500, {"message": "Internal Server Error"})


def said(answer: Answer) -> tuple[int, Any]:
    return answer.status, json.loads(answer.body)


def fresh(**claims: Any) -> str:
    """A token that is good now."""
    now = int(time.time())
    return token(**({"exp": now + 600, "iat": now - 1} | claims))


@pytest.fixture
def jwks(tmp_path: Path) -> dict[str, Path]:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set())
    return {ISSUER: file}


async def test_a_good_token_reaches_the_function_with_its_claims(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        answer = await client("GET", "/shut", f"Authorization: Bearer {fresh(groups=['a', 'b'])}")
        assert answer.status == 200
        context = client.functions.events[0]["requestContext"]["authorizer"]
        assert list(context) == ["jwt"]
        assert context["jwt"]["scopes"] is None
        assert context["jwt"]["claims"]["groups"] == "[a b]"
        await client("GET", "/scoped", f"Authorization: {fresh(scope='read other')}")
        assert client.functions.events[1]["requestContext"]["authorizer"]["jwt"]["scopes"] == ["read", "other"]


async def test_format_1_0_has_claims_and_scopes_without_a_kind(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        assert (await client("GET", "/old", f"Authorization: {fresh(scope='read')}")).status == 200
        context = client.functions.events[0]["requestContext"]["authorizer"]
        assert (context["claims"]["iss"], context["scopes"]) == (ISSUER, ["read"])


async def test_without_a_good_token_the_function_is_not_run(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        missing = await client("GET", "/shut")
        assert said(missing) == UNAUTHORIZED
        assert missing["www-authenticate"] == "Bearer"
        assert missing["apigw-requestid"]
        expired = await client("GET", "/shut", f"Authorization: Bearer {fresh(exp=int(time.time()) - 1)}")
        assert said(expired) == UNAUTHORIZED
        assert expired["www-authenticate"] == (
            'Bearer scope="" error="invalid_token" error_description="the token has expired"'
        )
        forged = await client("GET", "/shut", f"Authorization: Bearer {fresh(key=private_key('second'))}")
        assert said(forged) == UNAUTHORIZED
        assert said(await client("GET", "/scoped", f"Authorization: Bearer {fresh(scope='none')}")) == FORBIDDEN
        assert client.functions.events == []


async def test_the_gateways_log_says_why_a_token_does_not_pass_and_never_the_token(
    jwks: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    expired = fresh(exp=int(time.time()) - 1)
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        await client("GET", "/shut", f"Authorization: Bearer {expired}")
        await client("GET", f"/query?token={expired}")
    log = capsys.readouterr().err
    assert log.count(" 401 ") == log.count("(invalid_token: the token has expired)") == 2
    assert expired.split(".")[1] not in log


async def test_a_route_without_an_authorizer_asks_for_nothing(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        assert (await client("GET", "/open")).status == 200
        assert "authorizer" not in client.functions.events[0]["requestContext"]


async def test_the_token_may_stand_in_the_query(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        assert (await client("GET", f"/query?token={fresh()}")).status == 200
        assert said(await client("GET", "/query", f"Authorization: Bearer {fresh()}")) == UNAUTHORIZED


async def test_a_token_beyond_the_head_limit_is_refused_before_it_is_read(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        answer = await client("GET", "/shut", f"Authorization: Bearer {fresh(fat='x' * 20_000)}")
        assert answer.status == 431


async def test_two_tokens_at_once_are_none(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        good, bad = f"Authorization: Bearer {fresh()}", "Authorization: Bearer x"
        assert (await client("GET", "/shut", good, bad)).status in {400, 401}
        assert (await client("GET", "/shut", bad, good)).status in {400, 401}
        assert client.functions.events == []


async def test_where_no_route_takes_options_preflights_need_no_token(jwks: dict[str, Path]) -> None:
    cors = Cors((PAGE,), ("GET",), ("authorization",))
    async with serving(FakeFunctions(), cors, routes=JWT_ROUTES, jwks=jwks) as client:
        for path in ("/scoped", "/nowhere"):
            answer = await client("OPTIONS", path, f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
            assert (answer.status, answer["access-control-allow-headers"]) == (204, "authorization")
        refused = await client("GET", "/shut", f"Origin: {PAGE}")
        assert (refused.status, refused["access-control-allow-origin"]) == (401, PAGE)
        assert client.functions.events == []


@pytest.mark.parametrize("key", [("ANY", "/{proxy+}"), ("OPTIONS", "/a"), ("ANY", "$default")])
async def test_a_guarded_route_that_takes_options_refuses_preflights(
    key: tuple[str, str], jwks: dict[str, Path]
) -> None:
    routes = (Route(*key, "Echo", authorizer=AUTHORIZER), Route("GET", "/a", "Echo"))
    async with serving(FakeFunctions(), Cors((PAGE,), ("GET",)), routes=routes, jwks=jwks) as client:
        answer = await client("OPTIONS", "/a", f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
        assert said(answer) == UNAUTHORIZED
        assert answer["access-control-allow-origin"] == PAGE
        assert client.functions.events == []


async def test_an_open_route_for_options_beside_a_guarded_default_lets_preflights_pass(jwks: dict[str, Path]) -> None:
    routes = (Route("ANY", "$default", "Echo", authorizer=AUTHORIZER), Route("OPTIONS", "/{proxy+}", "Echo"))
    async with serving(FakeFunctions(), Cors((PAGE,), ("GET",)), routes=routes, jwks=jwks) as client:
        answer = await client("OPTIONS", "/a/b", f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
        assert (answer.status, answer["access-control-allow-methods"]) == (200, "GET")
        assert (await client("GET", "/a/b", f"Origin: {PAGE}")).status == 401


async def test_without_cors_an_options_route_is_guarded_like_any_other(jwks: dict[str, Path]) -> None:
    async with serving(FakeFunctions(), routes=JWT_ROUTES, jwks=jwks) as client:
        answer = await client("OPTIONS", "/shut", f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
        assert answer.status == 401


async def test_an_issuer_that_cannot_be_reached_is_unauthorized_and_holds_nobody_up() -> None:
    unreachable = JwtAuthorizer("http://127.0.0.1:1", ("me",))
    routes = (Route("GET", "/shut", "Echo", authorizer=unreachable), Route("GET", "/open", "Echo"))
    async with serving(FakeFunctions(), routes=routes) as client:
        shut, opened = await asyncio.gather(client("GET", "/shut", f"Authorization: {fresh()}"), client("GET", "/open"))
        assert opened.status == 200
        assert said(shut) == UNAUTHORIZED
        assert "OIDC discovery endpoint communication error" in (shut["www-authenticate"] or "")


async def test_beyond_its_burst_a_route_is_throttled_and_others_are_not() -> None:
    routes = (
        Route("GET", "/slow", "Echo", throttle=Throttle(burst=2, rate=0)),
        Route("GET", "/none", "Echo", throttle=Throttle(burst=0, rate=100)),
        Route("GET", "/free", "Echo"),
    )
    async with serving(FakeFunctions(), Cors((PAGE,), ("GET",)), routes=routes) as client:
        assert [(await client("GET", "/slow")).status for _ in range(4)] == [200, 200, 429, 429]
        answer = await client("GET", "/none", f"Origin: {PAGE}")
        assert said(answer) == (429, {"message": "Too Many Requests"})
        assert answer["access-control-allow-origin"] == PAGE
        assert {(await client("GET", "/free")).status for _ in range(4)} == {200}
        preflight = ("OPTIONS", "/none", f"Origin: {PAGE}", "Access-Control-Request-Method: GET")
        assert {(await client(*preflight)).status for _ in range(3)} == {204}
    assert len(client.functions.events) == 6


SIMPLE = LambdaAuthorizer("Ask", "Ask", ("$request.header.X-Key",), simple=True, ttl=300)
POLICY = LambdaAuthorizer("Old", "Ask", ("$request.header.X-Key", "$request.querystring.q"), "1.0")
LAMBDA_ROUTES = (
    Route("GET", "/a", "Echo", authorizer=SIMPLE),
    Route("GET", "/b/{id}", "Echo", authorizer=SIMPLE),
    Route("GET", "/old/{id}", "Echo", authorizer=POLICY, payload_format="1.0"),
)


class Asked(FakeFunctions):
    """Answers for the authorizer with `verdict`, and as ever for the routes."""

    def __init__(self, verdict: Any) -> None:
        super().__init__()
        self.verdict = verdict

    async def invoke(
        self, name: str, payload: bytes, *, trace_id: str | None = None, request_id: str | None = None
    ) -> Outcome:
        if name == "Echo":
            return await super().invoke(name, payload, trace_id=trace_id, request_id=request_id)
        self.names.append(name)
        self.asked = json.loads(payload)
        if isinstance(self.verdict, Outcome):
            return self.verdict
        return Outcome("id", json.dumps(self.verdict).encode())


async def test_a_lambda_authorizers_context_is_told_to_the_function() -> None:
    functions = Asked({"isAuthorized": True, "context": {"user": "ann", "n": 1, "list": ["a"]}})
    async with serving(functions, routes=LAMBDA_ROUTES) as client:
        answer = await client("GET", "/b/1?x=1&x=2", "X-Key: k", "Cookie: c=1")
        assert answer.status == 200
    told = functions.events[0]["requestContext"]["authorizer"]
    assert told == {"lambda": {"user": "ann", "n": 1, "list": ["a"]}}
    asked = functions.asked
    assert (asked["version"], asked["type"], asked["identitySource"]) == ("2.0", "REQUEST", ["k"])
    assert asked["routeArn"] == "arn:aws:execute-api:eu-central-1:000000000000:Api/$default/GET/b/1"
    assert (asked["routeKey"], asked["pathParameters"]) == ("GET /b/{id}", {"id": "1"})
    assert (asked["rawQueryString"], asked["queryStringParameters"]) == ("x=1&x=2", {"x": "1,2"})
    assert asked["cookies"] == ["c=1"]
    assert not {"body", "isBase64Encoded"} & asked.keys()
    assert asked["requestContext"]["requestId"] == functions.events[0]["requestContext"]["requestId"]


async def test_format_1_0_asks_and_tells_as_rest_apis_do() -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Action": "*", "Effect": "Allow", "Resource": "*"}]}
    functions = Asked({"principalId": "ann", "policyDocument": policy, "context": {"user": "ann"}})
    async with serving(functions, routes=LAMBDA_ROUTES, stage_variables={"v": "1"}) as client:
        assert (await client("GET", "/old/1?q=2", "X-Key: k")).status == 200
    assert functions.events[0]["requestContext"]["authorizer"] == {"principalId": "ann", "user": "ann"}
    asked = functions.asked
    assert (asked["version"], asked["type"]) == ("1.0", "REQUEST")
    assert asked["identitySource"] == asked["authorizationToken"] == "k,2"
    assert asked["methodArn"].endswith("/GET/old/1")
    assert (asked["resource"], asked["path"], asked["httpMethod"]) == ("/old/{id}", "/old/1", "GET")
    assert (asked["headers"]["X-Key"], asked["stageVariables"]) == ("k", {"v": "1"})
    assert not {"body", "isBase64Encoded", "multiValueHeaders"} & asked.keys()


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ({"isAuthorized": False}, FORBIDDEN),
        ({"isAuthorized": False, "context": {}}, FORBIDDEN),
        ({"isAuthorized": "true"}, BROKEN),
        ({}, BROKEN),
        ([], BROKEN),
        ({"isAuthorized": True, "context": "text"}, BROKEN),
        (Outcome("id", b"no json"), BROKEN),
        (Outcome("id", b'{"errorMessage": "boom"}', "Unhandled"), BROKEN),
        (Outcome("id", b'{"errorMessage": "Unauthorized", "errorType": "Exception"}', "Unhandled"), UNAUTHORIZED),
    ],
)
async def test_what_an_authorizer_says_decides_the_status(verdict: Any, expected: tuple[int, Any]) -> None:
    functions = Asked(verdict)
    async with serving(functions, routes=LAMBDA_ROUTES) as client:
        assert said(await client("GET", "/a", "X-Key: k")) == expected
    assert functions.events == []


@pytest.mark.parametrize("headers", [(), ("X-Key: ",), ("Other: k",)])
async def test_without_its_identity_source_the_authorizer_is_not_asked(headers: tuple[str, ...]) -> None:
    functions = Asked({"isAuthorized": True})
    async with serving(functions, routes=LAMBDA_ROUTES) as client:
        assert said(await client("GET", "/a", *headers)) == UNAUTHORIZED
    assert functions.names == []


async def test_an_answer_is_kept_for_the_same_identity_on_every_route() -> None:
    functions = Asked({"isAuthorized": True})
    async with serving(functions, routes=LAMBDA_ROUTES) as client:
        for path, key in (("/a", "k"), ("/b/1", "k"), ("/a", "other"), ("/a", "k")):
            assert (await client("GET", path, f"X-Key: {key}")).status == 200
    assert functions.names.count("Ask") == 2


def test_a_start_without_jwt_authorizers_loads_no_cryptography() -> None:
    code = "import sys, samlet.emulator.emulator; print({'jwt', 'cryptography'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
