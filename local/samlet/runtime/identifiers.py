"""Identifiers of an event. They have to differ, not to be secret, and the system's random numbers cost too much."""

import base64
import os
import time
from random import Random

_random = Random(os.urandom(32))  # noqa: S311


def new_request_id() -> str:
    """A request id: a UUID of version 4."""
    noise = f"{_random.getrandbits(128):032x}"
    return f"{noise[:8]}-{noise[8:12]}-4{noise[13:16]}-{'89ab'[int(noise[16], 16) % 4]}{noise[17:20]}-{noise[20:]}"


def new_gateway_request_id() -> str:
    """A request id of API Gateway's HTTP APIs."""
    return base64.b64encode(_random.randbytes(11)).decode()


def new_nonce() -> str:
    """What tells one attempt of an event from another."""
    return f"{_random.getrandbits(128):032x}"


def new_trace_root() -> str:
    """The root of a trace as it stands in a header of AWS X-Ray."""
    return f"Root=1-{int(time.time()):08x}-{_random.getrandbits(96):024x}"


def trace_header(given: str | None = None) -> str:
    """What a function is told of the trace it belongs to: what was given, with what that leaves open."""
    if given is None:
        given = new_trace_root()
    elif "Parent=" in given:
        return given  # whoever says this much has decided about samples as well
    sampled = "" if "Sampled=" in given else ";Sampled=0"  # nobody here takes any
    return f"{given};Parent={_random.getrandbits(64):016x}{sampled}"
