"""What an observer hears of invocations, from real sandboxes."""

import asyncio
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.errors import Throttled
from samlet.runtime import Observer, Observers, Outcome, logs, woken, woken_by
from samlet.runtime.sandbox import Sandbox
from waiting import eventually_async

TALKS = """
    import time
    print("at import")
    def handler(event, context):
        print("handles", event)
        time.sleep(event)
        return event
"""


class Notes(Observer):
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def began(self, function: str, request_id: str, payload: bytes, qualifier: str | None) -> None:
        self.heard.append(("began", function, request_id, payload, qualifier, woken()))

    def printed(self, function: str, request_id: str, line: str) -> None:
        self.heard.append(("printed", function, request_id, line))

    def ended(self, function: str, outcome: Outcome) -> None:
        self.heard.append(("ended", function, outcome.request_id))

    def refused(self, function: str, request_id: str, payload: bytes, reason: str) -> None:
        self.heard.append(("refused", function, payload, reason))

    def broke(self, function: str, request_id: str, error: str) -> None:
        self.heard.append(("broke", function, error))


async def test_an_observer_hears_of_an_event_its_lines_and_its_end(make: MakeFunction, running: Running) -> None:
    notes = Notes()
    async with running(make(TALKS, aliases={"live": "1"}, versions=("1",)), observer=notes) as functions:
        with woken_by("schedule", "nightly"):
            outcome = await functions.invoke("Echo:live", b"0")
    began, *lines, ended = notes.heard
    assert began[:5] == ("began", "Echo", outcome.request_id, b"0", "live")
    assert (began[5].kind, began[5].name) == ("schedule", "nightly")
    own = ("printed", "Echo", outcome.request_id)
    assert lines == [(*own, "at import"), (*own, "handles 0")]
    assert ended == ("ended", "Echo", outcome.request_id)


async def test_what_woke_an_event_is_told_though_it_waited_for_the_end_of_another(
    make: MakeFunction, running: Running
) -> None:
    notes = Notes()
    async with running(make(TALKS), observer=notes, max_sandboxes=1) as functions:
        await functions.invoke("Echo", b"0.0")  # so that the others come in order
        with woken_by("schedule", "first"):
            first = functions.invoke("Echo", b"0.2")
        with woken_by("schedule", "second"):
            second = functions.invoke("Echo", b"0.1")
        await asyncio.gather(first, second, functions.invoke("Echo", b"0"))
    wakers = [(heard[3], heard[5].name if heard[5] else "") for heard in notes.heard if heard[0] == "began"]
    assert wakers[1:] == [(b"0.2", "first"), (b"0.1", "second"), (b"0", "")]


async def test_who_waits_for_an_answer_has_it_before_the_end_of_its_log_is_written(
    make: MakeFunction, running: Running
) -> None:
    notes = Notes()
    async with running(make(TALKS), observer=notes) as functions:
        asked = functions.invoke("Echo", b"0")
        asked.add_done_callback(lambda _: notes.heard.append(("told",)))
        outcome = await asked
        await eventually_async(lambda: notes.heard[-1] == ("ended", "Echo", outcome.request_id))
    assert ("told",) in notes.heard[:-1]
    assert outcome.log_tail.decode().splitlines()[-1].startswith("REPORT RequestId: ")


async def test_what_is_printed_between_two_events_belongs_to_none_though_it_is_shown_later(
    make: MakeFunction, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 60.0)
    source = """
        import threading
        def handler(event, context):
            threading.Timer(event, print, ["between"]).start()
    """
    notes = Notes()
    async with running(make(source), observer=notes) as functions:
        await functions.invoke("Echo", b"0.2")
        await eventually_async(lambda: notes.heard[-1][0] == "ended")
        [sandbox] = functions._pools["Echo"].sandboxes
        assert isinstance(sandbox, Sandbox)
        await eventually_async(lambda: sandbox._log._unshown)
        await functions.invoke("Echo", b"60")
    assert ("printed", "Echo", "", "between") in notes.heard


async def test_lines_of_events_that_run_at_once_are_told_apart(make: MakeFunction, running: Running) -> None:
    notes = Notes()
    async with running(make(TALKS), observer=notes) as functions:
        outcomes = await asyncio.gather(*(functions.invoke("Echo", f"0.{number}".encode()) for number in (2, 3)))
    for outcome in outcomes:
        lines = [one[3] for one in notes.heard if one[0] == "printed" and one[2] == outcome.request_id]
        assert f"handles {outcome.payload.decode()}" in lines
        assert len([line for line in lines if line.startswith("handles")]) == 1


async def test_an_observer_hears_of_events_that_are_refused_and_of_those_that_are_broken_off(
    make: MakeFunction, running: Running
) -> None:
    notes = Notes()
    async with running(make(TALKS, reserved_concurrency=1), observer=notes) as functions:
        slow = asyncio.ensure_future(functions.invoke("Echo", b"60"))
        await eventually_async(lambda: any(one[0] == "printed" and "handles" in one[3] for one in notes.heard))
        with pytest.raises(Throttled):
            await functions.invoke("Echo", b"0")
    await asyncio.gather(slow, return_exceptions=True)
    assert [one[:3] for one in notes.heard if one[0] == "refused"] == [("refused", "Echo", b"0")]
    assert [one[:2] for one in notes.heard if one[0] == "broke"] == [("broke", "Echo")]


async def test_later_attempts_of_an_event_know_what_woke_the_first(make: MakeFunction, running: Running) -> None:
    notes = Notes()
    async with running(make(TALKS), observer=notes) as functions:
        with woken_by("schedule", "nightly"):
            await functions.invoke_event("Echo", b"0")
        assert woken() is None
        await eventually_async(lambda: any(one[0] == "ended" for one in notes.heard))
    assert notes.heard[0][5].name == "nightly"


def test_several_observers_hear_the_same_each() -> None:
    first, second = Notes(), Notes()
    both = Observers(first, second)
    both.began("F", "1", b"{}", None)
    both.printed("F", "1", "a line")
    both.ended("F", Outcome("1", b"{}"))
    both.refused("F", "2", b"{}", "all are busy")
    both.broke("F", "3", "gone")
    assert [kind for kind, *_ in first.heard] == ["began", "printed", "ended", "refused", "broke"]
    assert first.heard == second.heard
