"""Who waits for a sandbox, and what becomes of an event that did."""

import asyncio
import json
from pathlib import Path

from functions_on_the_spot import MakeFunction, Running
from samlet.model import Function
from samlet.processes import Reaper
from samlet.runtime.pool import Lendable, Pool
from samlet.runtime.sandbox import Sandbox
from samlet.runtime.surroundings import Surroundings

FUNCTION = Function("Echo", "echo", "python3.13", "app.handler", Path(), timeout=3, memory=128)


async def test_who_waits_has_a_sandbox_in_the_moment_in_which_it_is_free(reaper: Reaper) -> None:
    surroundings = Surroundings(reaper, "eu-central-1", "000000000000", {}, None, 10.0)
    pool = Pool(FUNCTION, lambda function: Sandbox(function, surroundings), max_sandboxes=1, queue_seconds=10)
    began: list[Lendable] = []
    first = await pool.borrow(began.append)
    assert began == [first]
    waiting = asyncio.create_task(pool.borrow(began.append))
    await asyncio.sleep(0)
    assert began == [first]
    pool.give_back(first)
    assert began == [first, first], "without another round of the event loop"
    assert await waiting is first
    for sandbox in pool.end():
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
