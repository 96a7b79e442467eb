"""Queues between a topic or a bucket and a function, in a real moto: each message becomes an invocation, once."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from samlet.aws_calls import AwsCalls
from samlet.errors import FunctionNotFound
from samlet.model import MadeResource, Notification, Push, PushMapping, WantedResource
from samlet.processes import Reaper
from samlet.runtime.destination_client import DestinationClient
from samlet.runtime.outcome import Outcome
from samlet.services import Moto
from samlet.sources.pushes import PushSource
from waiting import eventually_async

REGION, ACCOUNT = "eu-west-1", "000000000000"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:F"

# One moto for all of them, and therefore one worker.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("pushes")]


class Recorder:
    """Stands for the functions: keeps the events that were accepted."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.targets: set[str] = set()
        self.lost = 0
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def invoke(self, _name: str, _payload: bytes) -> Outcome:
        raise NotImplementedError

    async def invoke_event(self, name: str, payload: bytes) -> str:
        self.entered.set()
        await self.gate.wait()
        if self.lost:
            self.lost -= 1
            raise FunctionNotFound(name)
        self.targets.add(name)
        self.events += json.loads(payload)["Records"]
        return "1"


class Place:
    """A moto, what was made in it, and sources that are stopped at the end."""

    def __init__(self, moto: Moto) -> None:
        self.moto = moto
        self.calls = AwsCalls(moto.url, REGION)
        self.functions = Recorder()
        self.sources: list[PushSource] = []

    async def make(self, kind: str, *pushes: Push, **properties: Any) -> MadeResource:
        resources = await self.moto.maker(REGION, ACCOUNT)
        name = f"R{secrets.token_hex(4)}"
        wanted = WantedResource(name, kind, name.lower(), properties, pushes=pushes)
        return await asyncio.to_thread(resources.make, wanted)

    async def topic(self, **policy: Any) -> MadeResource:
        made = await self.make("AWS::SNS::Topic", Push("sns", FUNCTION))
        return replace(made, pushes=tuple(replace(push, **policy) for push in made.pushes))

    async def poll(self, made: MadeResource) -> PushSource:
        (push,) = made.pushes
        destinations = DestinationClient(lambda: self.moto.url)
        source = PushSource(PushMapping("M", "F", "F:live", push), self.functions, self.calls, ACCOUNT, destinations)
        self.sources.append(source)
        await source.start()
        return source

    async def publish(self, made: MadeResource, text: str, **attributes: str) -> None:
        told = {"TopicArn": made.ref, "Message": text}
        for number, (name, value) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{number}"
            told |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
        await asyncio.to_thread(self.calls.query, "sns", "Publish", **told)

    async def left(self, made: MadeResource) -> int:
        (push,) = made.pushes
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        given = {"QueueUrl": self.url(push), "AttributeNames": names}
        told = await asyncio.to_thread(self.calls.json, "sqs", "AmazonSQS.GetQueueAttributes", given)
        return sum(int(number) for number in told["Attributes"].values())

    def url(self, push: Push) -> str:
        return f"{self.calls.url}/{ACCOUNT}/{push.queue.rpartition(':')[2]}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moto(tmp_path_factory: pytest.TempPathFactory, cache_with_moto: Path) -> AsyncIterator[Moto]:
    with Reaper() as reaper:
        environments, state = cache_with_moto / "environments", tmp_path_factory.mktemp("moto")
        server = Moto(state, environments=environments, port=0, setting="SAMLET_AWS_PORT", reaper=reaper)
        await server.maker(REGION, ACCOUNT)
        yield server
        await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def place(moto: Moto) -> AsyncIterator[Place]:
    made = Place(moto)
    yield made
    for source in made.sources:
        await source.stop()


