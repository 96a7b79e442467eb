"""The trace header that API Gateway gives a request which has none, so that all that follows from it has one root."""

import re

from samlet.runtime.identifiers import new_trace_root

_NAME = "x-amzn-trace-id"
# Whoever else sends it may write what they like; a function's environment gets nothing but this.
_GOOD = re.compile(r"(?:[!-:<-~]{1,100};)*Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;[!-:<-~]{1,100})*")

type Headers = tuple[tuple[str, str], ...]


def traced(headers: Headers) -> tuple[Headers, str]:
    """Return the headers with a trace header among them, and its value; one with a root stays as it came."""
    strange = False
    for name, value in headers:
        if name == _NAME:
            if _GOOD.fullmatch(value):
                return headers, value
            strange = True
    root = new_trace_root()
    kept = tuple(header for header in headers if header[0] != _NAME) if strange else headers
    return (*kept, (_NAME, root)), root
