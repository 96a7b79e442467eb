"""The trace that a request belongs to: API Gateway begins one for each that names none."""

import re
from collections.abc import AsyncIterator

import pytest

from gateway_client import Client, FakeFunctions, serving
from samlet.model import Route
from samlet.runtime.identifiers import trace_header

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
MADE = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}")
ROUTES = (Route("GET", "/second", "Echo"), Route("GET", "/first", "Echo", payload_format="1.0"))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(FakeFunctions(), routes=ROUTES) as client:
        yield client


@pytest.mark.parametrize(("path", "name"), [("/second", "x-amzn-trace-id"), ("/first", "X-Amzn-Trace-Id")])
async def test_a_request_without_a_trace_gets_a_root_and_its_function_the_same_one(
    client: Client, path: str, name: str
) -> None:
    for _ in range(2):
        assert (await client("GET", path)).status == 200
    told = [event["headers"][name] for event in client.functions.events]
    assert all(MADE.fullmatch(root) for root in told)
    assert len(set(told)) == 2
    assert told == client.functions.traces


@pytest.mark.parametrize("given", [ROOT, f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", f"Self=1-2-3;{ROOT}"])
async def test_a_trace_that_a_request_names_goes_on(client: Client, given: str) -> None:
    await client("GET", "/second", f"X-Amzn-Trace-Id: {given}")
    assert client.functions.events[0]["headers"]["x-amzn-trace-id"] == given
    assert client.functions.traces == [given]


@pytest.mark.parametrize("given", ["", "hello", "Root=1-2-3", f"{ROOT};\xe9=1", ROOT + ";" + "a" * 101, f"{ROOT};"])
async def test_what_is_no_trace_is_replaced(client: Client, given: str) -> None:
    await client.raw(f"GET /second HTTP/1.1\r\nHost: a\r\nX-Amzn-Trace-Id: {given}\r\n\r\n".encode())
    told = client.functions.events[0]["headers"]["x-amzn-trace-id"]
    assert MADE.fullmatch(told)
    assert told != ROOT
    assert client.functions.traces == [told]


def test_a_function_is_told_a_parent_and_a_decision_whatever_its_trace_came_with() -> None:
    form = re.compile(rf"{MADE.pattern};Parent=[0-9a-f]{{16}};Sampled=0")
    assert form.fullmatch(trace_header())
    assert form.fullmatch(trace_header(ROOT))
    assert trace_header(ROOT).startswith(ROOT)
    assert re.fullmatch(f"{ROOT};Sampled=1;Parent=[0-9a-f]{{16}}", trace_header(f"{ROOT};Sampled=1"))
    whole = f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
    assert trace_header(whole) == whole