async def test_each_message_of_a_topic_invokes_the_function_with_the_qualifier_once(place: Place) -> None:
    topic = await place.topic()
    for text in ("a", "b", "ü" * 50_000):
        await place.publish(topic, text, kind="x")
    source = await place.poll(topic)

    async def empty() -> bool:
        return await place.left(topic) == 0

    await eventually_async(empty)
    assert [event["Sns"]["Message"] for event in place.functions.events] == ["a", "b", "ü" * 50_000]
    assert {event["EventSubscriptionArn"] for event in place.functions.events} == {topic.pushes[0].origin}
    assert place.functions.events[0]["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "x"}}
    assert place.functions.targets == {"F:live"}
    assert source.status() == {
        "kind": "sns",
        "source": topic.pushes[0].source,
        "target": "F",
        "sent": 3,
        "filtered": 0,
    }


async def test_what_the_filter_keeps_back_is_counted_and_gone(place: Place) -> None:
    topic = await place.topic(filter_policy={"kind": ["a"]})
    for kind in ("a", "b"):
        await place.publish(topic, kind, kind=kind)
    source = await place.poll(topic)
    await eventually_async(lambda: source.status()["filtered"] == 1)
    await eventually_async(lambda: source.status()["sent"] == 1)
    assert [event["Sns"]["Message"] for event in place.functions.events] == ["a"]

    async def empty() -> bool:
        return await place.left(topic) == 0

    await eventually_async(empty)


async def test_an_upload_invokes_the_function_and_the_test_event_does_not(place: Place) -> None:
    push = Push("s3", FUNCTION, notifications=(Notification("s3:ObjectCreated:*"),))
    bucket = await place.make("AWS::S3::Bucket", push)
    await place.poll(bucket)
    await asyncio.to_thread(place.calls.put, "s3", f"/{bucket.ref}/in/a%20b", b"hello")
    await eventually_async(lambda: place.functions.events)
    (event,) = place.functions.events
    assert (event["eventName"], event["s3"]["object"]["key"]) == ("ObjectCreated:Put", "in/a+b")
    assert event["s3"]["bucket"]["name"] == bucket.ref


async def test_an_event_for_no_function_and_junk_in_the_queue_are_said_and_stop_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = await place.topic()
    place.functions.lost = 1
    await place.publish(topic, "lost")
    for body in ("no JSON", "[]", "{}"):
        given = {"QueueUrl": place.url(topic.pushes[0]), "MessageBody": body}
        await asyncio.to_thread(place.calls.json, "sqs", "AmazonSQS.SendMessage", given)
    await place.publish(topic, "found")
    await place.poll(topic)
    await eventually_async(lambda: place.functions.events)
    assert [event["Sns"]["Message"] for event in place.functions.events] == ["found"]
    said = capsys.readouterr().err
    assert said.count("M: what somebody put into its queue is left out") == 3
    assert said.count("M: an event is lost: ") == 1


@pytest.mark.parametrize("there", [True, False])
async def test_what_cannot_be_delivered_goes_to_the_queue_of_the_subscriptions_redrive_policy(
    place: Place, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    queue = await place.make("AWS::SQS::Queue")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.ref.rpartition('/')[2] if there else 'gone'}"
    topic = await place.topic(dead_letters=arn)
    place.functions.lost = 1
    await place.publish(topic, "undeliverable", kind="a")
    await place.publish(topic, "found")
    await place.poll(topic)
    await eventually_async(lambda: place.functions.events)
    assert [event["Sns"]["Message"] for event in place.functions.events] == ["found"]
    said = capsys.readouterr().err
    assert (said.count(f"M: an event went to {arn}: "), said.count("M: an event is lost: ")) == (there, not there)
    given = {"QueueUrl": queue.ref, "MaxNumberOfMessages": 10}
    left = (await asyncio.to_thread(place.calls.json, "sqs", "AmazonSQS.ReceiveMessage", given)).get("Messages", [])
    told = [json.loads(message["Body"]) for message in left]
    assert [(one["TopicArn"], one["Message"]) for one in told] == ([(topic.ref, "undeliverable")] if there else [])


async def test_a_source_that_has_stopped_takes_nothing_and_the_next_one_goes_on(place: Place) -> None:
    topic = await place.topic()
    source = await place.poll(topic)
    await source.stop()
    await place.publish(topic, "later")
    assert await place.left(topic) == 1
    await place.poll(topic)
    await eventually_async(lambda: place.functions.events)


async def test_what_is_being_sent_when_a_source_is_stopped_is_sent_and_gone(place: Place) -> None:
    topic = await place.topic()
    place.functions.gate.clear()
    await place.publish(topic, "a")
    source = await place.poll(topic)
    await asyncio.wait_for(place.functions.entered.wait(), 30)
    stopping = asyncio.create_task(source.stop())
    done, _ = await asyncio.wait([stopping], timeout=0.1)
    assert not done
    place.functions.gate.set()
    await stopping
    assert (len(place.functions.events), await place.left(topic)) == (1, 0)
