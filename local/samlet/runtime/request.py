"""What is asked of a sandbox, wherever its process is."""

from dataclasses import dataclass

from samlet.model import LATEST
from samlet.runtime.answers import AnswerStream
from samlet.runtime.identifiers import new_nonce, trace_header
from samlet.runtime.runtime_call import Event


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt of an event; with `any_code` it meets what is loaded, whatever was saved meanwhile.

    The answer goes to `stream` while it is made, if there is one.
    """

    request_id: str
    payload: bytes
    client_context: str | None = None
    trace_id: str | None = None
    qualifier: str | None = None
    version: str = LATEST
    any_code: bool = False
    stream: AnswerStream | None = None


class CodeChanged(Exception):
    """Files of the function were saved while the sandbox started: it may have loaded old ones, and serves nothing."""


def event_of(request: Request, arn: str, deadline: float) -> Event:
    """What a runtime is told of an attempt; `deadline` is in epoch seconds."""
    return Event(
        request.request_id,
        request.payload,
        arn,
        int(deadline * 1000),
        new_nonce(),
        trace_header(request.trace_id),
        request.client_context,
    )
