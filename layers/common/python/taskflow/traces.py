"""The trace that a request, its events and its mails share: W3C's `traceparent`, which goes on whether anybody looks.

Only where TRACES_ENDPOINT is set are its steps recorded and sent, by `taskflow.collector`, and only there is
OpenTelemetry's SDK imported. Otherwise a span is nothing but the context that goes on.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Literal, Protocol

from taskflow.settings import Environment

Kind = Literal["server", "producer", "consumer", "client", "internal"]
Attributes = Mapping[str, str | int]

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Span:
    """One step of a trace. This one is not recorded: its context is the one that it was given."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def rename(self, name: str) -> None:
        """Give it the name that was not known when it began."""

    def note(self, attributes: Attributes) -> None:
        """Add what is known only now; never what a person wrote, is called or can be reached by."""

    def fail(self, error_type: str) -> None:
        """Mark it as failed; the kind of the error alone, because its words may be personal."""

    def end(self, at: int | None = None) -> None:
        """The step is over, now or since `at` (nanoseconds of the epoch)."""


class Recorder(Protocol):
    """What records spans and sends them; `collector.OtlpRecorder` is the one that there is."""

    def admit(self, traceparent: str) -> str:
        """The same context, with our own decision on whether its spans are kept."""
        ...

    def begin(
        self, name: str, kind: Kind, parent: str | None, links: Sequence[str], attributes: Attributes, since: int | None
    ) -> Span:
        """A span that has begun, now or at `since` (nanoseconds of the epoch)."""
        ...

    def flush(self) -> None:
        """Let what has ended arrive, for as long as a request may be held up for it."""
        ...


_recorder: Recorder | None = None
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def start(service: str, environment: Environment | None = None) -> None:
    """Record this function's spans from now on, if TRACES_ENDPOINT says where to send them."""
    global _recorder
    settings = environment or Environment()
    endpoint = settings.text("TRACES_ENDPOINT", "")
    if not endpoint:
        _recorder = None
        return
    from taskflow.collector import OtlpRecorder  # imported only where it is wanted

    _recorder = OtlpRecorder(service, endpoint, settings.number("TRACES_RATIO", 1.0))


def flush() -> None:
    """Before a handler returns: a sandbox may be frozen right after it."""
    if _recorder is not None:
        _recorder.flush()


def traced[**P, Result](service: str) -> Callable[[Callable[P, Result]], Callable[P, Result]]:
    """Around a handler: its spans are this service's, and leave before it returns."""

    def decorate(handler: Callable[P, Result]) -> Callable[P, Result]:
        start(service)

        @wraps(handler)
        def flushing(*args: P.args, **kwargs: P.kwargs) -> Result:
            try:
                return handler(*args, **kwargs)
            finally:
                flush()

        return flushing

    return decorate


@contextmanager
def span(
    name: str, kind: Kind, *, parent: str | None, links: Sequence[str] = (), attributes: Attributes | None = None
) -> Iterator[Span]:
    """A step of the parent's trace, or the first one of a new trace; an error that goes through it marks it."""
    if _recorder is None:
        yield Span(parent)
        return
    begun = _recorder.begin(name, kind, parent, links, attributes or {}, None)
    before = _current.set(begun.traceparent)
    try:
        yield begun
    except Exception as error:
        begun.fail(type(error).__name__)
        raise
    finally:
        _current.reset(before)
        begun.end()


def record(
    name: str,
    kind: Kind,
    *,
    parent: str | None,
    since: int,
    until: int,
    attributes: Attributes,
    error_type: str | None = None,
) -> None:
    """A step that is over already; it took from `since` to `until` (nanoseconds of the epoch)."""
    if _recorder is not None:
        done = _recorder.begin(name, kind, parent, (), attributes, since)
        if error_type is not None:
            done.fail(error_type)
        done.end(until)


def current() -> str | None:
    """The span that we are in, if it is recorded."""
    return _current.get()


def from_outside(header: str | None) -> str | None:
    """A caller's context, if it is a valid one: the trace goes on, but whether it is recorded is for us to say."""
    parent = valid(header)
    return parent if parent is None or _recorder is None else _recorder.admit(parent)


def valid(traceparent: str | None) -> str | None:
    """The traceparent, unless it is none."""
    return traceparent if traceparent is not None and _TRACEPARENT.fullmatch(traceparent) else None


def new_traceparent() -> str:
    """The start of a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id(traceparent: str) -> str:
    """The part that all steps of a trace have in common: our correlation id."""
    return traceparent.split("-")[1]


def message_attributes(
    operation: Literal["create", "send", "process"], topic: str, event_id: str
) -> dict[str, str | int]:
    """OpenTelemetry's attributes of one message on its way over Kafka."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": event_id,
    }
