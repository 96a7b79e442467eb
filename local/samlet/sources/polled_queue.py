"""A queue of SQS as a source sees it: messages are received, and deleted once they are dealt with."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from samlet.aws_calls import AwsCalls, CallFailed
from samlet.log import say
from samlet.sources.queue_event import Message

AT_ONCE = 10
"""Messages that come with one answer, at most."""
IDLE = 1.0
"""Seconds between two looks into an empty queue."""


class PolledQueue:
    """The queue of an ARN; that it cannot be polled is said once, on behalf of `name`."""

    def __init__(self, name: str, arn: str, calls: AwsCalls, account: str) -> None:
        self._name = name
        self._arn = arn
        self._calls = calls
        self._url = f"{calls.url}/{account}/{arn.rpartition(':')[2]}"
        self._lost = False

    async def receive(self, most: int) -> Sequence[Message]:
        """Up to `most` messages, 10 at most; none where the queue is empty, or cannot be reached."""
        wanted = {"MaxNumberOfMessages": most, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = await self._ask("ReceiveMessage", wanted)
        messages: Sequence[Message] = answer.get("Messages") or []
        return messages

    async def delete(self, messages: Sequence[Message]) -> None:
        """Let messages go."""
        for begin in range(0, len(messages), AT_ONCE):
            part = messages[begin : begin + AT_ONCE]
            entries = [{"Id": str(n), "ReceiptHandle": item["ReceiptHandle"]} for n, item in enumerate(part)]
            await self._ask("DeleteMessageBatch", {"Entries": entries})

    async def _ask(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        given = {"QueueUrl": self._url, **arguments}
        try:
            answer = await asyncio.to_thread(self._calls.json, "sqs", f"AmazonSQS.{action}", given)
        except CallFailed as failure:
            if not self._lost:
                say("samlet", f"{self._name}: {self._arn} cannot be polled: {failure}", level="warning")
            self._lost = True
            return {}
        self._lost = False
        return answer
