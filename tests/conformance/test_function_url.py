"""Function URLs."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from conformance.target import Target


@pytest.fixture
def url(target: Target) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=target.door("function_url"), timeout=40) as client:
        yield client


def test_every_path_of_a_url_reaches_its_function(url: httpx.Client) -> None:
    event = url.get("/any/where?a=1").json()
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/any/where")
    assert event["queryStringParameters"] == {"a": "1"}


def test_the_path_of_a_url_stays_encoded(url: httpx.Client) -> None:
    assert url.get("/a%20b/caf%C3%A9").json()["rawPath"] == "/a%20b/caf%C3%A9"


def test_a_caller_who_signs_nothing_is_anonymous(url: httpx.Client) -> None:
    context = url.get("/").json()["requestContext"]
    assert (context["accountId"], context["stage"]) == ("anonymous", "$default")


def test_behind_a_url_the_id_of_the_request_is_that_of_the_invocation(url: httpx.Client) -> None:
    answer = url.get("/")
    request_id = answer.headers["x-amzn-requestid"]
    assert request_id == answer.json()["requestContext"]["requestId"] == str(uuid.UUID(request_id))
    assert answer.headers["x-amzn-trace-id"].lower().startswith("root=1-")
    assert "apigw-requestid" not in answer.headers


def test_status_headers_and_cookies_of_an_answer_reach_the_client_of_a_url(url: httpx.Client) -> None:
    said = {"statusCode": 201, "headers": {"x-one": "1"}, "cookies": ["a=1", "b=2"], "body": "made"}
    answer = url.post("/", json=said)
    assert (answer.status_code, answer.text, answer.headers["x-one"]) == (201, "made", "1")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_behind_a_url_an_answer_without_a_status_code_becomes_200_and_json(url: httpx.Client) -> None:
    answer = url.post("/", json={"hello": "there"})
    assert (answer.status_code, answer.json()) == (200, {"hello": "there"})
    assert answer.headers["content-type"] == "application/json"


def test_behind_a_url_an_answer_with_a_status_code_and_no_type_is_json(url: httpx.Client) -> None:
    answer = url.post("/", json={"statusCode": 200, "body": "<p>"})
    assert (answer.headers["content-type"], answer.text) == ("application/json", "<p>")


def test_behind_a_url_a_function_that_fails_is_a_502(url: httpx.Client) -> None:
    assert url.delete("/").status_code == 502
