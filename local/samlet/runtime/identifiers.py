"""Identifiers of an event. They have to differ, not to be secret, and the system's random numbers cost too much."""

import os
import time
from random import Random

_random = Random(os.urandom(32))  # noqa: S311


def new_request_id() -> str:
    """A request id: a UUID of version 4."""
    noise = f"{_random.getrandbits(128):032x}"
    return f"{noise[:8]}-{noise[8:12]}-4{noise[13:16]}-{'89ab'[int(noise[16], 16) % 4]}{noise[17:20]}-{noise[20:]}"


def new_nonce() -> str:
    """What tells one attempt of an event from another."""
    return f"{_random.getrandbits(128):032x}"


def new_trace_id() -> str:
    """A trace header as AWS X-Ray writes it, of a trace that nobody samples."""
    noise = f"{_random.getrandbits(160):040x}"
    return f"Root=1-{int(time.time()):08x}-{noise[:24]};Parent={noise[24:]};Sampled=0"
