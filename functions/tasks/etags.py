"""A task's version as an ETag, and If-Match as RFC 9110 reads it."""

import re

from taskflow.problems import PreconditionFailed

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def etag_of(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


def check_if_match(if_match: str | None, version: int) -> None:
    """PreconditionFailed unless the header is absent, `*`, or names this version; a weak tag never matches."""
    if if_match is None or if_match.strip() == "*":
        return
    strong = {found.group(2) for found in _TAG.finditer(if_match) if not found.group(1)}
    if str(version) not in strong:
        raise PreconditionFailed
