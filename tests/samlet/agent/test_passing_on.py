"""How an agent passes a streamed answer on: part by part."""

import asyncio

from samlet.agent.outgoing import Outgoing
from samlet.agent.passing_on import PassingOn
from samlet.runtime import wire
from samlet.runtime.answers import AnswerStream
from samlet.runtime.outcome import Outcome
from waiting import eventually_async


async def test_a_part_waits_until_the_one_before_it_was_taken_or_the_function_has_ended() -> None:
    said: list[bytes] = []

    async def send(message: wire.Message) -> None:
        if message["type"] == "part":
            said.append(wire.part_of(message))

    outgoing, stream = Outgoing(send), AnswerStream("id")
    sending = asyncio.create_task(outgoing.send())
    passing_on = PassingOn(stream, outgoing)
    stream.begin("a/b")
    stream.take(b"one")
    await eventually_async(lambda: said == [b"one"])
    stream.take(b"two")
    for _ in range(50):
        await asyncio.sleep(0)
    assert said == [b"one"]
    passing_on.taken()
    await eventually_async(lambda: said == [b"one", b"two"])
    stream.take(b"three")
    await asyncio.wait_for(passing_on.end(Outcome("id", b"")), 10)
    await outgoing.sent()
    assert said == [b"one", b"two", b"three"]
    sending.cancel()
