"""Where a template sends what fails or is given up: such a place has to be there, and of a kind that AWS takes."""

from collections.abc import Collection

from samlet.template.stack import Resource, Stack

_FIFO = "is FIFO, which AWS does not take there"


def can_deliver(
    stack: Stack, resource: Resource, where: str, arn: str, *, there: Collection[str], kinds: str, fifo: str = _FIFO
) -> bool:
    """Whether `arn` can be delivered to; if not, that is noted about `resource`, in the words of `where`.

    `there` are the ARNs of what was made, `kinds` names what they may be, `fifo` says why a FIFO one is none of them.
    """
    if arn not in there:
        stack.refuse(resource, f"{where}: {arn} is no {kinds} that is there")
    elif arn.endswith(".fifo"):
        stack.refuse(resource, f"{where}: {arn} {fifo}")
    else:
        return True
    return False
