"""Letters to queues and topics: what asynchronous invocations have to say to destinations that are no functions."""

import asyncio
from collections.abc import Callable, Mapping

from samlet.aws_calls import AwsCalls, CallFailed
from samlet.errors import LetterLost

type Attributes = Mapping[str, tuple[str, str]]  # type and value by name


class Letters:
    """Sends to SQS and SNS of an AWS of one's own; `url` is where that is, None while there is none."""

    def __init__(self, url: Callable[[], str | None] = lambda: None) -> None:
        self._url = url

    async def send(self, arn: str, text: str, attributes: Attributes | None = None) -> None:
        """Send a text to the queue or topic of that ARN. Raises LetterLost."""
        url = self._url()
        if url is None:
            raise LetterLost("nothing local stands in for it")
        _, _, service, region, account, name = arn.split(":", 5)
        calls = AwsCalls(url, region)
        try:
            if service == "sqs":
                await asyncio.to_thread(_to_queue, calls, f"{url}/{account}/{name}", text, attributes or {})
            else:
                await asyncio.to_thread(_to_topic, calls, arn, text, attributes or {})
        except CallFailed as failure:
            raise LetterLost(str(failure)) from failure


def is_letterbox(arn: str) -> bool:
    """Whether letters can be sent there at all."""
    return arn.startswith(("arn:aws:sqs:", "arn:aws:sns:"))


def _to_queue(calls: AwsCalls, url: str, text: str, attributes: Attributes) -> None:
    told = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()}
    calls.json("sqs", "AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": text, "MessageAttributes": told})


def _to_topic(calls: AwsCalls, arn: str, text: str, attributes: Attributes) -> None:
    told: dict[str, str] = {}
    for number, (name, (kind, value)) in enumerate(attributes.items(), 1):
        entry = f"MessageAttributes.entry.{number}"
        told |= {f"{entry}.Name": name, f"{entry}.Value.DataType": kind, f"{entry}.Value.StringValue": value}
    calls.query("sns", "Publish", TopicArn=arn, Message=text, **told)
