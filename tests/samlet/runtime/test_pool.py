"""Who waits for a sandbox, and what becomes of an event that did."""

import asyncio
import json
import select
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime.observer import Observer
from samlet.runtime.pool import Lendable, Pool, Scale
from samlet.runtime.request import Request
from samlet.runtime.sandbox import Sandbox
from samlet.runtime.sandbox_settings import SandboxSettings

FUNCTION = Function("Echo", "echo", "python3.13", "app.handler", Path(), timeout=3, memory=128)


@pytest.fixture
async def pool(reaper: Reaper) -> AsyncIterator[Pool]:
    """One sandbox, which starts no process before it is asked to."""
    settings = SandboxSettings(reaper, "eu-central-1", "000000000000", {}, None, 10.0)
    pool = Pool(FUNCTION, lambda function: Sandbox(function, settings), scale=Scale(1, 1), queue_seconds=10)
    yield pool
    for sandbox in pool.end():
        await sandbox.stop()


async def test_who_waits_has_a_sandbox_in_the_moment_in_which_it_is_free(pool: Pool) -> None:
    began: list[Lendable] = []
    first = await pool.borrow(began.append)
    assert began == [first]
    waiting = asyncio.create_task(pool.borrow(began.append))
    await asyncio.sleep(0)
    assert began == [first]
    pool.give_back(first)
    assert began == [first, first], "without another round of the event loop"
    assert await waiting is first


