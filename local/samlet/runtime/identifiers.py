"""Identifiers of an event. They have to differ, not to be secret, and the system's random numbers cost too much."""

import os
import time
import uuid
from random import Random

_random = Random(os.urandom(32))  # noqa: S311


def new_request_id() -> str:
    """A request id: a UUID of version 4."""
    return str(uuid.UUID(int=_random.getrandbits(128), version=4))


def new_trace_id() -> str:
    """A trace header as AWS X-Ray writes it, of a trace that nobody samples."""
    noise = f"{_random.getrandbits(160):040x}"
    return f"Root=1-{int(time.time()):08x}-{noise[:24]};Parent={noise[24:]};Sampled=0"
