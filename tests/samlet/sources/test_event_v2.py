"""The shape of an HTTP API event, and of its answer."""

import base64
import json
from typing import Any

import pytest

from samlet.errors import MalformedResponse
from samlet.model import Route
from samlet.sources.event_v2 import Gateway, HttpRequest, build_event, decode_headers, decode_path
from samlet.sources.response_v2 import read_response
from samlet.sources.routes import Match

NOW = 1583348638.390


def event_of(*, path: str = "/tasks", query: str = "", body: bytes = b"", headers: Any = (), **parameters: str) -> Any:
    request = HttpRequest("POST", decode_path(path), query, tuple(headers), body, "127.0.0.1")
    match = Match(Route("ANY", "/tasks", "Tasks"), parameters)
    return json.loads(build_event(request, match, Gateway("Api", "000000000000", "$default"), "id=", NOW))


def test_the_event_has_the_shape_of_format_2_0() -> None:
    event = event_of(headers=[("host", "api.example:3000"), ("user-agent", "curl")])
    assert event["version"] == "2.0"
    assert event["routeKey"] == "ANY /tasks"
    assert event["requestContext"] == {
        "accountId": "000000000000",
        "apiId": "Api",
        "domainName": "api.example",
        "domainPrefix": "api",
        "http": {
            "method": "POST",
            "path": "/tasks",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "curl",
        },
        "requestId": "id=",
        "routeKey": "ANY /tasks",
        "stage": "$default",
        "time": "04/Mar/2020:19:03:58 +0000",
        "timeEpoch": 1583348638390,
    }
    absent = {"body", "cookies", "pathParameters", "queryStringParameters", "stageVariables"}
    assert not absent & event.keys()
    assert event["isBase64Encoded"] is False


def test_paths_are_decoded_and_query_strings_stay_encoded() -> None:
    event = event_of(path="/t%C3%A4sks/a%20b", query="q=%C3%A4&q=b+c&empty=")
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/täsks/a b"
    assert event["rawQueryString"] == "q=%C3%A4&q=b+c&empty="
    assert event["queryStringParameters"] == {"q": "ä,b c", "empty": ""}


def test_repeated_headers_are_joined_and_cookies_stand_apart() -> None:
    event = event_of(
        headers=[("x", "1"), ("x", "2"), ("cookie", "a=1; b=2"), ("cookie", "c=3"), ("connection", "close")]
    )
    assert event["headers"]["x"] == "1,2"
    assert event["cookies"] == ["a=1", "b=2", "c=3"]
    assert not {"cookie", "connection"} & event["headers"].keys()


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json; charset=utf-8", b'{"a": "\xc3\xa4"}', False),
        ("text/plain", b"hello", False),
        ("application/problem+json", b"{}", False),
        ("application/x-www-form-urlencoded", b"a=b", True),
        ("application/octet-stream", b"abc", True),
        ("", b"abc", True),
        ("application/json", b"\xff\xfe", True),
    ],
)
def test_text_bodies_arrive_as_text_and_others_in_base64(kind: str, body: bytes, encoded: bool) -> None:
    event = event_of(body=body, headers=[("content-type", kind)] if kind else [])
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_a_path_that_is_not_utf8_is_an_error_of_the_client() -> None:
    with pytest.raises(UnicodeError):
        decode_path("/a/%FF")


def test_what_is_not_utf8_elsewhere_is_made_readable() -> None:
    assert event_of(query="a=%FF")["queryStringParameters"] == {"a": "�"}
    assert decode_headers([(b"X-Name", b"\xe4")]) == (("x-name", "ä"),)


@pytest.mark.parametrize("payload", [b'{"a":1}', b"[1]", b"null", b"no json"])
def test_an_answer_without_a_status_is_a_200_with_all_of_it(payload: bytes) -> None:
    response = read_response(payload)
    assert (response.status, response.body) == (200, payload)
    assert response.headers == [("content-type", "application/json")]


def test_an_answer_with_a_status_is_plain_text_unless_it_says_more() -> None:
    response = read_response(b'{"statusCode": 201, "body": "made", "cookies": ["a=1", "b=2"]}')
    assert (response.status, response.body) == (201, b"made")
    assert ("content-type", "text/plain; charset=utf-8") in response.headers
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]


def test_base64_bodies_are_decoded_and_hop_by_hop_headers_dropped() -> None:
    answer = {"statusCode": 200, "isBase64Encoded": True, "body": "/wA=", "headers": {"Connection": "close", "X": 5}}
    response = read_response(json.dumps(answer).encode())
    assert response.body == b"\xff\x00"
    assert ("x", "5") in response.headers
    assert "connection" not in dict(response.headers)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_base64_may_stand_in_lines(ending: str) -> None:
    body = base64.encodebytes(b"x" * 100).decode().replace("\n", ending)
    assert body.count(ending) == 2
    assert (
        read_response(json.dumps({"statusCode": 200, "isBase64Encoded": True, "body": body}).encode()).body
        == b"x" * 100
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "abc"},
        {"statusCode": 99},
        {"statusCode": None},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "c\r\nset-cookie: x"}},
        *({"statusCode": 200, "body": body, "isBase64Encoded": True} for body in ("a", "eA", "!!!", "eA==!", "eA ==")),
    ],
)
def test_an_answer_that_is_no_response_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedResponse):
        read_response(json.dumps(answer).encode())
