"""Origins that a CORS configuration allows: those that AWS refuses, or that no browser ever sends, are listed."""

import re
from collections.abc import Iterable

from samlet.template.stack import Resource, Stack

_HOST = r"(\[[0-9a-f:.]+\]|[^\s*/?#@:\[\]]+)(:\d{1,5})?"
_OF_GATEWAYS = re.compile(rf"\*|https?://(\*|{_HOST})", re.IGNORECASE)
_OF_URLS = re.compile(rf"\*|[a-z][a-z0-9+.-]*://(\*|{_HOST})", re.IGNORECASE)
_ORIGIN = re.compile(rf"(?:(https?)://)?({_HOST})(?:[/?#].*)?", re.IGNORECASE)


def note_origins(stack: Stack, resource: Resource, place: str, origins: Iterable[str]) -> None:
    """Notes the origins that can let nobody in; `place` is the property of the resource that lists them."""
    url = resource.type == "AWS::Lambda::Url"
    # The API of function URLs takes any text, but compares it with what a browser sends.
    reason = "is what no browser sends" if url else "is no origin that AWS takes"
    for origin in origins:
        stands_in = origin.partition(".")[0] in stack.resources  # for an attribute of something that is not made here
        if not stands_in and not (_OF_URLS if url else _OF_GATEWAYS).fullmatch(origin):
            stack.refuse(resource, f"{place}: {origin or 'an empty text'} {reason}; {_cure(origin)}")


def _cure(origin: str) -> str:
    meant = _ORIGIN.fullmatch(origin)
    if meant is None:
        return "give a scheme and a whole host, as in https://www.example.com, or *"
    return f"write {meant[1] or 'https'}://{meant[2]}"
