"""API Gateway's HTTP API, payload format 2.0."""

import base64
import json
from typing import Any

import httpx
import pytest

PAGE = "https://page.example"


def echoed(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    event: dict[str, Any] = answer.json()
    return event


def answered(http: httpx.Client, what: object) -> httpx.Response:
    return http.post("/answer", content=json.dumps(what), headers={"content-type": "application/json"})


def test_the_event_has_the_parts_of_format_2_0(http: httpx.Client) -> None:
    event = echoed(http.get("/echo"))
    assert event["version"] == "2.0"
    assert (event["routeKey"], event["rawPath"], event["rawQueryString"]) == ("ANY /echo", "/echo", "")
    context = event["requestContext"]
    assert context["http"]["method"] == "GET"
    assert context["http"]["path"] == "/echo"
    assert context["http"]["protocol"].startswith("HTTP/1.1")
    assert context["stage"] == "$default"
    assert {"accountId", "apiId", "domainName", "domainPrefix", "requestId", "routeKey", "time", "timeEpoch"} <= set(
        context
    )


def test_what_a_request_does_not_have_its_event_does_not_have(http: httpx.Client) -> None:
    event = echoed(http.get("/echo"))
    assert not {"body", "cookies", "queryStringParameters", "pathParameters", "stageVariables"} & set(event)
    assert event["isBase64Encoded"] is False


def test_there_are_no_multi_value_fields(http: httpx.Client) -> None:
    event = echoed(http.get("/echo?a=1&a=2"))
    assert not {"multiValueHeaders", "multiValueQueryStringParameters"} & set(event)


def test_repeated_query_values_are_joined_by_commas(http: httpx.Client) -> None:
    event = echoed(http.get("/echo?a=1&b=x&a=2"))
    assert event["queryStringParameters"] == {"a": "1,2", "b": "x"}


def test_the_raw_query_stays_encoded_and_its_values_are_decoded(http: httpx.Client) -> None:
    event = echoed(http.get("/echo?name=a%20b%26c"))
    assert event["rawQueryString"] == "name=a%20b%26c"
    assert event["queryStringParameters"] == {"name": "a b&c"}


def test_header_names_are_in_lower_case(http: httpx.Client) -> None:
    event = echoed(http.get("/echo", headers={"X-Mixed-Case": "Value"}))
    assert event["headers"]["x-mixed-case"] == "Value"


def test_repeated_headers_are_joined_by_commas(http: httpx.Client) -> None:
    event = echoed(http.get("/echo", headers=[("x-twice", "1"), ("x-twice", "2")]))
    assert event["headers"]["x-twice"].replace(" ", "") == "1,2"


def test_cookies_stand_in_a_list_of_their_own(http: httpx.Client) -> None:
    event = echoed(http.get("/echo", headers={"Cookie": "a=1; b=2"}))
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_paths_arrive_decoded(http: httpx.Client) -> None:
    event = echoed(http.get("/files/a%20b/c"))
    assert event["rawPath"] == "/files/a b/c"
    assert event["requestContext"]["http"]["path"] == "/files/a b/c"


def test_path_parameters_arrive_decoded(http: httpx.Client) -> None:
    assert echoed(http.get("/items/caf%C3%A9"))["pathParameters"] == {"id": "café"}


def test_a_greedy_parameter_takes_the_rest_of_the_path(http: httpx.Client) -> None:
    assert echoed(http.get("/files/a/b/c"))["pathParameters"] == {"proxy": "a/b/c"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_text_arrives_as_text(http: httpx.Client, kind: str) -> None:
    event = echoed(http.post("/echo", content='{"n": 1}', headers={"content-type": kind}))
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded", "image/png"])
def test_other_bodies_arrive_in_base64(http: httpx.Client, kind: str) -> None:
    body = b"a=1&b=\x00\xff"
    event = echoed(http.post("/echo", content=body, headers={"content-type": kind}))
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_a_body_without_a_content_type_arrives_in_base64(http: httpx.Client) -> None:
    event = echoed(http.post("/echo", content=b"plain"))
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"plain").decode(), True)


