"""Topics and buckets that wake functions by themselves: what was made for them has to lead to a function that runs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from samlet.model import LATEST, Function, Push, PushMapping, Unsupported
from samlet.template.properties import Properties
from samlet.template.stack import Stack

_ONLY_MADE = "wake functions only where moto made them"
_SAYS = {  # where each says what it wakes
    "AWS::S3::Bucket": ("NotificationConfiguration", "buckets"),
    "AWS::SNS::Topic": ("Subscription", "topics"),
    "AWS::SNS::Subscription": ("Endpoint", "topics"),
}


def push_mappings(
    stack: Stack,
    functions: Mapping[str, Function],
    pushes: Iterable[tuple[str, str, Push]],
    destinations: Collection[str],
) -> tuple[PushMapping, ...]:
    """One for each of `pushes`, with their resource's logical id and type, to a runnable function; others are noted.

    `destinations` are the ARNs of queues and topics that a bucket may tell as well.
    """
    found = []
    for logical_id, kind, push in pushes:
        of_bucket = kind == "AWS::S3::Bucket"
        if of_bucket and push.target in destinations and not push.target.endswith(".fifo"):
            name = f"{logical_id}-{':'.join(push.target.split(':')[2::3])}"
            found.append(PushMapping(name, "", push.target, push))
            continue
        function, qualifier = stack.function_at(push.target), _qualifier(push.target)
        reason = _impossible(push.target, function, qualifier, functions, tells_others=of_bucket)
        if reason or function is None:
            stack.unsupported.append(Unsupported(logical_id, kind, f"{_SAYS[kind][0]}: {reason}"))
            continue
        target = f"{function}:{qualifier}" if qualifier else function
        name = logical_id if kind == "AWS::SNS::Subscription" else f"{logical_id}-{target}"
        if push.dead_letters and not _is_queue(push.dead_letters, destinations):
            text = f"RedrivePolicy: {push.dead_letters} is no queue that is there"
            stack.unsupported.append(Unsupported(logical_id, kind, text))
            push = replace(push, dead_letters=None)
        found.append(PushMapping(name, function, target, push))
    return tuple(found)


def unmade_pushes(stack: Stack) -> Iterator[Unsupported]:
    """A note for each topic and bucket that is to wake functions, where nothing is made."""
    for kind, (word, things) in _SAYS.items():
        for resource in stack.of_type(kind):
            if _asks(kind, resource.properties):
                yield Unsupported(resource.logical_id, kind, f"{word}: {things} {_ONLY_MADE}")


def counts_elsewhere(part: Unsupported, others: Mapping[str, str]) -> bool:
    """Whether a part is unsupported even if `others` are in somebody's own AWS, which wakes no function here."""
    return part.logical_id not in others or part.reason.endswith(_ONLY_MADE)


def _asks(kind: str, properties: Properties) -> bool:
    if kind == "AWS::S3::Bucket":
        return bool(properties.inner("NotificationConfiguration").items("LambdaConfigurations"))
    subscriptions = [properties] if kind == "AWS::SNS::Subscription" else properties.maps("Subscription")
    return any(item.text("Protocol", "").lower() == "lambda" for item in subscriptions)


def _is_queue(arn: str, destinations: Collection[str]) -> bool:
    """Whether it can take what a topic could not deliver: topics that wake functions have no FIFO queues for that."""
    return arn in destinations and ":sqs:" in arn and not arn.endswith(".fifo")


def _impossible(
    target: str, function: str | None, qualifier: str, functions: Mapping[str, Function], *, tells_others: bool
) -> str | None:
    if not target.startswith("arn:"):
        return f"needs an ARN, not {target}"
    if tells_others and ":function:" not in target and target.endswith(".fifo"):
        return f"{target}: S3 tells no FIFO queue or topic, on AWS neither"
    if tells_others and target.startswith(("arn:aws:sqs:", "arn:aws:sns:")):
        return f"{target} is no queue or topic that is there"
    if function is None:
        return f"{target} is no function of this template"
    if function not in functions:
        return f"{function} cannot be run"
    known = functions[function]
    if qualifier not in ("", LATEST) and qualifier not in (*known.aliases, *known.versions):
        return f"{function} has no alias or version {qualifier}"
    return None


def _qualifier(target: str) -> str:
    """What an ARN has behind the function's name."""
    return target.partition(":function:")[2].partition(":")[2]
