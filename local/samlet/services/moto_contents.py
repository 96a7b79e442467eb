"""What resources in moto hold that a person would miss: what is made anew is empty."""

from collections.abc import Callable
from xml.etree.ElementTree import Element

from samlet.aws_calls import AwsCalls, CallFailed

_WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def contents(calls: AwsCalls, kind: str, ref: str) -> str | None:
    """What the resource of that type holds, in words; None where it holds nothing, or is gone."""
    look = _LOOKS.get(kind)
    try:
        return look(calls, ref) if look else None
    except CallFailed:
        return None


def _queue(calls: AwsCalls, ref: str) -> str | None:
    given = {"QueueUrl": ref, "AttributeNames": list(_WAITING)}
    told = calls.json("sqs", "AmazonSQS.GetQueueAttributes", given)["Attributes"]
    return _counted(sum(int(told.get(name, 0)) for name in _WAITING), "message")


def _bucket(calls: AwsCalls, ref: str) -> str | None:
    listed: Element = calls.get("s3", f"/{ref}?versions")
    return _counted(len(listed.findall("Version")) + len(listed.findall("DeleteMarker")), "object")


def _table(calls: AwsCalls, ref: str) -> str | None:
    told = calls.json("dynamodb", "DynamoDB_20120810.DescribeTable", {"TableName": ref})
    return _counted(int(told["Table"].get("ItemCount", 0)), "item")


def _counted(count: int, word: str) -> str | None:
    return f"{count} {word}{'s' if count > 1 else ''}" if count else None


_LOOKS: dict[str, Callable[[AwsCalls, str], str | None]] = {
    "AWS::SQS::Queue": _queue,
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
}
