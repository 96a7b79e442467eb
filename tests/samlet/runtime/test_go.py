"""A function in Go, built with aws-lambda-go, as `provided.al2023` and `provided.al2` run it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.http_parts import BrokenOff
from samlet.model import Function, HttpApi, Route
from samlet.sources.gateway_port import GatewayPort
from samlet.sources.streaming_url import StreamingUrl
from waiting import eventually_async

SOURCE = Path(__file__).with_name("go")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program; SAMLET_TESTS_WITHOUT_GO=1 leaves this module out on machines that have no Go."""
    go = shutil.which("go")
    if go is None:
        pytest.fail("these tests build a function with Go: install it, or set SAMLET_TESTS_WITHOUT_GO=1 to do without")
    program = tmp_path_factory.mktemp("go") / "bootstrap"
    build = [go, "build", "-buildvcs=false", "-o", str(program), "."]
    subprocess.run(build, cwd=SOURCE, env=os.environ | {"CGO_ENABLED": "0"}, check=True, timeout=300)
    return program


@pytest.fixture
def hello(make: MakeFunction, built: Path) -> Callable[..., Function]:
    def make_hello(**properties: Any) -> Function:
        function = make("", "Hello", **{"runtime": "provided.al2023", "handler": "hello"} | properties)
        shutil.copy(built, function.code / "bootstrap")
        return function

    return make_hello


def told(outcome: Any) -> Any:
    return json.loads(outcome.payload)


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
async def test_a_go_function_is_told_of_its_invocation_and_kept_warm(
    hello: Callable[..., Function], running: Running, runtime: str
) -> None:
    async with running(hello(runtime=runtime)) as functions:
        outcomes = [await functions.invoke("Hello", json.dumps({"a": "é"}).encode()) for _ in range(3)]
    answers = [told(outcome) for outcome in outcomes]
    assert [answer["event"] for answer in answers] == [{"a": "é"}] * 3
    assert [answer["request_id"] for answer in answers] == [outcome.request_id for outcome in outcomes]
    assert len({answer["pid"] for answer in answers}) == 1
    assert answers[0]["arn"] == "arn:aws:lambda:eu-central-1:000000000000:function:test-hello"
    assert answers[0]["handler"] == "hello"
    assert 0 < answers[0]["remaining_ms"] <= 10_000


async def test_an_error_and_a_panic_of_go_are_told_with_their_types(
    hello: Callable[..., Function], running: Running
) -> None:
    async with running(hello()) as functions:
        failed = await functions.invoke("Hello", b'"fail"')
        assert (failed.function_error, told(failed)["errorType"]) == ("Unhandled", "errorString")
        assert told(failed)["errorMessage"] == "told to fail"
        panicked = await functions.invoke("Hello", b'"panic"')
        assert told(panicked)["errorMessage"] == "told to panic"
        assert told(panicked)["stackTrace"]
        assert told(await functions.invoke("Hello", b"1"))["event"] == 1


async def test_the_exit_and_the_time_out_of_a_go_function_are_told_in_lambdas_words(
    hello: Callable[..., Function], running: Running
) -> None:
    async with running(hello(timeout=1)) as functions:
        exited = await functions.invoke("Hello", b'"exit"')
        assert told(exited)["errorMessage"].endswith("Runtime exited with error: exit status 42")
        slept = await functions.invoke("Hello", b'"sleep"')
        assert told(slept)["errorMessage"].endswith("Task timed out after 1.00 seconds")
        assert told(await functions.invoke("Hello", b"1"))["event"] == 1


async def test_a_go_function_that_asked_for_it_hears_sigterm_before_its_end(
    hello: Callable[..., Function], running: Running, tmp_path: Path
) -> None:
    goodbye = tmp_path / "goodbye"
    async with running(hello(environment={"GOODBYE": str(goodbye)})) as functions:
        assert (await functions.invoke("Hello", b"1")).ok
        assert not goodbye.exists()
    await eventually_async(goodbye.exists)


async def test_a_layers_bootstrap_runs_where_the_code_has_none(
    hello: Callable[..., Function], running: Running, tmp_path: Path
) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    function = hello(layers=(layer,))
    (function.code / "bootstrap").rename(layer / "bootstrap")
    async with running(function) as functions:
        assert told(await functions.invoke("Hello", b"1"))["layer"] == str(layer)


async def test_a_page_of_lambdaurl_is_streamed_by_a_function_url(
    hello: Callable[..., Function], running: Running, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    function = hello(environment={"STREAMS": "site"})
    api = HttpApi("Url", (Route("ANY", "$default", "Hello", 900_000),), function_url=True, streamed=True)
    async with running(function) as functions:
        port = GatewayPort(StreamingUrl(api, functions))
        _, number = await port.serve()
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{number}/page"
            async with client.stream("GET", url, params={"gate": str(gate)}, timeout=20) as answer:
                assert (answer.status_code, answer.headers["content-type"]) == (201, "text/plain")
                assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
                parts = answer.aiter_raw()
                assert await anext(parts) == b"one"
                gate.touch()
                assert b"".join([part async for part in parts]) == b"two"
        await port.stop()


async def test_a_reader_of_go_that_fails_in_the_middle_breaks_off_its_answer(
    hello: Callable[..., Function], running: Running
) -> None:
    async with running(hello(environment={"STREAMS": "breaks off"})) as functions:
        stream = functions.invoke_stream("Hello", b"1")
        assert await stream.read() == b"one"
        with pytest.raises(BrokenOff):
            await stream.read()
        for outcome in (await stream.outcome, await functions.invoke("Hello", b"1")):
            assert outcome.function_error == "Unhandled"
            assert told(outcome)["errorMessage"] == "told to fail"
