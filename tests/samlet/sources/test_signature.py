"""Requests that AWS's own SDK has signed, and what becomes of those that nobody has."""

import json
import time
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway_client import Answer, Client, FakeFunctions, serving
from samlet.model import IamAuthorizer, Route
from samlet.sources.event_v2 import HttpRequest
from samlet.sources.signature import BadSignature, signed_by

HOST = "api.local:3000"
SECRETS = {"local": "local", "AKIAOTHER": "s3cret/+"}
ROUTES = (
    Route("ANY", "/iam/{proxy+}", "Echo", authorizer=IamAuthorizer()),
    Route("ANY", "/first/{proxy+}", "Echo", authorizer=IamAuthorizer(), payload_format="1.0"),
)


@dataclass
class Signed:
    """What goes over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def signed(
    method: str,
    target: str,
    body: bytes = b"",
    *,
    key: str = "local",
    secret: str | None = None,
    token: str | None = None,
    service: str = "execute-api",
    region: str = "eu-central-1",
    link: int | None = None,
    headers: dict[str, str] | None = None,
) -> Signed:
    """A request as botocore signs it; with `link` in its query, for so many seconds."""
    request = AWSRequest(method, f"http://{HOST}{target}", {"Host": HOST, **(headers or {})}, body)
    credentials = Credentials(key, secret or SECRETS.get(key, key), token)
    if link is None:
        SigV4Auth(credentials, service, region).add_auth(request)
    else:
        SigV4QueryAuth(credentials, service, region, expires=link).add_auth(request)
    return Signed(method, str(request.url).partition(HOST)[2], dict(request.headers.items()), body)


async def send(client: Client, request: Signed, **changed: Any) -> Answer:
    request = replace(request, **changed)
    lines = [f"{name}: {value}" for name, value in request.headers.items() if name != "Host"]
    return await client(request.method, request.target, *lines, body=request.body)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/iam/a", b""),
        ("GET", "/iam/a%20b/caf%C3%A9/~x-y_z.1", b""),
        ("GET", "/iam/a(b)'c*d", b""),
        ("GET", "/iam/a?b=2&a=1&a=0&empty=&flag", b""),
        ("GET", "/iam/a?q=a%20b%26c%2Fd%3D&%C3%A4=%E2%82%AC&t=~", b""),
        ("POST", "/iam/a", b'{"n": 1}'),
        ("PUT", "/iam/a?x=1", b"\x00\xff"),
        ("GET", "/first/a?x=1", b""),
    ],
)
@pytest.mark.parametrize("link", [None, 60], ids=["header", "link"])
async def test_what_the_sdk_signs_is_let_through(method: str, target: str, body: bytes, link: int | None) -> None:
    if link:
        body = b""  # botocore puts bodies into the query of a link
    async with serving(FakeFunctions(), routes=ROUTES, secrets=SECRETS) as client:
        for key, token in (("local", None), ("local", "local"), ("AKIAOTHER", "a/b+c=")):
            answer = await send(client, signed(method, target, body, key=key, token=token, link=link))
            assert answer.status == 200, answer.body
    assert len(client.functions.events) == 3


async def test_headers_are_signed_as_the_client_meant_them() -> None:
    async with serving(FakeFunctions(), routes=ROUTES, secrets=SECRETS) as client:
        request = signed("GET", "/iam/a", headers={"X-Odd": "  two   words ", "X-Amz-Meta": "1"})
        assert (await send(client, request)).status == 200


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"secret": "wrong"}, {}),
        ({"key": "AKIANOBODY"}, {}),
        ({"service": "lambda"}, {}),
        ({"region": "us-east-1"}, {}),
        ({}, {"method": "PUT"}),
        ({}, {"target": "/iam/b"}),
        ({}, {"target": "/iam/a?x=2"}),
        ({}, {"body": b"other"}),
        ({"headers": {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}}, {}),
    ],
)
async def test_what_nobody_known_has_signed_is_a_403(options: dict[str, Any], changed: dict[str, Any]) -> None:
    async with serving(FakeFunctions(), routes=ROUTES, secrets=SECRETS) as client:
        answer = await send(client, signed("POST", "/iam/a?x=1", b"body", **options), **changed)
        assert (answer.status, json.loads(answer.body)) == (403, {"message": "Forbidden"})
        answer = await client("GET", "/iam/a")
        assert (answer.status, json.loads(answer.body)) == (403, {"message": "Forbidden"})
    assert client.functions.events == []


async def test_a_header_that_was_signed_cannot_be_changed() -> None:
    async with serving(FakeFunctions(), routes=ROUTES, secrets=SECRETS) as client:
        request = signed("GET", "/iam/a", headers={"X-Amz-Meta": "1"})
        request.headers["X-Amz-Meta"] = "2"
        assert (await send(client, request)).status == 403


async def test_the_function_is_told_who_has_signed() -> None:
    caller = {"accountId": "000000000000", "userArn": "arn:aws:iam::000000000000:user/local", "accessKey": "local"}
    async with serving(FakeFunctions(), routes=ROUTES, secrets=SECRETS) as client:
        await send(client, signed("GET", "/iam/a"))
        await send(client, signed("GET", "/first/a"))
    second, first = client.functions.events
    told = {"callerId": "local", "userId": "local", "cognitoIdentity": None, "principalOrgId": None}
    assert second["requestContext"]["authorizer"] == {"iam": caller | told}
    identity = first["requestContext"]["identity"]
    assert {name: identity[name] for name in (*caller, "caller", "user")} == caller | {
        "caller": "local",
        "user": "local",
    }


async def test_a_function_url_wants_signatures_for_lambda_and_refuses_in_its_own_words() -> None:
    routes = (Route("ANY", "$default", "Echo", authorizer=IamAuthorizer("lambda")),)
    async with serving(FakeFunctions(), routes=routes, secrets=SECRETS, function_url=True) as client:
        assert (await send(client, signed("POST", "/a%20b?x=1", b"x", service="lambda"))).status == 200
        for refused in (await send(client, signed("GET", "/a")), await client("GET", "/a")):
            assert (refused.status, json.loads(refused.body)) == (403, {"Message": "Forbidden"})
            assert refused["x-amzn-errortype"] == "AccessDeniedException"
    (event,) = client.functions.events
    assert event["requestContext"]["accountId"] == "000000000000"


def check(request: Signed, now: float) -> str:
    path, _, query = request.target.partition("?")
    headers = tuple((name.lower(), value) for name, value in request.headers.items())
    read = HttpRequest(request.method, (), query, headers, request.body, "127.0.0.1", raw_path=path)
    return signed_by(read, "execute-api", "eu-central-1", SECRETS.get, now)


def test_a_signature_is_good_for_five_minutes_and_a_link_for_as_long_as_it_says() -> None:
    now = time.time()
    for link, good, bad in (
        (None, (-290, 0, 290), (-310, 310)),
        (60, (-290, 0, 50), (-310, 70)),
        (3600, (3590,), (3610,)),
        (604_801, (), (0,)),
    ):
        request = signed("GET", "/iam/a", link=link)
        for seconds in good:
            assert check(request, now + seconds) == "local"
        for seconds in bad:
            with pytest.raises(BadSignature, match="expired"):
                check(request, now + seconds)


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        ("Bearer x", "is not signed"),
        ("AWS4-HMAC-SHA256 ", "has no Credential"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=x", "has no SignedHeaders"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=x-a, Signature=x", "the host is not signed"),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=x", "the signature is for "),
        ("AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/execute-api/aws4_request, SignedHeaders=host, "
         "Signature=\xe9", "no time"),
    ],
)  # fmt: skip
def test_what_is_no_signature_is_told_apart(authorization: str, reason: str) -> None:
    stamp = "20260101T99" if reason == "no time" else "20260101T000000Z"
    headers = (("authorization", authorization), ("x-amz-date", stamp), ("host", HOST))
    read = HttpRequest("GET", (), "", headers, b"", "127.0.0.1", raw_path="/")
    with pytest.raises(BadSignature, match=reason):
        signed_by(read, "execute-api", "eu-central-1", SECRETS.get, 1_767_225_600)
