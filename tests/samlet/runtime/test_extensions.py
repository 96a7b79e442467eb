"""The Extensions API over its socket, as an extension inside a runtime uses it, and who hears SIGTERM."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from functions_on_the_spot import MakeFunction, Running
from samlet.runtime.extensions import Extensions
from samlet.runtime.runtime_api import RuntimeApi
from samlet.runtime.runtime_call import Event
from waiting import eventually_async

NEXT = "/2018-06-01/runtime/invocation/next"
PREFIX = "/2020-01-01/extension"
NAME = {"Lambda-Extension-Name": "inside"}


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    api = RuntimeApi(Extensions("echo", "app.handler", "111122223333"))
    yield api
    await api.stop()


@pytest.fixture
async def client(api: RuntimeApi) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://{await api.start()}") as session:
        yield session


async def call(
    client: ClientSession, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> tuple[int, Any, dict[str, str]]:
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    async with client.request(method, PREFIX + path, headers=headers, data=content) as answer:
        told = await answer.read()
        return answer.status, json.loads(told) if told else None, dict(answer.headers)


async def register(client: ClientSession, *events: str) -> dict[str, str]:
    """Register and return the header that later calls carry."""
    status, _, headers = await call(client, "POST", "/register", NAME, {"events": events})
    assert status == 200
    return {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}


async def test_who_registers_is_told_of_the_function_and_of_the_account_only_when_it_asks(
    api: RuntimeApi, client: ClientSession
) -> None:
    assert not api.extensions.registered
    status, told, headers = await call(client, "POST", "/register", NAME, {"events": []})
    assert (status, told) == (
        200,
        {"functionName": "echo", "functionVersion": "$LATEST", "handler": "app.handler"},
    )
    assert uuid.UUID(headers["Lambda-Extension-Identifier"])
    assert api.extensions.registered
    wants = NAME | {"Lambda-Extension-Accept-Feature": "accountId"}
    assert (await call(client, "POST", "/register", wants, {"events": []}))[1]["accountId"] == "111122223333"


async def test_who_registered_for_it_hears_of_an_invocation_and_who_did_not_hears_nothing(
    api: RuntimeApi, client: ClientSession
) -> None:
    hears, deaf = await register(client, "INVOKE"), await register(client)
    waiting = asyncio.create_task(call(client, "GET", "/event/next", hears))
    silent = asyncio.create_task(call(client, "GET", "/event/next", deaf))
    asking = asyncio.create_task(call(client, "GET", f"/../..{NEXT}"))
    await api.idle.wait()
    api.hand_over(Event("id-1", b"{}", "arn:f", 1234, "nonce-1", trace_id="Root=1"))
    status, told, headers = await waiting
    assert (status, told) == (
        200,
        {
            "eventType": "INVOKE",
            "deadlineMs": 1234,
            "requestId": "id-1",
            "invokedFunctionArn": "arn:f",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1"},
        },
    )
    assert uuid.UUID(headers["Lambda-Extension-Event-Identifier"])
    await asking
    assert not silent.done()
    await api.stop()
    await eventually_async(silent.done)
    silent.exception()


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({}, {"events": []}, "Extension.InvalidExtensionName"),
        (NAME, b"no JSON", "InvalidRequestFormat"),
        (NAME, [], "InvalidRequestFormat"),
        (NAME, {"events": 1}, "InvalidRequestFormat"),
        (NAME, {"events": ["SHUTDOWN"]}, "Extension.InvalidEventType"),
        (NAME, {"events": ["INVOKE", "SLEEP"]}, "Extension.InvalidEventType"),
    ],
)
async def test_a_registration_that_is_not_right_is_refused_with_its_reason(
    api: RuntimeApi, client: ClientSession, headers: dict[str, str], body: Any, kind: str
) -> None:
    status, told, _ = await call(client, "POST", "/register", headers, body)
    assert (status, told["errorType"]) == (403, kind)
    assert not api.extensions.registered


async def test_no_events_may_be_said_in_several_ways(client: ClientSession) -> None:
    bodies: list[Any] = [{"events": []}, {"events": None}, {}, b""]
    for body in bodies:
        assert (await call(client, "POST", "/register", NAME, body))[0] == 200


async def test_there_may_be_ten_extensions_and_none_after_the_initialisation(
    api: RuntimeApi, client: ClientSession
) -> None:
    for _ in range(10):
        await register(client)
    assert (await call(client, "POST", "/register", NAME))[1]["errorType"] == "Extension.TooManyExtensions"
    asking = asyncio.create_task(call(client, "GET", f"/../..{NEXT}"))
    await eventually_async(lambda: api.asked)
    assert (await call(client, "POST", "/register", NAME))[1]["errorType"] == "Extension.RegistrationClosed"
    assert not api.idle.is_set(), "ten extensions have yet to ask for an event"
    asking.cancel()


async def test_a_sandbox_is_free_when_the_runtime_and_all_that_registered_have_asked_for_an_event(
    api: RuntimeApi, client: ClientSession
) -> None:
    both = [await register(client, "INVOKE"), await register(client, "INVOKE")]
    asking = [asyncio.create_task(call(client, "GET", "/event/next", known)) for known in both]
    await eventually_async(lambda: not api.extensions.pending)
    assert not api.idle.is_set()
    asking.append(asyncio.create_task(call(client, "GET", f"/../..{NEXT}")))
    await api.idle.wait()
    api.hand_over(Event("id-1", b"{}", "arn:f", 1234, "nonce-1"))
    await asyncio.gather(*asking[:2])
    assert api.extensions.late == ["inside", "inside"]
    assert (await call(client, "POST", f"/../..{NEXT.replace('next', 'id-1/response')}", {}, {}))[0] == 202
    asking.append(asyncio.create_task(call(client, "GET", f"/../..{NEXT}")))
    assert (await call(client, "GET", "/register"))[0] == 404
    assert not api.idle.is_set()
    asking.append(asyncio.create_task(call(client, "GET", "/event/next", both[0])))
    await eventually_async(lambda: len(api.extensions.late) == 1)
    assert not api.idle.is_set()
    asking.append(asyncio.create_task(call(client, "GET", "/event/next", both[1])))
    await api.idle.wait()
    for task in asking:
        task.cancel()


async def test_a_program_registers_once_by_its_files_name_and_may_hear_of_the_end(
    api: RuntimeApi, client: ClientSession
) -> None:
    api.extensions.expect("inside")
    known = await register(client, "INVOKE", "SHUTDOWN")
    assert api.extensions.lines == ["EXTENSION\tName: inside\tState: Registered\tEvents: [INVOKE,SHUTDOWN]"]
    status, told, _ = await call(client, "POST", "/register", NAME, {"events": []})
    assert (status, told["errorType"]) == (403, "Extension.InvalidExtensionState")
    api.extensions.expect("deaf")
    assert (await call(client, "POST", "/register", {"Lambda-Extension-Name": "deaf"}, {"events": ["INVOKE"]}))[
        0
    ] == 200
    assert api.extensions.shut_down("spindown", 1234) == {"inside"}
    assert (await call(client, "GET", "/event/next", known))[1] == {
        "eventType": "SHUTDOWN",
        "shutdownReason": "spindown",
        "deadlineMs": 1234,
    }


@pytest.mark.parametrize(("path", "name"), [("/2022-07-01/telemetry", "Telemetry"), ("/2020-08-15/logs", "Logs")])
async def test_a_subscription_to_telemetry_is_answered_as_by_awss_emulator_and_said_to_send_nothing(
    client: ClientSession, capfd: pytest.CaptureFixture[str], path: str, name: str
) -> None:
    assert (await call(client, "PUT", f"/../..{path}", {}, {}))[1][
        "errorType"
    ] == "Extension.MissingExtensionIdentifier"
    known = await register(client)
    status, told, _ = await call(client, "PUT", f"/../..{path}", known, {"types": ["platform"]})
    assert (status, told["errorType"]) == (202, f"{name}.NotSupported")
    await eventually_async(lambda: f"inside: the {name} API sends nothing here" in capfd.readouterr().err)


@pytest.mark.parametrize(("method", "path"), [("GET", "/event/next"), ("POST", "/init/error"), ("POST", "/exit/error")])
async def test_a_call_needs_the_identifier_of_somebody_who_registered(
    client: ClientSession, method: str, path: str
) -> None:
    kinds = {
        "": "Extension.MissingExtensionIdentifier",
        "nonsense": "Extension.InvalidExtensionIdentifier",
        str(uuid.uuid4()): "Extension.UnknownExtensionIdentifier",
    }
    for identifier, kind in kinds.items():
        status, told, _ = await call(client, method, path, {"Lambda-Extension-Identifier": identifier})
        assert (status, told["errorType"]) == (403, kind)


@pytest.mark.parametrize("path", ["/init/error", "/exit/error"])
async def test_an_error_of_an_extension_needs_its_type_and_ends_its_events(client: ClientSession, path: str) -> None:
    known = await register(client, "INVOKE")
    status, told, _ = await call(client, "POST", path, known, {})
    assert (status, told["errorType"]) == (403, "Extension.MissingHeader")
    kind = {"Lambda-Extension-Function-Error-Type": "Extension.Broken"}
    status, told, _ = await call(client, "POST", path, known | kind, {"errorMessage": "no"})
    assert (status, told) == (202, {"status": "OK"})
    status, told, _ = await call(client, "GET", "/event/next", known)
    assert (status, told["errorType"]) == (403, "Extension.InvalidExtensionState")


async def test_what_is_no_call_of_the_extensions_api_is_not_found(client: ClientSession) -> None:
    assert (await call(client, "GET", "/register"))[0] == 404
    assert (await call(client, "PUT", "/event/next"))[0] == 404


SAYS_GOODBYE = """
    import json, os, signal, sys, threading, urllib.request
    def goodbye(number, frame):
        open(os.environ["GOODBYE"], "w").close()
        sys.exit(0)
    signal.signal(signal.SIGTERM, goodbye)
    if os.environ.get("REGISTER"):
        address = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/register"
        name = {"Lambda-Extension-Name": "inside"}
        answer = urllib.request.urlopen(urllib.request.Request(address, b'{"events": []}', name))
        me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
        waits = urllib.request.Request(address.replace("register", "event/next"), headers=me)
        threading.Thread(target=urllib.request.urlopen, args=(waits,), daemon=True).start()
    def handler(event, context):
        return os.getpid()
"""


@pytest.mark.parametrize(
    ("registers", "graceful", "heard"),
    [("", False, False), ("1", False, True), ("", True, True)],
    ids=["nobody registered", "an extension registered", "graceful"],
)
async def test_sigterm_is_heard_where_an_extension_registered_or_with_graceful_and_nowhere_else(
    make: MakeFunction,
    running: Running,
    tmp_path: Path,
    registers: str,
    graceful: bool,
    heard: bool,
) -> None:
    goodbye = tmp_path / "goodbye"
    variables = {"GOODBYE": str(goodbye), "REGISTER": registers}
    async with running(make(SAYS_GOODBYE, environment=variables), graceful=graceful) as functions:
        assert (await functions.invoke("Echo", b"1")).ok
    assert goodbye.exists() is heard


async def test_who_does_not_end_after_sigterm_is_killed_all_the_same(make: MakeFunction, running: Running) -> None:
    source = """
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        def handler(event, context):
            return os.getpid()
    """
    async with running(make(source), graceful=True) as functions:
        pid = json.loads((await functions.invoke("Echo", b"1")).payload)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
