"""Throttling, stages and payload format 1.0 of an HTTP API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from conformance.target import Target


@pytest.fixture
def staged(target: Target) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=target.door("staged"), timeout=40) as client:
        yield client


def test_beyond_its_throttle_a_route_answers_429(http: httpx.Client) -> None:
    assert http.get("/echo").status_code == 200
    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: http.get("/rare"), range(40)))
    assert {answer.status_code for answer in answers} == {200, 429}


def test_the_variables_of_a_stage_stand_in_the_event(staged: httpx.Client) -> None:
    assert staged.get("/blue/echo").json()["stageVariables"] == {"colour": "deep"}


def test_a_stage_with_a_name_is_served_under_it(staged: httpx.Client) -> None:
    event = staged.get("/blue/echo").json()
    assert (event["routeKey"], event["rawPath"]) == ("GET /echo", "/blue/echo")
    assert event["requestContext"]["stage"] == "blue"


def test_without_the_name_of_the_stage_nothing_is_found(staged: httpx.Client) -> None:
    answer = staged.get("/echo")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_an_event_of_format_1_0_has_its_own_parts(http: httpx.Client) -> None:
    event = http.get("/first/7").json()
    assert (event["version"], event["httpMethod"], event["path"]) == ("1.0", "GET", "/first/7")
    assert (event["resource"], event["pathParameters"]) == ("/first/{id}", {"id": "7"})
    assert {"accountId", "apiId", "identity", "requestId", "requestTime", "resourcePath", "stage"} <= set(
        event["requestContext"]
    )


def test_format_1_0_has_every_value_of_headers_and_query(http: httpx.Client) -> None:
    event = http.get("/first/7?a=1&a=2", headers=[("x-twice", "1"), ("x-twice", "2")]).json()
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["queryStringParameters"] == {"a": "2"}
    values = {name.lower(): value for name, value in event["multiValueHeaders"].items()}
    assert values["x-twice"] == ["1", "2"]


def test_in_format_1_0_what_a_request_does_not_have_is_null(http: httpx.Client) -> None:
    event = http.get("/first/7").json()
    assert [event[name] for name in ("body", "queryStringParameters", "stageVariables")] == [None, None, None]


def test_an_answer_of_format_1_0_may_have_several_values_of_a_header(http: httpx.Client) -> None:
    said = {"statusCode": 201, "headers": {"x-one": "1"}, "multiValueHeaders": {"x-two": ["a", "b"]}, "body": "made"}
    answer = http.post("/first", json=said)
    assert (answer.status_code, answer.text, answer.headers["x-one"]) == (201, "made", "1")
    assert answer.headers.get_list("x-two") == ["a", "b"]