def test_the_event_names_a_trace_that_the_request_did_not(http: httpx.Client) -> None:
    told = {echoed(http.get("/echo"))["headers"]["x-amzn-trace-id"] for _ in range(2)}
    assert len(told) == 2
    assert all(trace.startswith("Root=1-") for trace in told)


def test_a_literal_segment_beats_a_variable(http: httpx.Client) -> None:
    assert echoed(http.get("/items/special"))["routeKey"] == "GET /items/special"


def test_any_serves_only_the_methods_that_have_no_route_of_their_own(http: httpx.Client) -> None:
    assert echoed(http.get("/items/7"))["routeKey"] == "GET /items/{id}"
    assert echoed(http.delete("/items/7"))["routeKey"] == "ANY /items/{id}"


def test_a_path_without_a_route_is_a_404(http: httpx.Client) -> None:
    answer = http.get("/nothing/here")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_an_answer_without_a_status_code_becomes_200_and_json(http: httpx.Client) -> None:
    answer = answered(http, {"hello": "there"})
    assert (answer.status_code, answer.json()) == (200, {"hello": "there"})


def test_an_answer_without_a_status_code_has_the_type_of_json(http: httpx.Client) -> None:
    for what in ({"hello": "there"}, "hello"):
        assert answered(http, what).headers["content-type"] == "application/json"


def test_status_code_and_body_of_an_answer_reach_the_client(http: httpx.Client) -> None:
    answer = answered(http, {"statusCode": 201, "body": "made"})
    assert (answer.status_code, answer.text) == (201, "made")


def test_an_answer_with_a_status_code_and_no_type_is_plain_text(http: httpx.Client) -> None:
    answer = answered(http, {"statusCode": 201, "body": "made"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_each_cookie_of_an_answer_is_a_header_of_its_own(http: httpx.Client) -> None:
    answer = answered(http, {"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"]})
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]


def test_a_binary_answer_is_decoded(http: httpx.Client) -> None:
    body = base64.b64encode(b"\x00\xff").decode()
    answer = answered(http, {"statusCode": 200, "body": body, "isBase64Encoded": True})
    assert answer.content == b"\x00\xff"


def test_headers_of_an_answer_reach_the_client(http: httpx.Client) -> None:
    answer = answered(http, {"statusCode": 302, "headers": {"Location": "/elsewhere", "X-Number": 7}})
    assert (answer.status_code, answer.headers["location"], answer.headers["x-number"]) == (302, "/elsewhere", "7")


@pytest.mark.parametrize("how", ["raise", "exit", "sleep"])
def test_a_function_that_fails_is_a_500(http: httpx.Client, how: str) -> None:
    answer = http.get(f"/fails/{how}")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_a_status_code_that_is_none_is_a_500(http: httpx.Client) -> None:
    answer = answered(http, {"statusCode": "many", "body": ""})
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.assumed
def test_a_body_over_10_mb_is_refused(http: httpx.Client) -> None:
    assert http.post("/echo", content=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413


@pytest.mark.assumed
def test_the_gateway_answers_preflights_by_itself(http: httpx.Client) -> None:
    answer = http.options("/answer", headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert set(answer.headers["access-control-allow-methods"].replace(" ", "").split(",")) == {"GET", "POST"}
    assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.assumed
def test_a_route_for_any_method_has_preflights_too(http: httpx.Client) -> None:
    answer = http.options("/echo", headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 200
    assert echoed(answer)["requestContext"]["http"]["method"] == "OPTIONS"
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_answers_carry_cors_headers_for_an_origin_that_is_allowed(http: httpx.Client) -> None:
    assert http.get("/echo", headers={"Origin": PAGE}).headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in http.get("/echo", headers={"Origin": "https://other.example"}).headers


def test_cors_headers_of_the_function_are_dropped(http: httpx.Client) -> None:
    answer = answered(http, {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}})
    assert "access-control-allow-origin" not in answer.headers


def test_answers_carry_the_id_of_the_request(http: httpx.Client) -> None:
    answer = http.get("/echo")
    assert answer.headers["apigw-requestid"] == echoed(answer)["requestContext"]["requestId"]
