"""Answers that are streamed: by a function URL, and by the Invoke API as boto3 speaks it."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from conformance.target import Target


@pytest.fixture
def url(target: Target) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=target.door("streaming_url"), timeout=40) as client:
        yield client


def events(lambda_client: Any, path: str) -> list[Any]:
    asked = lambda_client.invoke_with_response_stream(
        FunctionName="conformance-streams", Payload=json.dumps({"rawPath": path})
    )
    with contextlib.closing(asked["EventStream"]) as found:
        return list(found)


def test_a_part_of_an_answer_is_sent_before_the_next_one_is_made(url: httpx.Client) -> None:
    with url.stream("GET", "/") as answer:
        parts = list(answer.iter_raw())
    assert (parts[0], b"".join(parts)) == (b"one", b"onetwo")


def test_status_headers_and_cookies_come_from_the_prelude(url: httpx.Client) -> None:
    answer = url.get("/")
    assert (answer.status_code, answer.headers["x-one"], answer.text) == (201, "1", "onetwo")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["content-type"] == "application/json"


def test_without_a_prelude_an_answer_has_the_type_that_the_runtime_gives_it(url: httpx.Client) -> None:
    answer = url.get("/plain")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/x-plain", "onetwo")


@pytest.mark.assumed
def test_a_function_that_ends_in_the_middle_breaks_off_its_answer(url: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        url.get("/late")


def test_boto3_reads_an_answer_in_parts(lambda_client: Any) -> None:
    found = events(lambda_client, "/plain")
    assert [event["PayloadChunk"]["Payload"] for event in found[:-1]] == [b"one", b"two"]
    assert found[-1] == {"InvokeComplete": {}}


@pytest.mark.assumed
@pytest.mark.parametrize(("path", "sent"), [("/late", b"one"), ("/early", b"")])
def test_the_last_event_tells_of_a_failure(lambda_client: Any, path: str, sent: bytes) -> None:
    *parts, last = events(lambda_client, f"/plain{path}")
    assert b"".join(event["PayloadChunk"]["Payload"] for event in parts) == sent
    assert last["InvokeComplete"]["ErrorCode"]
    assert "Runtime.ExitError" in last["InvokeComplete"]["ErrorDetails"]


def test_what_invokes_for_a_whole_answer_gets_a_streamed_one_whole(lambda_client: Any) -> None:
    answer = lambda_client.invoke(FunctionName="conformance-streams", Payload=b'{"rawPath": "/plain"}')
    assert answer["Payload"].read() == b"onetwo"
