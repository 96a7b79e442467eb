"""W3C trace context: the one id that a request, its events and its mails share."""

import re
import secrets

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent_of(header: str | None) -> str:
    """The caller's traceparent if it is a valid one, otherwise the start of a new trace."""
    if header is not None and _TRACEPARENT.fullmatch(header):
        return header
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id(traceparent: str) -> str:
    """The part that all steps of a trace have in common: our correlation id."""
    return traceparent.split("-")[1]
