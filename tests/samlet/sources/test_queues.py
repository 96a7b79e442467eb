"""Queues of a real moto that wake a function."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from samlet.aws_calls import AwsCalls
from samlet.errors import FunctionNotFound, Throttled
from samlet.model import QueueMapping, WantedResource
from samlet.processes import Reaper
from samlet.runtime.outcome import Outcome
from samlet.services import Moto
from samlet.sources.queues import QueueSource
from waiting import eventually_async

REGION, ACCOUNT = "eu-west-1", "000000000000"

# One moto for all of them, and therefore one worker.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("queues")]


class Recorder:
    """Stands for the functions: answers as `answer` says, and keeps the bodies of each batch."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.answer: Callable[[list[dict[str, Any]]], Any] = lambda _: None
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def invoke(self, _name: str, payload: bytes) -> Outcome:
        records = json.loads(payload)["Records"]
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.batches.append([record["body"] for record in records])
        try:
            await self.gate.wait()
            answer = self.answer(records)
        finally:
            self.at_once -= 1
        return Outcome("1", json.dumps(answer).encode(), "Unhandled" if answer == "fail" else None)

    async def invoke_event(self, _name: str, _payload: bytes) -> str:
        raise NotImplementedError


class Queue:
    """One queue, and the source that polls it."""

    def __init__(self, moto: Moto, url: str, functions: Recorder) -> None:
        self.calls = AwsCalls(moto.url, REGION)
        self.url = url
        self.functions = functions
        self.source: QueueSource | None = None

    async def ask(self, action: str, **given: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self.calls.json, "sqs", f"AmazonSQS.{action}", {"QueueUrl": self.url, **given})

    async def send(self, *bodies: str, **more: Any) -> None:
        for body in bodies:
            await self.ask("SendMessage", MessageBody=body, **more)

    async def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = await self.ask("GetQueueAttributes", AttributeNames=names)
        return sum(int(number) for number in told["Attributes"].values())

    async def poll(self, **properties: Any) -> QueueSource:
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.url.rpartition('/')[2]}"
        self.source = QueueSource(QueueMapping("M", "F", arn, **properties), self.functions, self.calls, ACCOUNT)
        await self.source.start()
        return self.source


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moto(tmp_path_factory: pytest.TempPathFactory, cache_with_moto: Path) -> AsyncIterator[Moto]:
    with Reaper() as reaper:
        environments, state = cache_with_moto / "environments", tmp_path_factory.mktemp("moto")
        server = Moto(state, environments=environments, port=0, setting="SAMLET_AWS_PORT", reaper=reaper)
        yield server
        await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def queue(moto: Moto) -> AsyncIterator[Queue]:
    resources = await moto.maker(REGION, ACCOUNT)
    name = f"jobs-{secrets.token_hex(4)}"
    wanted = WantedResource(name.replace("-", ""), "AWS::SQS::Queue", name, {"VisibilityTimeout": 1})
    made = Queue(moto, (await asyncio.to_thread(resources.make, wanted)).ref, Recorder())
    yield made
    if made.source:
        await made.source.stop()


async def test_messages_wake_the_function_and_are_gone_when_it_succeeds(queue: Queue) -> None:
    await queue.send("a", "b", "c")
    source = await queue.poll()

    async def empty() -> bool:
        return await queue.left() == 0

    await eventually_async(empty)
    assert sorted(body for batch in queue.functions.batches for body in batch) == ["a", "b", "c"]
    assert (source.status()["handled"], source.status()["failed"]) == (3, 0)


async def test_a_failed_batch_comes_again_and_so_does_a_throttled_one(queue: Queue) -> None:
    answers: list[Any] = ["fail", "throttled", None]

    def answer(_: list[dict[str, Any]]) -> Any:
        next_one = answers.pop(0)
        if next_one == "throttled":
            raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded", "busy")
        return next_one

    queue.functions.answer = answer
    await queue.send("a")
    source = await queue.poll()
    await eventually_async(lambda: source.status()["handled"] == 1, timeout=30)
    assert queue.functions.batches == [["a"]] * 3
    assert source.status()["failed"] == 2


async def test_a_batch_whose_function_is_gone_comes_again_and_that_is_said(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[Any] = [FunctionNotFound("F"), None]

    def answer(_: list[dict[str, Any]]) -> Any:
        if (next_one := answers.pop(0)) is not None:
            raise next_one

    queue.functions.answer = answer
    await queue.send("a")
    source = await queue.poll()
    await eventually_async(lambda: source.status()["handled"] == 1, timeout=30)
    assert source.status()["failed"] == 1
    assert "its messages come again" in capsys.readouterr().err


async def test_with_partial_failures_only_what_failed_comes_again(queue: Queue) -> None:
    tried: list[str] = []

    def answer(records: list[dict[str, Any]]) -> Any:
        failed = [record["messageId"] for record in records if record["body"] == "b" and "b" not in tried]
        tried.extend(record["body"] for record in records)
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}

    queue.functions.answer = answer
    await queue.send("a", "b")
    source = await queue.poll(partial_failures=True)
    await eventually_async(lambda: source.status()["handled"] == 2, timeout=30)
    assert sorted(tried) == ["a", "b", "b"]


async def test_a_window_gathers_a_batch_of_more_than_one_look(queue: Queue) -> None:
    await queue.send(*map(str, range(12)))
    source = await queue.poll(batch_size=12, window=20)
    await eventually_async(lambda: source.status()["handled"] == 12, timeout=15)
    assert [len(batch) for batch in queue.functions.batches] == [12]


async def test_no_batch_is_larger_than_its_size_and_no_more_run_at_once_than_allowed(queue: Queue) -> None:
    queue.functions.gate.clear()
    await queue.send(*map(str, range(6)))
    source = await queue.poll(batch_size=1, max_concurrency=2)
    await eventually_async(lambda: queue.functions.at_once == 2)
    queue.functions.gate.set()
    await eventually_async(lambda: source.status()["handled"] >= 6, timeout=30)
    assert (queue.functions.most_at_once, {len(batch) for batch in queue.functions.batches}) == (2, {1})


async def test_a_queue_that_cannot_be_reached_is_told_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await queue.ask("DeleteQueue")
    looks, ask = [], queue.calls.json

    def look(*arguments: Any) -> dict[str, Any]:
        looks.append(arguments)
        return ask(*arguments)

    monkeypatch.setattr(queue.calls, "json", look)
    await queue.poll()
    await eventually_async(lambda: len(looks) > 2)
    assert capsys.readouterr().err.count("cannot be polled") == 1
