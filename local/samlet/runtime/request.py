"""What is asked of a sandbox, wherever its process is."""

from dataclasses import dataclass

from samlet.model import LATEST
from samlet.runtime.answers import AnswerStream


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
