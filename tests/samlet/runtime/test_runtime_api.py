"""The Runtime API as a runtime client meets it, call by call."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiohttp import ClientSession

from gateway_client import read_answer
from samlet.runtime.answers import LARGEST_RESPONSE
from samlet.runtime.extensions import Extensions
from samlet.runtime.runtime_api import RuntimeApi
from samlet.runtime.runtime_call import Event, Reply
from waiting import eventually_async

NEXT = "/2018-06-01/runtime/invocation/next"
EVENT = Event("id-1", b'{"a":1}', "arn:f", 1234, "nonce-1", trace_id="Root=1")


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    api = RuntimeApi(Extensions("echo", "app.handler"))
    yield api
    await api.stop()


@pytest.fixture
async def client(api: RuntimeApi) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://{await api.start()}") as session:
        yield session


def of(call: str, request_id: str = "id-1") -> str:
    return f"/2018-06-01/runtime/invocation/{request_id}/{call}"


async def take(api: RuntimeApi, client: ClientSession, event: Event = EVENT) -> asyncio.Future[Reply]:
    """Ask for the next event and get this one."""
    asking = asyncio.create_task(_get(client, NEXT))
    await api.idle.wait()
    reply = api.hand_over(event)
    await asking
    return cast("asyncio.Future[Reply]", reply)


async def _get(
    client: ClientSession, path: str, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    async with client.get(path, headers=headers) as answer:
        return answer.status, await answer.read(), dict(answer.headers)


async def _post(
    client: ClientSession, path: str, body: bytes = b"{}", headers: dict[str, str] | None = None
) -> tuple[int, str | None]:
    async with client.post(path, data=io.BytesIO(body), headers=headers) as answer:
        return answer.status, (await answer.json()).get("errorType")


async def test_next_delivers_the_event_with_its_headers_and_leaves_empty_ones_out(
    api: RuntimeApi, client: ClientSession
) -> None:
    asking = asyncio.create_task(_get(client, NEXT))
    await api.idle.wait()
    api.hand_over(EVENT)
    status, body, headers = await asking
    assert (status, body) == (200, b'{"a":1}')
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "id-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1234"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == "arn:f"
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1"
    assert headers["Lambda-Runtime-Invocation-Id"] == "nonce-1"
    assert "Lambda-Runtime-Client-Context" not in headers


async def test_a_response_and_an_error_are_accepted(api: RuntimeApi, client: ClientSession) -> None:
    reply = await take(api, client)
    assert await _post(client, of("response"), b'"fine"') == (202, None)
    assert (reply.result().payload, reply.result().failed) == (b'"fine"', False)
    reply = await take(api, client, Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    assert await _post(client, of("error", "id-2"), b'{"errorType":"X"}') == (202, None)
    assert reply.result().failed


async def test_an_answer_for_another_request_is_invalid(api: RuntimeApi, client: ClientSession) -> None:
    assert await _post(client, of("response")) == (400, "InvalidRequestID")
    await take(api, client)
    assert await _post(client, of("response", "id-9")) == (400, "InvalidRequestID")


async def test_a_second_answer_and_a_poll_before_the_answer_are_invalid_transitions(
    api: RuntimeApi, client: ClientSession
) -> None:
    await take(api, client)
    assert (await _get(client, NEXT))[0] == 403
    await _post(client, of("response"))
    assert await _post(client, of("response")) == (403, "InvalidStateTransition")
    assert await _post(client, of("error")) == (403, "InvalidStateTransition")


async def test_a_call_for_the_next_event_whose_connection_has_gone_gets_none(
    api: RuntimeApi, client: ClientSession
) -> None:
    asking = asyncio.create_task(_get(client, NEXT))
    await api.idle.wait()
    asking.cancel()
    await eventually_async(lambda: not api.idle.is_set())
    await take(api, client)


async def test_a_stale_invocation_id_is_gone_and_an_absent_one_is_not_checked(
    api: RuntimeApi, client: ClientSession
) -> None:
    await take(api, client)
    stale = {"Lambda-Runtime-Invocation-Id": "nonce-0"}
    assert await _post(client, of("response"), headers=stale) == (410, "InvokeTimeout")
    assert await _post(client, of("response")) == (202, None)


async def test_a_response_over_the_limit_is_too_large_and_one_at_the_limit_is_not(
    api: RuntimeApi, client: ClientSession
) -> None:
    reply = await take(api, client)
    assert await _post(client, of("response"), b"x" * (LARGEST_RESPONSE + 1)) == (413, "RequestEntityTooLarge")
    assert reply.result().failed
    await take(api, client, Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    assert await _post(client, of("response", "id-2"), b"x" * LARGEST_RESPONSE) == (202, None)


async def test_a_response_mode_that_there_is_not_is_refused(api: RuntimeApi, client: ClientSession) -> None:
    await take(api, client)
    mode = {"Lambda-Runtime-Function-Response-Mode": "buffered"}
    assert await _post(client, of("response"), headers=mode) == (400, "InvalidFunctionResponseMode")


@asynccontextmanager
async def posting(
    client: ClientSession, *parts: bytes
) -> AsyncIterator[tuple[asyncio.Event, asyncio.Task[tuple[int, str | None]]]]:
    """Post a response in parts; it ends when the event is set."""
    end = asyncio.Event()

    async def made() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
        await end.wait()

    async def post() -> tuple[int, str | None]:
        mode = {"Lambda-Runtime-Function-Response-Mode": "streaming"}
        async with client.post(of("response"), data=made(), headers=mode) as answer:
            return answer.status, (await answer.json()).get("errorType")

    task = asyncio.create_task(post())
    yield end, task
    task.cancel()


async def test_a_response_in_parts_is_kept_for_somebody_who_wants_it_whole_up_to_the_limit_of_any_other(
    api: RuntimeApi, client: ClientSession
) -> None:
    reply = await take(api, client)
    async with posting(client, b"a" * LARGEST_RESPONSE) as (end, posted):
        end.set()
        assert await asyncio.wait_for(posted, 10) == (202, None)
    assert (len(reply.result().payload), reply.result().failed) == (LARGEST_RESPONSE, False)
    reply = await take(api, client)
    async with posting(client, b"a" * LARGEST_RESPONSE, b"b") as (_, posted):
        assert await asyncio.wait_for(posted, 10) == (413, "RequestEntityTooLarge")
    assert json.loads(reply.result().payload)["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.parametrize("call", ["response", "error"])
async def test_while_a_response_comes_there_is_no_other_and_no_next_event(
    api: RuntimeApi, client: ClientSession, call: str
) -> None:
    reply = await take(api, client)
    async with posting(client, b"one") as (end, posted):
        await eventually_async(lambda: api._incoming is not None and api._incoming[1].kept == b"one")
        assert await _post(client, of(call)) == (403, "InvalidStateTransition")
        async with posting(client, b"two") as (other_end, other):
            other_end.set()
            assert await asyncio.wait_for(other, 10) == (403, "InvalidStateTransition")
        assert (await _get(client, NEXT))[0] == 403
        end.set()
        assert await asyncio.wait_for(posted, 10) == (202, None)
    assert reply.result().payload == b"one"


async def test_after_a_response_that_was_cut_the_runtime_may_tell_of_the_error(
    api: RuntimeApi, client: ClientSession
) -> None:
    reply = await take(api, client)
    async with posting(client, b"one") as (_, posted):
        await eventually_async(lambda: api._incoming is not None and api._incoming[1].kept == b"one")
        posted.cancel()
        await eventually_async(lambda: api._cut)
    assert await _post(client, of("response")) == (403, "InvalidStateTransition")
    assert await _post(client, of("error"), b'{"errorType": "Mine"}') == (202, None)
    assert (reply.result().payload, reply.result().failed) == (b'{"errorType": "Mine"}', True)


async def test_an_init_error_is_accepted_before_the_first_poll_only(api: RuntimeApi, client: ClientSession) -> None:
    assert await _post(client, "/2018-06-01/runtime/init/error", b'{"errorType":"X"}') == (202, None)
    assert api.init_error.result() == b'{"errorType":"X"}'
    assert await _post(client, "/2018-06-01/runtime/init/error") == (403, "InvalidStateTransition")


async def test_a_poll_that_is_repeated_takes_over_from_the_lost_one(api: RuntimeApi, client: ClientSession) -> None:
    lost = asyncio.create_task(_get(client, NEXT))
    await api.idle.wait()
    second = asyncio.create_task(_get(client, NEXT))
    assert (await lost)[0] == 403
    api.hand_over(EVENT)
    assert (await second)[1] == EVENT.payload


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2018-06-01/runtime/restore/next"),
        ("POST", "/2018-06-01/runtime/restore/error"),
        ("POST", "/2018-06-01/runtime/invocation/next"),
        ("GET", "/2018-06-01/runtime/invocation/id-1/response"),
        ("POST", "/2018-06-01/runtime/invocation/id-1/answer"),
        ("GET", "/"),
    ],
)
async def test_calls_of_snapstart_and_what_is_no_call_of_the_api_are_not_found(
    client: ClientSession, method: str, path: str
) -> None:
    async with client.request(method, path, data=b"{}" if method == "POST" else None) as answer:
        assert answer.status == 404
        assert set(await answer.json()) == {"errorMessage", "errorType"}


async def test_next_has_the_client_context_where_there_is_one(api: RuntimeApi, client: ClientSession) -> None:
    asking = asyncio.create_task(_get(client, NEXT))
    await api.idle.wait()
    api.hand_over(Event("id-1", b"{}", "arn:f", 1234, "nonce-1", client_context='{"custom":{}}'))
    headers = (await asking)[2]
    assert headers["Lambda-Runtime-Client-Context"] == '{"custom":{}}'
    assert {name for name in headers if name.startswith("Lambda-")} == {
        "Lambda-Runtime-Aws-Request-Id",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invoked-Function-Arn",
        "Lambda-Runtime-Client-Context",
        "Lambda-Runtime-Invocation-Id",
    }, "a trace id and a Cognito identity that are not there have no empty headers"


@pytest.mark.parametrize("call", ["invocation", "init"])
async def test_an_error_may_name_its_type_and_its_cause_in_headers(
    api: RuntimeApi, client: ClientSession, call: str
) -> None:
    headers = {
        "Lambda-Runtime-Function-Error-Type": "Runtime.UnknownReason",
        "Lambda-Runtime-Function-XRay-Error-Cause": '{"working_directory":"/var/task","exceptions":[],"paths":[]}',
    }
    body = b'{"errorMessage":"no","errorType":"ValueError","stackTrace":["line"]}'
    if call == "init":
        assert await _post(client, "/2018-06-01/runtime/init/error", body, headers) == (202, None)
        assert api.init_error.result() == body
    else:
        reply = await take(api, client)
        assert await _post(client, of("error"), body, headers) == (202, None)
        assert (reply.result().payload, reply.result().failed) == (body, True)


async def test_an_accepted_answer_says_ok_and_a_refused_one_says_why(api: RuntimeApi, client: ClientSession) -> None:
    await take(api, client)
    async with client.post(of("response"), data=b"1") as answer:
        assert (answer.content_type, await answer.json()) == ("application/json", {"status": "OK"})
    async with client.post(of("response", "id-9"), data=b"1") as answer:
        told = await answer.json()
    assert told == {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}


async def test_a_stale_error_is_gone_as_well(api: RuntimeApi, client: ClientSession) -> None:
    reply = await take(api, client)
    stale = {"Lambda-Runtime-Invocation-Id": "nonce-0"}
    async with client.post(of("error"), data=b"{}", headers=stale) as answer:
        assert answer.status == 410
        assert await answer.json() == {"errorMessage": "Invoke timeout", "errorType": "InvokeTimeout"}
    assert not reply.done()


async def test_the_answer_to_an_earlier_event_is_invalid_while_a_later_one_is_under_way(
    api: RuntimeApi, client: ClientSession
) -> None:
    await take(api, client)
    assert await _post(client, of("response")) == (202, None)
    later = await take(api, client, Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    assert await _post(client, of("response")) == (400, "InvalidRequestID")
    assert not later.done()


async def test_after_a_response_that_was_too_large_the_runtime_may_ask_for_the_next_event(
    api: RuntimeApi, client: ClientSession
) -> None:
    await take(api, client)
    async with client.post(of("response"), data=io.BytesIO(b"x" * (LARGEST_RESPONSE + 1))) as answer:
        told = await answer.json()
    assert told["errorMessage"] == "Exceeded maximum allowed payload size (6291556 bytes)."
    reply = await take(api, client, Event("id-2", b"{}", "arn:f", 1234, "nonce-2"))
    assert await _post(client, of("response", "id-2")) == (202, None)
    assert reply.result().payload == b"{}"


async def test_an_init_error_after_the_first_poll_is_an_invalid_transition(
    api: RuntimeApi, client: ClientSession
) -> None:
    await take(api, client)
    assert await _post(client, "/2018-06-01/runtime/init/error") == (403, "InvalidStateTransition")


async def test_stopping_lets_go_of_who_waits(api: RuntimeApi, client: ClientSession) -> None:
    waiting = asyncio.create_task(_get(client, NEXT))
    await api.idle.wait()
    await api.stop()
    await eventually_async(waiting.done)
    waiting.exception()


async def test_a_poll_that_was_sent_ahead_comes_with_the_refusal_of_the_one_before_it_and_gets_the_event(
    api: RuntimeApi,
) -> None:
    host, _, port = (await api.start()).partition(":")
    ahead, ahead_writer = await asyncio.open_connection(host, int(port))
    ahead_writer.write(f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 2)
    await api.idle.wait()
    other, other_writer = await asyncio.open_connection(host, int(port))
    other_writer.write(f"GET {NEXT} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert (await read_answer(ahead)).status == 403
    assert (await asyncio.wait_for(read_answer(other), 10)).status == 403
    api.hand_over(EVENT)
    assert (await asyncio.wait_for(read_answer(ahead), 10)).body == EVENT.payload
    other_writer.close()
    ahead_writer.close()
