"""Authorizers of an HTTP API; with tokens the suite is the issuer, which AWS would want to reach by https."""

import os
import time
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conformance.issuer import Issuer


def key(word: str = "let") -> dict[str, str]:
    """An identity that no authorizer has been asked about before."""
    return {"X-Key": f"{word}-{uuid4().hex}"}


def authorizer(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["requestContext"]["authorizer"]
    return told


def test_whom_a_lambda_authorizer_lets_through_reaches_the_function_with_its_context(http: httpx.Client) -> None:
    assert authorizer(http.get("/simple", headers=key()))["lambda"]["type"] == "REQUEST"


def test_a_lambda_authorizer_is_told_the_route_and_the_identity_source(http: httpx.Client) -> None:
    mine = key()
    told = authorizer(http.get("/simple", headers=mine))["lambda"]
    assert (told["routeKey"], told["source"]) == ("GET /simple", mine["X-Key"])


@pytest.mark.parametrize("path", ["/simple", "/policy"])
def test_whom_a_lambda_authorizer_refuses_gets_a_403(http: httpx.Client, path: str) -> None:
    assert http.get(path, headers=key()).status_code == 200
    assert http.get(path, headers=key("stop")).status_code == 403


@pytest.mark.parametrize("path", ["/simple", "/policy"])
def test_a_request_without_the_identity_source_is_a_401(http: httpx.Client, path: str) -> None:
    assert http.get(path, headers=key()).status_code == 200
    assert http.get(path).status_code == 401


def test_refusals_have_the_words_of_api_gateway(http: httpx.Client) -> None:
    assert http.get("/simple").json() == {"message": "Unauthorized"}
    assert http.get("/simple", headers=key("stop")).json() == {"message": "Forbidden"}


def test_an_answer_is_kept_for_its_identity_source(http: httpx.Client) -> None:
    mine, other = key(), key()
    asked = [authorizer(http.get("/simple", headers=headers))["lambda"]["asked"] for headers in (mine, mine, other)]
    assert asked[0] == asked[1] != asked[2]


def test_an_authorizer_may_answer_with_a_policy(http: httpx.Client) -> None:
    told = authorizer(http.get("/policy", headers=key()))["lambda"]
    assert told["arn"].startswith("arn:aws:execute-api:")
    assert told["arn"].endswith("/GET/policy")


def test_an_authorizer_that_fails_makes_a_500(http: httpx.Client) -> None:
    assert http.get("/simple", headers=key("break")).status_code == 500


def test_a_token_of_the_issuer_opens_a_route_and_its_claims_reach_the_function(
    http: httpx.Client, tokens: Issuer
) -> None:
    claims = authorizer(http.get("/token", headers=tokens.bearer(sub="ann")))["jwt"]["claims"]
    assert (claims["sub"], claims["iss"]) == ("ann", tokens.url)


def test_a_request_without_a_token_is_a_401(http: httpx.Client, tokens: Issuer) -> None:
    assert http.get("/token", headers=tokens.bearer()).status_code == 200
    assert http.get("/token").status_code == 401


@pytest.mark.parametrize("wrong", ["audience", "issuer", "expired", "early", "forged"])
def test_a_token_that_is_not_good_is_a_401(http: httpx.Client, tokens: Issuer, wrong: str) -> None:
    now = int(time.time())
    claims: dict[str, dict[str, Any]] = {
        "audience": {"aud": "others"},
        "issuer": {"iss": "https://other.example"},
        "expired": {"exp": now - 60},
        "early": {"nbf": now + 600},
        "forged": {"sub": "ann"},
    }
    headers = tokens.bearer(**claims[wrong])
    if wrong == "forged":
        head, _, signature = headers["Authorization"].rpartition(".")
        headers["Authorization"] = f"{head}.{signature[::-1]}"
    assert http.get("/token", headers=tokens.bearer()).status_code == 200
    assert http.get("/token", headers=headers).status_code == 401


def test_a_token_without_the_scope_of_the_route_is_a_403(http: httpx.Client, tokens: Issuer) -> None:
    assert authorizer(http.get("/scoped", headers=tokens.bearer(scope="write read")))["jwt"]["scopes"] == [
        "write",
        "read",
    ]
    assert http.get("/scoped", headers=tokens.bearer(scope="write")).status_code == 403


def test_a_route_of_iam_refuses_who_does_not_sign(http: httpx.Client) -> None:
    assert http.get("/iam").status_code == 403


def test_who_signs_for_a_route_of_iam_is_let_through_and_told_to_the_function(http: httpx.Client) -> None:
    region, url = os.environ.get("AWS_REGION", "eu-central-1"), str(http.base_url.join("/iam"))
    own = boto3.Session().get_credentials() if ".amazonaws.com" in url else None
    credentials = own or Credentials("local", "local")
    request = AWSRequest("GET", url)
    SigV4Auth(credentials, "execute-api", region).add_auth(request)
    caller = authorizer(http.get("/iam", headers=dict(request.headers)))["iam"]
    assert caller["accessKey"] == credentials.access_key
    assert {"accountId", "callerId", "userArn", "userId"} <= set(caller)
