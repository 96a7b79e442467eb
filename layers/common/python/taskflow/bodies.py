"""JSON read strictly: what is ambiguous, can't be stored or would cost too much is refused before any route sees it."""

import json
from typing import Any, NoReturn

from taskflow.problems import BodyTooLarge, MalformedBody, UnsupportedBody

MAX_BYTES = 256 * 1024
_MAX_DEPTH = 32
_MAX_DIGITS = 30


def check_body(body: bytes, content_type: str) -> None:
    """Raises the problem that a body is; an empty one is none."""
    if not body:
        return
    if len(body) > MAX_BYTES:
        raise BodyTooLarge
    kind, _, parameters = content_type.lower().partition(";")
    if kind.strip() != "application/json" or parameters.replace('"', "").replace(" ", "") not in ("", "charset=utf-8"):
        raise UnsupportedBody
    parse(body)


def parse(body: bytes) -> Any:
    """The JSON value of a body, or MalformedBody."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse,
            parse_int=_short_integer,
            object_pairs_hook=_without_repeats,
        )
    except (ValueError, RecursionError):
        raise MalformedBody from None
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise MalformedBody("The body is nested too deeply.")
    if isinstance(value, str):
        _encodable(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _encodable(key)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)


def _encodable(text: str) -> None:
    # JSON's \ud800 is a character to Python and to nobody else.
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedBody("The body contains half of a surrogate pair.") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _short_integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("integer")
    return int(digits)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result
