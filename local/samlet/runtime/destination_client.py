"""Sends to destinations that are no functions: queues and topics get messages, buckets get objects."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from samlet.aws_calls import AwsCalls, CallFailed
from samlet.errors import DeliveryFailed
from samlet.runtime.outcome import Outcome

type Attributes = Mapping[str, tuple[str, str]]  # type and value by name


class DestinationClient:
    """Sends to SQS and SNS of an AWS of one's own; `url` is where that is, None while there is none."""

    def __init__(self, url: Callable[[], str | None] = lambda: None) -> None:
        self._url = url

    async def send(
        self, arn: str, text: str, attributes: Attributes | None = None, *, subject: str | None = None
    ) -> None:
        """Send a text to the queue or topic of that ARN, for a topic with a subject. Raises DeliveryFailed."""
        _, _, service, region, account, name = arn.split(":", 5)
        calls = self._calls(region)
        if service == "sqs":
            await _made(_to_queue, calls, f"{calls.url}/{account}/{name}", text, attributes or {})
        else:
            await _made(_to_topic, calls, arn, text, attributes or {}, subject)

    async def store(self, arn: str, key: str, text: str) -> None:
        """Put a text into the bucket of that ARN as the object `key`. Raises DeliveryFailed."""
        await _made(self._calls("us-east-1").put, "s3", f"/{arn.rpartition(':')[2]}/{quote(key)}", text.encode())

    def _calls(self, region: str) -> AwsCalls:
        url = self._url()
        if url is None:
            raise DeliveryFailed("nothing local stands in for it")
        return AwsCalls(url, region)


def is_queue_or_topic(arn: str) -> bool:
    """Whether messages can be sent there."""
    return arn.startswith(("arn:aws:sqs:", "arn:aws:sns:"))


def is_bucket(arn: str) -> bool:
    """Whether objects can be stored there."""
    return arn.startswith("arn:aws:s3:::")


def object_key(prefix: str, now: float) -> str:
    """The name that Lambda gives to an object with an invocation's record; `now` in epoch seconds."""
    return f"{prefix}/{datetime.fromtimestamp(now, UTC):%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def envelope(now: float, request_id: str, function_arn: str, condition: str, attempts: int) -> dict[str, object]:
    """What the records of all kinds of invocations begin with; `now` in epoch seconds."""
    return {
        "version": "1.0",
        "timestamp": timestamp(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
    }


def response_context(outcome: Outcome, version: str) -> dict[str, object]:
    """What they say of the function's last answer."""
    failed = {"functionError": outcome.function_error} if outcome.function_error else {}
    return {"statusCode": 200, "executedVersion": version} | failed


def timestamp(seconds: float) -> str:
    """A time (epoch seconds) as AWS writes it, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _made[*Args](call: Callable[[*Args], object], *args: *Args) -> None:
    try:
        await asyncio.to_thread(call, *args)
    except CallFailed as failure:
        raise DeliveryFailed(str(failure)) from failure


def _to_queue(calls: AwsCalls, url: str, text: str, attributes: Attributes) -> None:
    told = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()}
    calls.json("sqs", "AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": text, "MessageAttributes": told})


def _to_topic(calls: AwsCalls, arn: str, text: str, attributes: Attributes, subject: str | None) -> None:
    told: dict[str, str] = {"Subject": subject} if subject else {}
    for number, (name, (kind, value)) in enumerate(attributes.items(), 1):
        entry = f"MessageAttributes.entry.{number}"
        told |= {f"{entry}.Name": name, f"{entry}.Value.DataType": kind, f"{entry}.Value.StringValue": value}
    calls.query("sns", "Publish", TopicArn=arn, Message=text, **told)
