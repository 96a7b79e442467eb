"""What `local` and an agent say to each other over their WebSocket: JSON objects, told apart by `type`.

local to agent    configure, invoke, taken
agent to local    ready, line, begun, part, outcome, leaving

A streamed answer comes in parts before its outcome, each when the one before it was taken. An agent that was built
before there were any says its answer in the outcome alone.

Who speaks another `VERSION` of it is not let in.
"""

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from samlet.model import LATEST, Function
from samlet.runtime.answers import LARGEST_STREAM, AnswerStream
from samlet.runtime.outcome import Outcome
from samlet.runtime.request import Request
from samlet.runtime.sandbox_settings import SandboxSettings

VERSION = "1"
VERSION_HEADER = "X-Agent-Protocol"
HEARTBEAT = 5.0  # seconds; who does not answer a ping within half of it is gone
_PROVISIONED_INIT = 130.0  # seconds; what AWS gives at least to a start that no event waits for
LARGEST_MESSAGE = LARGEST_STREAM // 3 * 4 + 1024 * 1024  # the longest answer in base64, and what is around it

type Message = dict[str, Any]


def configure(function: Function, settings: SandboxSettings) -> Message:
    """What an agent must know to run a function; it is told and not kept in the container, secrets included."""
    return {
        "type": "configure",
        "function": {
            "logical_id": function.logical_id,
            "name": function.name,
            "runtime": function.runtime,
            "handler": function.handler,
            "environment": {**function.environment, **settings.extra_environment},
            "overrides": dict(function.overrides),
            "timeout": function.timeout,
            "memory": function.memory,
        },
        "region": settings.region,
        "account": settings.account,
        "init_limit": _init_limit(function, settings),
    }


def _init_limit(function: Function, settings: SandboxSettings) -> float:
    """Seconds for a start ahead of events, which is what provisioned concurrency does on AWS.

    One that is given up begins at nought, so on a machine that is slow for a while none would ever come up.
    """
    return max(settings.init_limit, _PROVISIONED_INIT, function.timeout)


def configured(message: Message, code: Path, settings: SandboxSettings) -> tuple[Function, SandboxSettings]:
    """The other way round, with the agent's own folder of code."""
    kept = {name: message[name] for name in ("region", "account", "init_limit")}
    return Function(**message["function"], code=code), replace(settings, **kept)


def invoke(request: Request) -> Message:
    """One event."""
    return {
        "type": "invoke",
        "request_id": request.request_id,
        "payload": _text(request.payload),
        "client_context": request.client_context,
        "trace_id": request.trace_id,
        "qualifier": request.qualifier,
        "version": request.version,
        "streamed": request.stream is not None,
    }


def invoked(message: Message) -> Request:
    """The other way round."""
    payload = base64.b64decode(message["payload"])
    return Request(
        message["request_id"],
        payload,
        message["client_context"],
        message["trace_id"],
        message.get("qualifier"),
        message.get("version", LATEST),
        stream=AnswerStream(message["request_id"]) if message.get("streamed") else None,
    )


def begun(request_id: str, content_type: str | None) -> Message:
    """A streamed answer begins."""
    return {"type": "begun", "request_id": request_id, "content_type": content_type}


def part(request_id: str, content: bytes) -> Message:
    """The next part of it."""
    return {"type": "part", "request_id": request_id, "payload": _text(content)}


def part_of(message: Message) -> bytes:
    """The other way round."""
    return base64.b64decode(message["payload"])


def taken() -> Message:
    """Another part may come."""
    return {"type": "taken"}


def line(text: str) -> Message:
    """One line that the function has printed."""
    return {"type": "line", "text": text}


def outcome(result: Outcome, pid: int | None) -> Message:
    """What became of an event, and the process that the next one will meet."""
    return {
        "type": "outcome",
        "request_id": result.request_id,
        "payload": _text(result.payload),
        "function_error": result.function_error,
        "log_tail": _text(result.log_tail),
        "duration_ms": result.duration_ms,
        "init_ms": result.init_ms,
        "memory_used": result.memory_used,
        "streamed": result.streamed,
        "pid": pid,
    }


def outcome_of(message: Mapping[str, Any]) -> Outcome:
    """The other way round."""
    return Outcome(
        message["request_id"],
        base64.b64decode(message["payload"]),
        message["function_error"],
        base64.b64decode(message["log_tail"]),
        message["duration_ms"],
        message["init_ms"],
        message["memory_used"],
        message.get("streamed"),
    )


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