async def test_who_waits_for_long_gets_a_sandbox_more_and_all_who_do_one_after_the_other_up_to_a_limit(
    reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samlet.runtime.pool._PATIENCE", 0.05)
    monkeypatch.setattr("samlet.runtime.pool._PACE", 0.02)
    settings = SandboxSettings(reaper, "eu-central-1", "000000000000", {}, None, 10.0)
    pool = Pool(FUNCTION, lambda function: Sandbox(function, settings), scale=Scale(1, 3), queue_seconds=10)
    first = await pool.borrow()
    waiting = [asyncio.create_task(pool.borrow()) for _ in range(3)]
    await asyncio.sleep(0)
    assert pool.sandboxes == [first], "a quick event would soon be over"
    second, third = await asyncio.wait_for(asyncio.gather(*waiting[:2]), 10)
    assert pool.sandboxes == [first, second, third]
    await asyncio.sleep(0.2)  # time for a fourth one
    assert not waiting[2].done()
    pool.give_back(second)
    assert await waiting[2] is second
    assert pool.sandboxes == [first, second, third]
    for sandbox in pool.end():
        await sandbox.stop()


async def test_who_waits_again_and_again_but_never_for_long_gets_no_sandbox_more(
    reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samlet.runtime.pool._PATIENCE", 0.2)
    settings = SandboxSettings(reaper, "eu-central-1", "000000000000", {}, None, 10.0)
    pool = Pool(FUNCTION, lambda function: Sandbox(function, settings), scale=Scale(1, 3), queue_seconds=10)
    sandbox = await pool.borrow()
    for _ in range(60):
        waiting = asyncio.create_task(pool.borrow())
        await asyncio.sleep(0.01)
        pool.give_back(sandbox)
        assert await waiting is sandbox
    assert pool.sandboxes == [sandbox]
    await sandbox.stop()


async def test_an_event_that_waited_ends_by_its_own_answer_time_out_or_crash(
    make: MakeFunction, running: Running
) -> None:
    source = """
        import os, time
        def handler(event, context):
            print("this is", event)
            if event == "sleep":
                time.sleep(60)
            if event == "exit":
                os._exit(3)
            if event == "fail":
                raise ValueError(event)
            return event
    """
    events = ["a", "sleep", "b", "exit", "c", "fail", "d"]
    async with running(make(source, timeout=1), max_sandboxes=1) as functions:
        outcomes = await asyncio.gather(*(functions.invoke("Echo", json.dumps(event).encode()) for event in events))
    answers = [json.loads(outcome.payload) for outcome in outcomes]
    assert [answer if isinstance(answer, str) else answer["errorType"] for answer in answers] == [
        *("a", "Sandbox.Timedout", "b", "Runtime.ExitError", "c", "ValueError", "d")
    ]
    for event, outcome in zip(events, outcomes, strict=True):
        lines = outcome.log_tail.decode().splitlines()
        assert lines[0].startswith(f"START RequestId: {outcome.request_id}")
        assert [line for line in lines if line.startswith("this is")] == [f"this is {event}"]


async def test_what_an_event_prints_at_once_is_not_taken_for_the_last_ones_though_that_log_is_ended_later(
    make: MakeFunction, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        def handler(event, context):
            print("this is", event)
    """
    hand_over = Sandbox._hand_over

    def slowly(sandbox: Sandbox, request: Request) -> None:
        """Go on only once the function has printed its line."""
        hand_over(sandbox, request)
        assert sandbox._log._reader is not None
        assert select.select([sandbox._log._reader], [], [], 10)[0]

    async with running(make(source), max_sandboxes=1) as functions:
        await functions.invoke("Echo", b"0")
        monkeypatch.setattr(Sandbox, "_hand_over", slowly)
        outcomes = await asyncio.gather(*(functions.invoke("Echo", number) for number in (b"1", b"2", b"3")))
    for number, outcome in enumerate(outcomes, 1):
        start, line, end, report = outcome.log_tail.decode().splitlines()
        assert line == f"this is {number}"
        assert {start.split()[2], end.split()[2], report.split()[2]} == {outcome.request_id}


async def test_what_fails_when_an_event_begins_is_told_to_who_wanted_it_and_costs_no_sandbox(pool: Pool) -> None:
    def fail(_sandbox: Lendable) -> None:
        raise RuntimeError("begin")

    with pytest.raises(RuntimeError, match="begin"):
        await pool.borrow(fail)
    first = await pool.borrow()
    waiting = asyncio.create_task(pool.borrow(fail))
    await asyncio.sleep(0)
    pool.give_back(first)
    with pytest.raises(RuntimeError, match="begin"):
        await waiting
    assert await pool.borrow() is first


@pytest.mark.parametrize("warm", [True, False], ids=["handed over", "before its process is there"])
@pytest.mark.parametrize("waiting", [True, False], ids=["that waited", "at once"])
async def test_an_observer_that_fails_costs_no_event_and_frees_no_busy_sandbox(
    make: MakeFunction, running: Running, capsys: pytest.CaptureFixture[str], *, warm: bool, waiting: bool
) -> None:
    class Failing(Observer):
        def began(self, function: str, request_id: str, payload: bytes, qualifier: str | None) -> None:
            raise RuntimeError("nobody looks")

    source = """
        def handler(event, context):
            return event
    """
    async with running(make(source), max_sandboxes=1, observer=Failing()) as functions:
        if warm:
            await functions.warm("Echo")
        numbers = range(3 if waiting else 1)
        outcomes = await asyncio.gather(*(functions.invoke("Echo", str(number).encode()) for number in numbers))
        outcomes.append(await functions.invoke("Echo", b"9"))
    assert [outcome.payload for outcome in outcomes] == [b"%d" % number for number in (*numbers, 9)]
    assert capsys.readouterr().err.count("RuntimeError: nobody looks") == len(outcomes)


async def test_what_fails_once_a_sandbox_is_busy_with_the_event_leaves_it_lent(pool: Pool) -> None:
    def fail(sandbox: Lendable) -> None:
        sandbox.state = "busy"
        raise RuntimeError("begin")

    first = await pool.borrow(fail)
    waiting = asyncio.create_task(pool.borrow(fail))
    await asyncio.sleep(0)
    assert not waiting.done(), "the sandbox is at work"
    pool.give_back(first)
    assert await waiting is first


OVER_HTTP = """
import os, time, urllib.request
def answer(request_id, body):
    api = os.environ["AWS_LAMBDA_RUNTIME_API"]
    url = f"http://{api}/2018-06-01/runtime/invocation/{request_id}/response"
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST")).read()
"""
BY_THE_CLIENT = """
import sys, time
def answer(request_id, body):
    sys.modules["runtime_client"].post_invocation_result(request_id, body, "application/json")
"""


@pytest.mark.parametrize("way", [OVER_HTTP, BY_THE_CLIENT], ids=["over HTTP", "by the client"])
@pytest.mark.parametrize("dawdling", [0, 0.3], ids=["at once", "later"])
async def test_no_event_is_lost_to_a_function_that_answers_by_itself_and_returns_as_well(
    make: MakeFunction, running: Running, capsys: pytest.CaptureFixture[str], way: str, dawdling: float
) -> None:
    handler = f"""
def handler(event, context):
    print("this is", event)
    if event == "twice":
        answer(context.aws_request_id, b'"by hand"')
        time.sleep({dawdling})
    return event
"""
    async with running(make(way + handler), max_sandboxes=1) as functions:
        await functions.invoke("Echo", b'"first"')
        events = ["twice", "a", "b", "twice", "c"]
        outcomes = await asyncio.gather(*(functions.invoke("Echo", json.dumps(event).encode()) for event in events))
    answers = [json.loads(outcome.payload) for outcome in outcomes]
    assert answers == ["by hand", "a", "b", "by hand", "c"]
    err = capsys.readouterr().err
    for event, outcome in zip(events, outcomes, strict=True):
        lines = outcome.log_tail.decode().splitlines()
        assert [line for line in lines if line.startswith("this is")] == [f"this is {event}"]
        assert err.count(f"START RequestId: {outcome.request_id}") == 1
        assert err.count(f"REPORT RequestId: {outcome.request_id}") == 1
