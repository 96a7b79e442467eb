"""Answers that are streamed: what comes out while a function still runs, and how it ends in every case."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions_on_the_spot import MakeFunction, Running
from samlet.console.record import Record
from samlet.http_parts import BrokenOff
from samlet.model import Function
from samlet.runtime import Functions, answers
from samlet.runtime.answers import AnswerStream
from waiting import eventually_async

type Make = Callable[..., Function]


def asked(functions: Functions, **event: Any) -> AnswerStream:
    return functions.invoke_stream("Echo", json.dumps(event).encode())


async def rest(stream: AnswerStream) -> bytes:
    parts = []
    while part := await stream.read():
        parts.append(part)
    return b"".join(parts)


async def is_served(functions: Functions) -> bool:
    """Whether the function is there for the next event."""
    return await rest(asked(functions, say=["again"])) == b"again"


async def test_a_part_is_there_before_the_function_has_made_the_next_one(
    streaming: Make, running: Running, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with running(streaming()) as functions:
        stream = asked(functions, say=["one", "two"], gates=[None, str(gate)], type="text/x")
        assert await stream.begun()
        assert stream.content_type == "text/x"
        assert await stream.read() == b"one"
        assert not stream.outcome.done()
        gate.touch()
        assert await rest(stream) == b"two"
        outcome = await stream.outcome
        assert (outcome.ok, outcome.payload, outcome.size) == (True, b"onetwo", 6)
        assert b"REPORT RequestId: " + stream.request_id.encode() in outcome.log_tail


async def test_who_wants_a_streamed_answer_whole_gets_it_whole(streaming: Make, running: Running) -> None:
    async with running(streaming()) as functions:
        outcome = await functions.invoke("Echo", json.dumps({"say": ["one", "two"]}).encode())
        assert (outcome.ok, outcome.payload, outcome.streamed) == (True, b"onetwo", None)


async def test_a_failure_that_is_told_in_trailers_is_one_for_whoever_asked(streaming: Make, running: Running) -> None:
    event = {"say": ["one"], "end": "trailers"}
    async with running(streaming()) as functions:
        outcome = await functions.invoke("Echo", json.dumps(event).encode())
        assert (outcome.ok, json.loads(outcome.payload)["errorType"]) == (False, "Late")
        stream = asked(functions, **event)
        assert await stream.read() == b"one"
        with pytest.raises(BrokenOff):
            await stream.read()
        assert json.loads((await stream.outcome).payload) == {"errorType": "Late", "errorMessage": "told to fail"}
        assert await is_served(functions)


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 42"),
        ("hang", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("cut", "Runtime.TruncatedResponse", "The function's response ended before its end"),
    ],
)
async def test_what_comes_to_no_end_is_broken_off_and_the_next_event_is_served(
    streaming: Make, running: Running, end: str, kind: str, words: str
) -> None:
    async with running(streaming(timeout=1)) as functions:
        assert await is_served(functions)
        stream = asked(functions, say=["one"], end=end)
        assert await stream.read() == b"one"
        with pytest.raises(BrokenOff):
            await stream.read()
        outcome = await stream.outcome
        told = json.loads(outcome.payload)
        assert (outcome.function_error, told["errorType"]) == ("Unhandled", kind)
        assert told["errorMessage"].endswith(words)
        assert await is_served(functions)


async def test_a_failure_before_the_first_byte_begins_no_answer(streaming: Make, running: Running) -> None:
    async with running(streaming()) as functions:
        stream = asked(functions, end="error")
        assert not await stream.begun()
        assert json.loads((await stream.outcome).payload)["errorType"] == "Early"
        assert await is_served(functions)


async def test_a_function_that_does_not_stream_is_read_all_the_same(make: MakeFunction, running: Running) -> None:
    async with running(make("def handler(event, context):\n    return {'a': event}\n")) as functions:
        stream = functions.invoke_stream("Echo", b"1")
        assert await rest(stream) == b'{"a": 1}'
        assert stream.content_type == "application/json"
        assert (await stream.outcome).payload == b'{"a": 1}'


async def test_a_reader_who_does_not_read_holds_the_function_up(
    streaming: Make, running: Running, tmp_path: Path
) -> None:
    size, progress = 32 * 1024 * 1024, tmp_path / "progress"
    progress.touch()
    async with running(streaming(timeout=30)) as functions:
        stream = asked(functions, size=size, progress=str(progress))
        assert await stream.begun()
        await eventually_async(lambda: stream._paused)
        assert stream.size < 1024 * 1024
        # The function is stopped by the kernel's buffers, whose size is the machine's; it is not at its end.
        assert progress.stat().st_size * 65536 < size
        assert not stream.outcome.done()
        assert len(await rest(stream)) == size
        assert (await stream.outcome).size == size


async def test_a_function_goes_on_to_its_end_for_a_reader_who_has_gone(streaming: Make, running: Running) -> None:
    size = 32 * 1024 * 1024
    async with running(streaming(timeout=30)) as functions:
        stream = asked(functions, say=["one"], size=size)
        await eventually_async(lambda: stream._paused)
        stream.drop()
        outcome = await stream.outcome
        assert (outcome.ok, outcome.size, len(outcome.payload)) == (True, size + 3, answers.LARGEST_KEPT)
        assert await stream.read() == b""
        assert await is_served(functions)


async def test_a_streamed_answer_over_the_limit_is_broken_off(
    streaming: Make, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answers.LARGEST_STREAM == 200 * 1024 * 1024
    monkeypatch.setattr(answers, "LARGEST_STREAM", 1024 * 1024)
    async with running(streaming()) as functions:
        stream = asked(functions, size=2 * 1024 * 1024)
        with pytest.raises(BrokenOff):
            await rest(stream)
        assert json.loads((await stream.outcome).payload)["errorType"] == "Function.ResponseSizeTooLarge"
        assert stream.size <= 1024 * 1024
        assert await is_served(functions)


async def test_the_record_tells_the_size_of_a_streamed_answer_and_keeps_its_beginning(
    streaming: Make, running: Running
) -> None:
    record, size = Record(), 4 * answers.LARGEST_KEPT
    async with running(streaming(), observer=record) as functions:
        assert len(await rest(asked(functions, size=size))) == size
        await eventually_async(lambda: next(record.newest()).state == "ok")
        [invocation] = record.newest()
        assert (invocation.answer_size, len(invocation.answer)) == (size, answers.LARGEST_KEPT)
        await asked(functions, say=["one"], end="trailers").outcome
        await eventually_async(lambda: next(record.newest()).state == "error")
        failed = next(record.newest())
        assert failed.answer_size == len(failed.answer)


async def test_stopping_breaks_off_what_is_being_streamed(streaming: Make, running: Running) -> None:
    async with running(streaming()) as functions:
        stream = asked(functions, say=["one"], end="hang")
        assert await stream.read() == b"one"
    with pytest.raises(BrokenOff):
        await stream.read()
