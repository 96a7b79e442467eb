"""What an event source needs of the runtime: a way to run a function, nothing else."""

from collections.abc import Awaitable
from typing import Protocol

from samlet.runtime.answers import AnswerStream
from samlet.runtime.outcome import Outcome


class Invoker(Protocol):
    """Runs functions by logical id, name or ARN."""

    def invoke(self, name: str, payload: bytes) -> Awaitable[Outcome]:
        """Run a function, which runs on when who waits gives up or is cancelled.

        Raises FunctionNotFound, or Throttled where a concurrency limit is met.
        """
        ...

    async def invoke_event(self, name: str, payload: bytes) -> str:
        """Queue an event as Lambda's asynchronous invocation does, and return its request id."""
        ...


class TracingInvoker(Invoker, Protocol):
    """The same for a source whose events belong to traces."""

    def invoke(
        self, name: str, payload: bytes, *, trace_id: str | None = None, request_id: str | None = None
    ) -> Awaitable[Outcome]:
        """Run a function as part of the trace that a header of AWS X-Ray names; `request_id` is the invocation's."""
        ...


class StreamingInvoker(TracingInvoker, Protocol):
    """The same for a source that hands an answer on while it is made."""

    def invoke_stream(
        self, name: str, payload: bytes, *, trace_id: str | None = None, request_id: str | None = None
    ) -> AnswerStream:
        """Run a function; who reads no more has to drop the stream. It runs on all the same."""
        ...
