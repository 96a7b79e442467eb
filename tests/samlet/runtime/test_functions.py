"""Names, limits, queues and changes: what stands in front of the sandboxes."""

import asyncio
import json
from dataclasses import replace

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.errors import FunctionNotFound, Throttled
from waiting import eventually_async

SLOW = """
    import os, time
    def handler(event, context):
        time.sleep(event)
        return os.getpid()
"""


@pytest.mark.parametrize(
    "name",
    [
        "Echo",
        "test-echo",
        "test-echo:live",
        "arn:aws:lambda:eu-central-1:000000000000:function:test-echo",
        "arn:aws:lambda:eu-central-1:000000000000:function:test-echo:$LATEST",
        "000000000000:function:test-echo",
    ],
)
async def test_a_function_is_found_by_every_name_that_aws_knows(
    make: MakeFunction, running: Running, name: str
) -> None:
    async with running(make("", aliases={"live": "1"}, versions=("1",))) as functions:
        assert functions.resolve(name).logical_id == "Echo"


async def test_an_invocation_has_the_id_that_it_is_given(make: MakeFunction, running: Running) -> None:
    told = "def handler(event, context):\n    return context.aws_request_id\n"
    given = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
    async with running(make(told)) as functions:
        outcome = await functions.invoke("Echo", b"{}", request_id=given[0])
        stream = functions.invoke_stream("Echo", b"{}", request_id=given[1])
        streamed = await stream.outcome
    assert [stream.request_id, streamed.request_id, outcome.request_id] == [given[1], given[1], given[0]]
    assert [json.loads(each.payload) for each in (outcome, streamed)] == given
    assert f"START RequestId: {given[0]} " in outcome.log_tail.decode()


@pytest.mark.parametrize("name", ["test-echo:blue", "test-echo:2", "Echo:", "no name", "a:b:c:d"])
async def test_an_unknown_qualifier_or_what_is_no_name_is_refused(
    make: MakeFunction, running: Running, name: str
) -> None:
    async with running(make("", aliases={"live": "1"}, versions=("1",))) as functions:
        with pytest.raises(FunctionNotFound):
            functions.resolve(name)


async def test_an_unknown_function_is_refused(make: MakeFunction, running: Running) -> None:
    async with running(make("")) as functions:
        with pytest.raises(FunctionNotFound):
            await functions.invoke("Nobody", b"{}")


async def test_at_the_reserved_concurrency_an_event_is_throttled_at_once(make: MakeFunction, running: Running) -> None:
    async with running(make(SLOW, reserved_concurrency=1)) as functions:
        await functions.warm("Echo")
        first = asyncio.ensure_future(functions.invoke("Echo", b"30"))
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["state"] == "busy")
        with pytest.raises(Throttled) as refused:
            await asyncio.wait_for(functions.invoke("Echo", b"0"), 1)
        assert refused.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
        first.cancel()


async def test_a_reserved_concurrency_of_zero_refuses_everything(make: MakeFunction, running: Running) -> None:
    async with running(make(SLOW, reserved_concurrency=0)) as functions:
        with pytest.raises(Throttled):
            await functions.invoke("Echo", b"0")
        assert functions.status()["Echo"]["sandboxes"] == []


async def test_without_a_reserved_concurrency_events_wait_for_a_sandbox(make: MakeFunction, running: Running) -> None:
    async with running(make(SLOW), max_sandboxes=2) as functions:
        outcomes = await asyncio.gather(*(functions.invoke("Echo", b"0.05") for _ in range(10)))
        assert all(outcome.ok for outcome in outcomes)
        assert 1 <= len({outcome.payload for outcome in outcomes}) <= 2
        assert len(functions.status()["Echo"]["sandboxes"]) <= 2


async def test_an_event_that_waits_too_long_is_throttled_and_the_log_names_the_limit(
    make: MakeFunction, running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    async with running(make(SLOW), max_sandboxes=1, queue_seconds=0.2) as functions:
        await functions.warm("Echo")
        first = asyncio.ensure_future(functions.invoke("Echo", b"30"))
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["state"] == "busy")
        with pytest.raises(Throttled) as refused:
            await functions.invoke("Echo", b"0")
        assert refused.value.reason == "ConcurrentInvocationLimitExceeded"
        first.cancel()
    assert "SAMLET_MAX_SANDBOXES" in capfd.readouterr().err


async def test_a_function_runs_on_when_its_caller_is_gone(make: MakeFunction, running: Running) -> None:
    async with running(make(SLOW)) as functions:
        await functions.warm("Echo")
        caller = asyncio.ensure_future(functions.invoke("Echo", b"0.3"))
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["state"] == "busy")
        caller.cancel()
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["invocations"] == 1)


async def test_an_idle_sandbox_ends_after_a_while(make: MakeFunction, running: Running) -> None:
    async with running(make(SLOW), idle_seconds=0.2) as functions:
        assert await functions.warm("Echo")
        assert functions.status()["Echo"]["state"] == "warm"
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"] == [])


async def test_a_busy_sandbox_finishes_before_it_is_replaced(make: MakeFunction, running: Running) -> None:
    function = make(SLOW)
    async with running(function) as functions:
        await functions.warm("Echo")
        first = asyncio.ensure_future(functions.invoke("Echo", b"0.5"))
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["state"] == "busy")
        (function.code / "app.py").write_text("def handler(event, context):\n    return 'new'\n")
        functions.outdate(["Echo"])
        assert json.loads((await functions.invoke("Echo", b"0")).payload) == "new"
        assert (await first).ok


async def test_a_changed_template_replaces_what_differs_and_nothing_else(make: MakeFunction, running: Running) -> None:
    source = "import os\ndef handler(event, context):\n    return [os.environ.get('COLOUR'), os.getpid()]\n"
    kept, changed, gone = (make(source, name) for name in ("Kept", "Changed", "Gone"))
    async with running(kept, changed, gone) as functions:
        before = {name: json.loads((await functions.invoke(name, b"0")).payload) for name in ("Kept", "Changed")}
        blue = replace(changed, environment={"COLOUR": "blue"})
        await functions.replace({"Kept": kept, "Changed": blue})
        assert json.loads((await functions.invoke("Kept", b"0")).payload) == before["Kept"]
        assert json.loads((await functions.invoke("Changed", b"0")).payload)[0] == "blue"
        with pytest.raises(FunctionNotFound):
            await functions.invoke("Gone", b"0")


async def test_stopping_leaves_no_process(make: MakeFunction, running: Running) -> None:
    async with running(make(SLOW)) as functions:
        await functions.warm("Echo")
        asyncio.ensure_future(functions.invoke("Echo", b"30")).add_done_callback(lambda task: task.cancelled())
        await eventually_async(lambda: functions.status()["Echo"]["sandboxes"][0]["state"] == "busy")
    assert all(sandbox["pid"] is None for sandbox in functions.status()["Echo"]["sandboxes"])


async def test_after_a_stop_no_sandbox_is_started_any_more(make: MakeFunction, running: Running) -> None:
    async with running(make("def handler(event, context): return event")) as functions:
        await functions.stop()
        for asked in (functions.invoke("Echo", b"1"), functions.warm("Echo")):
            with pytest.raises(Throttled, match="Samlet is stopping"):
                await asyncio.wait_for(asked, 10)
        await functions.replace({"Other": make("def handler(event, context): return event", "Other")})
        with pytest.raises(Throttled, match="Samlet is stopping"):
            await asyncio.wait_for(functions.invoke("Other", b"1"), 10)
        assert not any(one["sandboxes"] for one in functions.status().values())
